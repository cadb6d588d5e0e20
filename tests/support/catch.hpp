/// The one way in to Catch2, for version 3 and version 2 alike. Tests use what both have:
/// TEST_CASE, SECTION, REQUIRE, CHECK, INFO, CAPTURE, REQUIRE_THROWS_AS, and the helpers below.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <latent/tensor/error.hpp>

#include <string>
#include <string_view>

namespace latent::test {

/// Marks the running test case as skipped and prints `SKIPPED: reason`; the test then returns:
///     if (!data) return skip("LATENT_DATA is not set: no trained weights to load");
void skip(std::string_view reason);

/// The text of the latent::Error that `call` throws. Where nothing is thrown the test fails and
/// the text is empty; another exception goes through to Catch2, which fails the test with it.
template <class Call>
[[nodiscard]] std::string message_of(Call&& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    FAIL_CHECK("expected a latent::Error, but nothing was thrown");
    return {};
}

/// Whether `text` has `part` in it.
[[nodiscard]] inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

} // namespace latent::test

// Every test speaks of these, whichever namespaces it opens.
using latent::test::contains;
using latent::test::message_of;
using latent::test::skip;
