# SPDX-License-Identifier: Apache-2.0
# sipstack_ragel(<out-var> <file.rl>...): C++ in the build directory from Ragel grammars.
#
# Ragel is needed to build, never to use an installed library. -G2 makes goto-driven machines, the
# fastest kind. Grammars include each other by name, so each result depends on all of them.
function(sipstack_ragel out)
    set(generated "")
    if(ARGN)
        find_program(SIPSTACK_RAGEL ragel REQUIRED)
    endif()
    foreach(grammar IN LISTS ARGN)
        get_filename_component(folder "${grammar}" DIRECTORY)
        get_filename_component(layer "${folder}" NAME)
        get_filename_component(name "${grammar}" NAME_WE)
        set(result "${PROJECT_BINARY_DIR}/ragel/${layer}/${name}.cpp")
        file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/ragel/${layer}")
        add_custom_command(
            OUTPUT "${result}"
            COMMAND "${SIPSTACK_RAGEL}" -C -G2 -I "${folder}" -I "${PROJECT_SOURCE_DIR}/src" -o "${result}" "${grammar}"
            DEPENDS ${ARGN}
            COMMENT "Ragel ${layer}/${name}.rl"
            VERBATIM)
        # What Ragel writes falls through its case labels, by design, and names every entry state.
        set_source_files_properties("${result}" PROPERTIES
            COMPILE_OPTIONS "-Wno-implicit-fallthrough;-Wno-unused-const-variable"
            INCLUDE_DIRECTORIES "${folder}")
        list(APPEND generated "${result}")
    endforeach()
    set(${out} "${generated}" PARENT_SCOPE)
endfunction()
