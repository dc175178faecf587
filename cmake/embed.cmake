# Migrations: each room's sql/NNNN_name.sql files become one generated header with an array.
#   trib_embed_sql(TARGET ARRAY_NAME)   ->  #include "generated/<ARRAY_NAME>.h"
function(trib_embed_sql target array)
    file(GLOB files CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/sql/*.sql")
    list(SORT files)
    set(output "${PROJECT_BINARY_DIR}/generated/generated/${array}.h")
    add_custom_command(OUTPUT "${output}"
        COMMAND ${CMAKE_COMMAND} "-DOUTPUT=${output}" "-DARRAY=${array}" "-DFILES=${files}"
                -P "${PROJECT_SOURCE_DIR}/cmake/embed_sql.cmake"
        DEPENDS ${files} "${PROJECT_SOURCE_DIR}/cmake/embed_sql.cmake" VERBATIM)
    target_sources(${target} PRIVATE "${output}")
    target_include_directories(${target} PRIVATE "${PROJECT_BINARY_DIR}/generated")
endfunction()
