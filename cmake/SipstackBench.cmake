# SPDX-License-Identifier: Apache-2.0
# Every bench/<name>.cpp is a benchmark of its own: build/<preset>/bench/bench_<name>.
find_package(benchmark REQUIRED)
file(GLOB benchmarks CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/*.cpp")
foreach(source IN LISTS benchmarks)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(bench_${name} "${source}")
    sipstack_compile_options(bench_${name})
    target_link_libraries(bench_${name} PRIVATE benchmark::benchmark_main sipstack::parser
        $<TARGET_NAME_IF_EXISTS:sipstack::testing> $<TARGET_NAME_IF_EXISTS:sipstack::sipstack>)
    target_include_directories(bench_${name} PRIVATE "${PROJECT_SOURCE_DIR}/src")
    target_compile_definitions(bench_${name} PRIVATE BOOST_ASIO_SEPARATE_COMPILATION)
    set_target_properties(bench_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bench")
endforeach()
