# nanopb: SCHEMA.proto and SCHEMA.options in the current folder become one library.
#   trib_messages(TARGET SCHEMA)   ->  #include "<folder>/<SCHEMA>.pb.h"
find_program(NANOPB_GENERATOR nanopb_generator.py REQUIRED)
# Debian's generator is a Python program whose modules belong to Debian's Python.
find_program(DEBIAN_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)

function(trib_messages target schema)
    file(RELATIVE_PATH folder "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
    set(output "${PROJECT_BINARY_DIR}/generated/${folder}")
    add_custom_command(
        OUTPUT "${output}/${schema}.pb.c" "${output}/${schema}.pb.h"
        COMMAND ${CMAKE_COMMAND} -E make_directory "${output}"
        COMMAND "${DEBIAN_PYTHON}" "${NANOPB_GENERATOR}" --quiet --no-timestamp
                "--options-file=${CMAKE_CURRENT_SOURCE_DIR}/${schema}.options"
                "--output-dir=${output}" "--proto-path=${CMAKE_CURRENT_SOURCE_DIR}"
                "${CMAKE_CURRENT_SOURCE_DIR}/${schema}.proto"
        DEPENDS ${schema}.proto ${schema}.options
        VERBATIM)
    add_library(${target} STATIC "${output}/${schema}.pb.c" "${output}/${schema}.pb.h")
    target_include_directories(${target} SYSTEM PUBLIC "${PROJECT_BINARY_DIR}/generated")
    target_link_libraries(${target} PUBLIC trib::nanopb)
    target_compile_options(${target} PRIVATE -w) # not our code
endfunction()
