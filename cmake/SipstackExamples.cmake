# SPDX-License-Identifier: Apache-2.0
# Every examples/<name>.cpp is a program of its own, built as a user would: against the public headers. Those
# with media share examples/audio, and are built where oRTP is found.
set(media_examples ivr softphone)

# Nobody measures these: optimising them would only take time.
function(sipstack_example_options target)
    sipstack_compile_options(${target})
    if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
        target_compile_options(${target} PRIVATE -O0 -U_FORTIFY_SOURCE)
    endif()
endfunction()

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND AND NOT SIPSTACK_PARSER_ONLY)
    pkg_check_modules(ORTP QUIET IMPORTED_TARGET ortp)
endif()
if(ORTP_FOUND)
    file(GLOB audio CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/audio/*.cpp")
    add_library(example_audio STATIC ${audio})
    sipstack_example_options(example_audio)
    target_link_libraries(example_audio PUBLIC sipstack::sipstack PkgConfig::ORTP Threads::Threads)
endif()

file(GLOB examples CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/*.cpp")
foreach(source IN LISTS examples)
    get_filename_component(name "${source}" NAME_WE)
    if(name IN_LIST media_examples AND NOT ORTP_FOUND)
        message(STATUS "example ${name}: not built, oRTP (libortp-dev) is not found")
        continue()
    endif()
    add_executable(example_${name} "${source}")
    sipstack_example_options(example_${name})
    if(name MATCHES "^parse")  # these show that the parser stands alone
        target_link_libraries(example_${name} PRIVATE sipstack::parser)
    elseif(name IN_LIST media_examples)
        target_link_libraries(example_${name} PRIVATE example_audio)
    else()
        target_link_libraries(example_${name} PRIVATE $<TARGET_NAME_IF_EXISTS:sipstack::sipstack> Threads::Threads)
    endif()
    set_target_properties(example_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/examples")
endforeach()
