# SPDX-License-Identifier: Apache-2.0
# Every fuzz/<name>.cpp is a libFuzzer target of its own: build/fuzz/fuzz/fuzz_<name>. Needs clang and
# -fsanitize=fuzzer-no-link for the libraries, which the preset fuzz sets.
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "libFuzzer comes with clang: use ./dev fuzz, or the preset fuzz")
endif()
file(GLOB fuzzers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/fuzz/*.cpp")
foreach(source IN LISTS fuzzers)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(fuzz_${name} "${source}")
    sipstack_compile_options(fuzz_${name})
    target_link_libraries(fuzz_${name} PRIVATE sipstack::parser $<TARGET_NAME_IF_EXISTS:sipstack::testing>
        $<TARGET_NAME_IF_EXISTS:sipstack::core>)
    target_include_directories(fuzz_${name} PRIVATE "${PROJECT_SOURCE_DIR}/src")
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
endforeach()
