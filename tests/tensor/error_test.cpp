#include "support/catch.hpp"

#include <latent/tensor/error.hpp>

using namespace latent;

TEST_CASE("an error is one line", "[error]") {
    CHECK(message_of([] { fail("conv2d", "3 channels", "4"); }) ==
          "conv2d: got 3 channels, expected 4");
    CHECK(message_of([] { fail("a.json", "'x'", "a number", "see its line 3"); }) ==
          "a.json: got 'x', expected a number; see its line 3");
    REQUIRE_THROWS_AS(fail("a", "b", "c"), std::runtime_error);
}
