# Compiler and linker settings for everything that Tributary builds.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug or Release" FORCE)
endif()

option(TRIB_WERROR "Warnings are errors" OFF)
option(TRIB_TESTS "Build the tests" ON)
option(TRIB_COVERAGE "Count which lines and branches run: see tests/coverage" OFF)
set(TRIB_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF) # hides POSIX from pure code; adapters ask for it by name
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_compile_options(
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wdouble-promotion
    -Wfloat-conversion -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wcast-align
    -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wswitch-enum -Wimplicit-fallthrough
    -fno-common
    -ffp-contract=off # a fused multiply-add would change training bits between processors
    "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=" "-ffile-prefix-map=${CMAKE_BINARY_DIR}=build")
if(TRIB_WERROR)
    add_compile_options(-Werror)
endif()

if(TRIB_SANITIZE)
    add_compile_options(-fsanitize=${TRIB_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${TRIB_SANITIZE})
else()
    add_compile_options($<$<CONFIG:Release>:-U_FORTIFY_SOURCE> $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=3>)
endif()
if(TRIB_COVERAGE)
    # Atomic, since several threads count. The last -O wins, so this holds in every build type.
    add_compile_options(--coverage -fprofile-update=atomic -O0)
    add_link_options(--coverage)
endif()
add_compile_options(-fstack-protector-strong -fstack-clash-protection -fPIE)
add_link_options($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie> -Wl,-z,relro,-z,now,-z,noexecstack)
