#include "support/catch.hpp"

#include <latent/ops/conv2d_geometry.hpp>

using namespace latent;

TEST_CASE("Conv2dGeometry follows torch's sizes", "[conv2d]") {
    const auto size = [](std::int64_t in, std::int64_t kernel, std::int64_t stride,
                         const Padding& padding, std::int64_t upsample = 1) {
        const Conv2dGeometry geometry({4, 2, kernel, kernel},
                                      {.stride = {stride, stride}, .padding = padding});
        return geometry.output_shape({1, 2, in, in}, upsample);
    };
    CHECK(size(8, 3, 1, Padding::all(1)) == Shape{1, 4, 8, 8});
    CHECK(size(8, 3, 2, Padding::all(1)) == Shape{1, 4, 4, 4});
    CHECK(size(9, 3, 2, Padding::all(1)) == Shape{1, 4, 5, 5});
    CHECK(size(9, 3, 2, {0, 1, 0, 1}) == Shape{1, 4, 4, 4});
    CHECK(size(8, 4, 4, {}) == Shape{1, 4, 2, 2});
    CHECK(size(3, 3, 1, {}) == Shape{1, 4, 1, 1});
    CHECK(size(5, 3, 1, {2, 0, 0, 0}) == Shape{1, 4, 3, 5});
    CHECK(size(5, 3, 1, Padding::all(1), 3) == Shape{1, 4, 15, 15});
}

TEST_CASE("Conv2dGeometry chooses the fast form", "[conv2d]") {
    const Conv2dGeometry same({4, 5, 3, 3}, {.padding = Padding::all(1)});
    CHECK(same.depth() == 45);
    CHECK(same.uses_winograd());
    CHECK(same.fuses_upsampling(2));
    CHECK_FALSE(same.fuses_upsampling(3));
    CHECK_FALSE(Conv2dGeometry({4, 5, 3, 3}, {}).fuses_upsampling(2));
    CHECK_FALSE(Conv2dGeometry({4, 5, 3, 3}, {.stride = {1, 2}}).uses_winograd());
    CHECK_FALSE(Conv2dGeometry({4, 5, 3, 1}, {}).uses_winograd());
    // So few channels are as exact as can be.
    const Conv2dGeometry few({64, 4, 3, 3}, {.padding = Padding::all(1)});
    CHECK_FALSE(few.uses_winograd());
    CHECK_FALSE(few.fuses_upsampling(2));
    CHECK_FALSE(few.fuses_norm());
}

TEST_CASE("Conv2dGeometry says what is wrong", "[conv2d]") {
    const Conv2dGeometry geometry({4, 2, 3, 3}, {});
    CHECK(contains(message_of([&] {
                       (void)geometry.output_shape({1, 3, 8, 8});
                   }),
                   "[N, 2, H, W]"));
    CHECK(contains(message_of([&] { (void)geometry.output_shape({1, 2, 8, 2}); }), "pixels"));
    CHECK(contains(message_of([] { Conv2dGeometry({4, 0, 3, 3}, {}); }), "weight"));
    CHECK(contains(message_of([] {
                       Conv2dGeometry({4, 2, 3, 3}, {.stride = {0, 1}});
                   }),
                   "stride"));
    CHECK(contains(message_of([] {
                       Conv2dGeometry({4, 2, 3, 3}, {.padding = {.bottom = -1}});
                   }),
                   "padding"));
}
