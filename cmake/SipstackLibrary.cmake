# SPDX-License-Identifier: Apache-2.0
# sipstack_library(<name> LAYERS <layer>... [FILES <pattern>...] [PRECOMPILE <header>...]): target
# sipstack_<name>, alias sipstack::<name>, of the sources of these layers, or of those of them whose names
# without extension fit a pattern (a layer with several libraries: the stores, each with what it links); static or shared by BUILD_SHARED_LIBS; of headers alone where there is no
# source. Sets in the caller sipstack_<name>_compiled (whether there is anything to link) and
# sipstack_<name>_scope (PUBLIC or INTERFACE, for what users need too).
function(sipstack_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LAYERS;FILES;PRECOMPILE")
    set(target sipstack_${name})
    set(sources "")
    set(grammars "")
    if(NOT arg_FILES)
        set(arg_FILES "*")
    endif()
    foreach(layer IN LISTS arg_LAYERS)
        foreach(pattern IN LISTS arg_FILES)
            file(GLOB found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${layer}/${pattern}.cpp")
            list(APPEND sources ${found})
        endforeach()
        file(GLOB found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${layer}/*.rl")
        list(APPEND grammars ${found})
    endforeach()
    sipstack_ragel(generated ${grammars})

    # src/<layer>/isa is included by src/<layer>/isa_*.cpp, once for every instruction set.
    set(included "")
    set(instruction_sets "")
    foreach(layer IN LISTS arg_LAYERS)
        file(GLOB found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${layer}/isa/*.rl")
        sipstack_ragel(found_generated ${found})
        list(APPEND included ${found_generated})
        file(GLOB found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${layer}/isa_*.cpp")
        list(APPEND instruction_sets ${found})
    endforeach()
    if(included)
        set_source_files_properties(${included} PROPERTIES HEADER_FILE_ONLY TRUE)
        set_source_files_properties(${instruction_sets} PROPERTIES
            COMPILE_OPTIONS "-Wno-implicit-fallthrough;-Wno-unused-const-variable;$<$<CONFIG:Release>:-O3>"
            INCLUDE_DIRECTORIES "${PROJECT_BINARY_DIR}/ragel"
            OBJECT_DEPENDS "${included}")
    endif()

    if(sources OR generated)
        set(compiled TRUE)
        set(scope PUBLIC)
        add_library(${target} ${sources} ${generated} ${included})
        sipstack_compile_options(${target})
        if(name STREQUAL "parser" AND SIPSTACK_SANITIZE)
            target_compile_options(${target} PRIVATE -O1)  # which every test and every fuzz target waits for
            if(SIPSTACK_BUILD_FUZZ)
                target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)  # tells the targets their way
            endif()
        endif()
        target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/src")
        sipstack_precompile(${target} ${arg_PRECOMPILE})
        if(NOT name STREQUAL "parser")  # whose files are for the optimiser one by one
            sipstack_together(${target})
        endif()
        set_target_properties(${target} PROPERTIES
            VERSION ${PROJECT_VERSION}
            # Until 1.0 a minor version may change the ABI.
            SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    else()
        set(compiled FALSE)
        set(scope INTERFACE)
        add_library(${target} INTERFACE)
    endif()
    add_library(sipstack::${name} ALIAS ${target})

    # libsipstack-parser, libsipstack-core, libsipstack-testing and plain libsipstack
    if(name STREQUAL "sipstack")
        set(output sipstack)
    else()
        set(output sipstack-${name})
    endif()
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
    if(compiled)
        set_target_properties(${target} PROPERTIES OUTPUT_NAME ${output})
    endif()
    target_compile_features(${target} ${scope} cxx_std_17)
    target_include_directories(${target} ${scope}
        "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
        "$<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>"
        "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")

    set(sipstack_${name}_compiled ${compiled} PARENT_SCOPE)
    set(sipstack_${name}_scope ${scope} PARENT_SCOPE)
    set(sipstack_${name}_layers ${arg_LAYERS} PARENT_SCOPE)
    set(sipstack_${name}_files ${arg_FILES} PARENT_SCOPE)
endfunction()
