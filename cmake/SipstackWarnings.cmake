# SPDX-License-Identifier: Apache-2.0
# Compiler options of our own targets. Nothing here reaches a user of the library.
include(CheckPIESupported)
check_pie_supported()

if(SIPSTACK_SANITIZE)
    # For everything, since a sanitizer has to see the whole program.
    add_compile_options(-fsanitize=${SIPSTACK_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${SIPSTACK_SANITIZE})
    if(SIPSTACK_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        add_compile_options(-Wno-tsan)  # Asio has fences, which ThreadSanitizer passes over
    endif()
endif()

function(sipstack_compile_options target)
    if(NOT CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
        return()
    endif()
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
        target_compile_options(${target} PRIVATE -Wno-restrict)  # false with std::string's + : GCC PR 105651
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # Nobody puts another definition before ours at run time; clang takes that for granted.
        target_compile_options(${target} PRIVATE -fno-semantic-interposition)
    endif()
    if(SIPSTACK_WERROR)
        target_compile_options(${target} PRIVATE -Werror)
    endif()
    if(SIPSTACK_HARDENING)
        set(fortify 2)
        if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12)
            set(fortify 3)
        endif()
        target_compile_options(${target} PRIVATE
            -fstack-protector-strong -U_FORTIFY_SOURCE $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=${fortify}>)
        target_compile_definitions(${target} PRIVATE _GLIBCXX_ASSERTIONS)
        target_link_options(${target} PRIVATE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
    endif()
endfunction()

# From nothing: what most files of a target begin with is compiled once, and several files at a time, which
# takes half as long. Every file includes what it uses and has names of its own all the same; builds without
# the option see to the first.
function(sipstack_precompile target)
    if(SIPSTACK_PRECOMPILE AND ARGN)
        target_precompile_headers(${target} PRIVATE ${ARGN})
    endif()
endfunction()
function(sipstack_together target)
    if(SIPSTACK_PRECOMPILE)
        set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
        if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
            target_compile_options(${target} PRIVATE -Wno-subobject-linkage)  # takes what is included for a header
        endif()
    endif()
endfunction()
