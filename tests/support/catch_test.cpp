#include "support/catch.hpp"

#include <latent/tensor/error.hpp>

#include <stdexcept>

using namespace latent;

TEST_CASE("message_of gives the text of a latent::Error", "[support]") {
    const auto message = message_of([] { fail("conv2d", "3", "4", "look here"); });
    CHECK(contains(message, "conv2d"));
    CHECK(contains(message, "look here"));
    CHECK(!contains(message, "group_norm"));
}

TEST_CASE("message_of lets another exception through", "[support]") {
    const auto call = [] { return message_of([] { throw std::runtime_error("other"); }); };
    REQUIRE_THROWS_AS(call(), std::runtime_error);
}

TEST_CASE("message_of fails where nothing is thrown", "[support][!shouldfail]") {
    CHECK(message_of([] {}).empty());
}
