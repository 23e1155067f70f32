# SPDX-License-Identifier: Apache-2.0
# Every bench/<name>.cpp is a benchmark of its own: build/<preset>/bench/bench_<name>.
find_package(benchmark REQUIRED)
file(GLOB benchmarks CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/*.cpp")
foreach(source IN LISTS benchmarks)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(bench_${name} "${source}")
    sipstack_compile_options(bench_${name})
    target_link_libraries(bench_${name} PRIVATE benchmark::benchmark_main sipstack::parser
        $<TARGET_NAME_IF_EXISTS:sipstack::core> $<TARGET_NAME_IF_EXISTS:sipstack::testing>)
    # Asio takes minutes to compile: only for those that have sockets.
    file(STRINGS "${source}" with_sockets REGEX "#include \"sipstack/(transport|endpoint)/")
    if(with_sockets)
        target_link_libraries(bench_${name} PRIVATE $<TARGET_NAME_IF_EXISTS:sipstack::sipstack>)
    endif()
    target_include_directories(bench_${name} PRIVATE "${PROJECT_SOURCE_DIR}/src")
    target_compile_definitions(bench_${name} PRIVATE BOOST_ASIO_SEPARATE_COMPILATION)
    set_target_properties(bench_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bench")
endforeach()

# A peer to compare with, where it is installed.
find_path(SIPSTACK_OSIP_INCLUDE osip2/osip.h)
find_library(SIPSTACK_OSIP_LIBRARY osip2)
find_library(SIPSTACK_OSIP_PARSER_LIBRARY osipparser2)
if(SIPSTACK_OSIP_INCLUDE AND SIPSTACK_OSIP_LIBRARY AND SIPSTACK_OSIP_PARSER_LIBRARY AND TARGET bench_transaction)
    target_include_directories(bench_transaction SYSTEM PRIVATE "${SIPSTACK_OSIP_INCLUDE}")
    target_link_libraries(bench_transaction PRIVATE "${SIPSTACK_OSIP_LIBRARY}" "${SIPSTACK_OSIP_PARSER_LIBRARY}")
    target_compile_definitions(bench_transaction PRIVATE SIPSTACK_BENCH_OSIP)
endif()
