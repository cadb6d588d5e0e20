#include "support/blocks.hpp"
#include "support/catch.hpp"

#include <latent/blocks/downsample_2d.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("Downsample2D is diffusers', layer by layer", "[blocks]") {
    check_blocks<Downsample2D, Downsample2DConfig>(
        Golden("blocks/downsample_2d"), {
                                            {"right_bottom", {6, 6, 0}, {2, 6, 9, 8}},
                                            {"right_bottom_odd", {5, 5, 0}, {1, 5, 7, 7}},
                                            {"right_bottom_small", {4, 4, 0}, {1, 4, 2, 3}},
                                            {"right_bottom_fewer", {8, 5, 0}, {1, 8, 4, 6}},
                                            {"around", {6, 6, 1}, {1, 6, 9, 8}},
                                            {"around_one_pixel", {4, 7, 1}, {2, 4, 1, 1}},
                                        });
}

TEST_CASE("Downsample2D with padding 0 is Pad and a convolution without padding", "[blocks]") {
    TorchInit init(1), same(1);
    const Downsample2D<Cpu<float>> block(Weights{init}["block"], {4, 6, 0});
    const Conv2d<Cpu<float>> conv(
        Weights{same}["block.conv"],
        {.in_channels = 4, .out_channels = 6, .stride = 2, .padding = {}});
    Generator random(2);
    const auto x = uniform(random, {2, 4, 5, 6});
    const auto padded = Pad().forward(x);
    CHECK(padded.shape() == Shape{2, 4, 6, 7});
    CHECK(same_bits(block.forward(x), conv.forward(padded)));
}

TEST_CASE("Downsample2D refuses an image that it has no pixel left of", "[blocks]") {
    Recorder recorder;
    const Downsample2D<Meta> block(Weights{recorder}["block"], {4, 4, 0});
    const auto message = message_of([&] {
        (void)block.forward(Tensor<Meta>(Shape{1, 4, 1, 8}));
    });
    CHECK(contains(message, "[1, 4, 1, 8]"));
}
