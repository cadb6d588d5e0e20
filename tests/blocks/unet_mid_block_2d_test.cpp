#include "support/blocks.hpp"
#include "support/catch.hpp"

#include <latent/blocks/unet_mid_block_2d.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("UNetMidBlock2D is diffusers', layer by layer", "[blocks]") {
    constexpr auto silu = Activation::silu;
    check_blocks<UNetMidBlock2D, UNetMidBlock2DConfig>(
        Golden("blocks/unet_mid_block_2d"),
        {
            {"attention", {16, 0, 1, 4, silu, true, 16}, {1, 16, 5, 7}},
            {"four_heads", {8, 0, 1, 4, silu, true, 2}, {2, 8, 3, 4}},
            {"without", {12, 0, 1, 4, silu, false}, {1, 12, 2, 3}},
            {"two_layers", {8, 0, 2, 4, silu, true, 4}, {1, 8, 9, 11}},
            {"temb", {8, 24, 1, 4, silu, true, 1}, {2, 8, 3, 3}, 24},
        });
}
