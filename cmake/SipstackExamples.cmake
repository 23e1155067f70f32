# SPDX-License-Identifier: Apache-2.0
# Every examples/<name>.cpp is a program of its own, built as a user would: against the public headers.
file(GLOB examples CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/*.cpp")
foreach(source IN LISTS examples)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(example_${name} "${source}")
    sipstack_compile_options(example_${name})
    if(name MATCHES "^parse")  # these show that the parser stands alone
        target_link_libraries(example_${name} PRIVATE sipstack::parser)
    else()
        target_link_libraries(example_${name} PRIVATE $<TARGET_NAME_IF_EXISTS:sipstack::sipstack> Threads::Threads)
    endif()
    set_target_properties(example_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/examples")
endforeach()
