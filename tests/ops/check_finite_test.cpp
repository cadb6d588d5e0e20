#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/threads.hpp"

#include <latent/ops/check_finite.hpp>

#include <cmath>
#include <limits>

using namespace latent;
using namespace latent::test;

namespace {

constexpr auto infinity = std::numeric_limits<float>::infinity();
constexpr auto nan_value = std::numeric_limits<float>::quiet_NaN();

} // namespace

TEST_CASE("extremes finds the first that is not finite, and the largest that is",
          "[check_finite]") {
    Generator random(6);
    auto x = uniform(random, {1, 2, 100, 300}); // several blocks
    x.data()[50000] = -7;
    auto found = extremes(x);
    CHECK(found.largest == 7);
    CHECK(found.not_finite == 0);
    CHECK_FALSE(found.first);
    for (const auto value : {nan_value, infinity, -infinity}) {
        x.data()[40000] = value;
        x.data()[59999] = value;
        found = extremes(x);
        CHECK(found.largest == 7);
        CHECK(found.not_finite == 2);
        REQUIRE(found.first);
        CHECK(*found.first == 40000);
    }
    CHECK(extremes(Tensor<Cpu<double>>(Shape{0})).largest == 0);
}

TEST_CASE("a place is told by its indices", "[check_finite]") {
    CHECK(place_text({2, 3, 4}, 0) == "[0, 0, 0]");
    CHECK(place_text({2, 3, 4}, 23) == "[1, 2, 3]");
    CHECK(place_text({5}, 3) == "[3]");
}

TEST_CASE("the first broken layer ends the run, the first overflow of half is remembered",
          "[check_finite]") {
    const FiniteCheck check;
    Tensor<Cpu<float>> x({1, 1, 2, 2});
    std::ranges::fill(x.values(), 65504.0F);
    check("calm", x);
    CHECK_FALSE(check.half_overflow());
    x.data()[1] = -65536;
    check("large", x);
    x.data()[1] = 1e30F;
    check("larger", x);
    REQUIRE(check.half_overflow());
    CHECK(check.half_overflow()->path == "large");
    CHECK(check.half_overflow()->largest == 65536);
    check("planned", Tensor<Meta>({3}));

    x.data()[3] = nan_value;
    const auto message = message_of([&] { check("broken", x); });
    CHECK(contains(message, "broken: got NaN at [0, 0, 1, 1], the first of 1 in [1, 1, 2, 2]"));
    CHECK(contains(message, "behind large, which reached 6.554e+04"));
    x.data()[0] = -infinity;
    CHECK(contains(message_of([&] { FiniteCheck()("first", x); }),
                   "first: got -inf at [0, 0, 0, 0], the first of 2"));
}
