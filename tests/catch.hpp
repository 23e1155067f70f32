// SPDX-License-Identifier: Apache-2.0
// Catch2, version 2 or 3: tests include this and nothing else of it.
#pragma once

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_message.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/catch_tostring.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

// Ends the test with a word where something that it needs is absent. Catch2 2 has no SKIP.
#define SIPSTACK_SKIP(why)      \
  do {                          \
    WARN("skipped: " << (why)); \
    return;                     \
  } while (false)
