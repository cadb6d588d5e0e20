#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/ops/conv2d.hpp>
#include <latent/ops/pad.hpp>

#include <cstdint>

using namespace latent;
using namespace latent::test;

TEST_CASE("pad puts zeros around, as many as each side asks for", "[pad]") {
    Generator random(4);
    const auto x = uniform(random, {2, 3, 4, 5});
    const Padding by{.left = 2, .right = 1, .top = 0, .bottom = 3};
    const auto y = pad(x, by);
    REQUIRE(y.shape() == Shape{2, 3, 7, 8});
    for (std::int64_t plane = 0; plane < 6; ++plane) {
        for (std::int64_t i = 0; i < 7; ++i) {
            for (std::int64_t j = 0; j < 8; ++j) {
                const bool inside = i < 4 && j >= 2 && j < 7;
                const auto expected = inside ? x.data()[(plane * 4 + i) * 5 + j - 2] : 0.0F;
                CHECK(y.data()[(plane * 7 + i) * 8 + j] == expected);
            }
        }
    }
    CHECK(same_bits(pad(x, {}), x));
    CHECK(pad(Tensor<Meta>(x.shape()), by).shape() == y.shape());
}

TEST_CASE("a convolution that pads by itself has the bits of pad and a plain one", "[pad]") {
    Generator random(5);
    const auto x = uniform(random, {1, 3, 9, 8});
    const auto weight = uniform(random, {4, 3, 3, 3});
    const Padding by{.left = 0, .right = 1, .top = 0, .bottom = 1};
    const Conv2dKernel<Cpu<float>> alone(weight, std::nullopt, {.stride = {2, 2}});
    const Conv2dKernel<Cpu<float>> padding(weight, std::nullopt,
                                           {.stride = {2, 2}, .padding = by});
    CHECK(same_bits(conv2d(pad(x, by), alone), conv2d(x, padding)));
}

TEST_CASE("pad says what is wrong", "[pad]") {
    using T = Tensor<Cpu<float>>;
    CHECK(contains(message_of([] { (void)pad(T({1, 1, 2, 2}), {.top = -1}); }), "negative"));
    CHECK(contains(message_of([] { (void)pad(T({2, 2}), {}); }), "[N, C, H, W]"));
}
