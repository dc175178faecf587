# A room is a folder: its .c files are one static library, each *_test.c beside them one test. What
# several of a room's tests share stands in *_fixture.c, which is compiled into each of them.
#
#   trib_room(NAME [POSIX] DEPENDS room... LIBRARIES trib::x...)
#
# POSIX shows the system's interfaces to the room's files; only adapters ask for it. In tests what is
# freed is written over (MALLOC_PERTURB_), so that looking at it shows without a sanitizer as well.

function(trib_room name)
    cmake_parse_arguments(R "POSIX" "" "DEPENDS;LIBRARIES;TEST_DEPENDS" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.c")
    file(GLOB tests CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*_test.c")
    file(GLOB fixtures CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*_fixture.c")
    if(tests OR fixtures)
        list(REMOVE_ITEM sources ${tests} ${fixtures})
    endif()
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}")
    target_link_libraries(${name} PUBLIC ${R_DEPENDS} PRIVATE ${R_LIBRARIES})
    if(R_POSIX)
        target_compile_definitions(${name} PRIVATE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
    endif()
    if(TRIB_TESTS)
        foreach(test IN LISTS tests)
            get_filename_component(stem "${test}" NAME_WE)
            set(target "${name}_${stem}")
            add_executable(${target} "${test}" ${fixtures})
            target_compile_definitions(${target} PRIVATE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
            target_link_libraries(${target} PRIVATE ${name} ${R_TEST_DEPENDS} trib::cmocka ${R_LIBRARIES} m)
            add_test(NAME unit.${name}.${stem} COMMAND ${target})
            set_tests_properties(unit.${name}.${stem} PROPERTIES LABELS unit TIMEOUT 300
                ENVIRONMENT "TRIB_SOURCE=${PROJECT_SOURCE_DIR};TRIB_BUILD=${PROJECT_BINARY_DIR};MALLOC_PERTURB_=165")
        endforeach()
    endif()
endfunction()
