#include "support/blocks.hpp"
#include "support/catch.hpp"

#include <latent/blocks/resnet_block_2d.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("ResnetBlock2D is diffusers', layer by layer", "[blocks]") {
    using C = ResnetBlock2DConfig;
    check_blocks<ResnetBlock2D, C>(
        Golden("blocks/resnet_block_2d"),
        {
            {"equal", {16, 16, 4}, {2, 16, 5, 7}},
            {"shortcut", {12, 20, 4}, {1, 12, 6, 5}},
            {"mish", {8, 8, 2, 1e-6, Activation::mish}, {1, 8, 7, 4}},
            {"gelu", {6, 9, 3, 1e-6, Activation::gelu}, {1, 6, 4, 5}},
            {"a_group_a_channel", {10, 10, 10}, {1, 10, 3, 6}},
            {"one_pixel", {8, 8, 2}, {1, 8, 1, 1}},
            {"32_groups", {64, 32, 32}, {1, 64, 9, 8}},
            {"chosen_shortcut",
             {.in_channels = 8, .out_channels = 8, .groups = 4, .use_in_shortcut = true},
             {1, 8, 5, 3}},
            {"temb", {16, 16, 4, 1e-6, Activation::silu, 24}, {2, 16, 4, 5}, 24},
            {"temb_mish", {8, 12, 4, 1e-6, Activation::mish, 10}, {1, 8, 5, 5}, 10},
        });
}

TEST_CASE("ResnetBlock2D says what is wrong", "[blocks]") {
    TorchInit init(1);
    const ResnetBlock2D<Cpu<float>> block(Weights{init}["resnets.0"], {8, 12, 4});
    const Tensor<Cpu<float>> x(Shape{1, 7, 3, 3}), temb(Shape{1, 10});
    const auto channels = message_of([&] { (void)block.forward(x.clone()); });
    CHECK(contains(channels, "7 channels in 4 groups"));
    const Tensor<Cpu<float>> fitting(Shape{1, 8, 3, 3});
    const auto embedding = message_of([&] { (void)block.forward(fitting.clone(), temb); });
    CHECK(contains(embedding, "resnets.0"));
    CHECK(contains(embedding, "temb_channels"));
}
