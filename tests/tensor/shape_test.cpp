#include "support/catch.hpp"

#include <latent/tensor/shape.hpp>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

using namespace latent;

TEST_CASE("a shape knows its rank, its dimensions and their product", "[shape]") {
    const Shape shape{2, 3, 5, 7};
    CHECK(shape.rank() == 4);
    CHECK(shape.numel() == 210);
    CHECK(shape[2] == 5);
    CHECK(shape.dims().size() == 4);
    CHECK(to_string(shape) == "[2, 3, 5, 7]");
    CHECK(shape == Shape(std::vector<std::int64_t>{2, 3, 5, 7}));
    CHECK_FALSE(shape == Shape{2, 3, 5});
    CHECK_FALSE(shape == Shape{2, 3, 7, 5});
    REQUIRE_THROWS_AS(shape[4], std::out_of_range);
}

TEST_CASE("rank 0 is a number, a dimension of 0 is nothing", "[shape]") {
    CHECK(Shape().numel() == 1);
    CHECK(to_string(Shape()) == "[]");
    CHECK(Shape{3, 0, 2}.numel() == 0);
    CHECK(Shape{0}.rank() == 1);
}

TEST_CASE("impossible shapes are refused", "[shape]") {
    const auto message = message_of([] { (void)Shape{2, -1}; });
    CHECK(contains(message, "[2, -1]"));
    CHECK(contains(message, "at least 0"));
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    CHECK(Shape{most}.numel() == most);
    CHECK(contains(message_of([] { (void)Shape{most, 2}; }), "2^63"));
    CHECK(contains(message_of([] { (void)Shape{1 << 30, 1 << 30, 1 << 30}; }), "2^63"));
    // Nothing is in it, so nothing overflows.
    CHECK(Shape{most, 2, 0}.numel() == 0);
}
