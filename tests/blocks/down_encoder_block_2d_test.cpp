#include "support/blocks.hpp"
#include "support/catch.hpp"

#include <latent/blocks/down_encoder_block_2d.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("DownEncoderBlock2D is diffusers', layer by layer", "[blocks]") {
    constexpr auto silu = Activation::silu, mish = Activation::mish;
    check_blocks<DownEncoderBlock2D, DownEncoderBlock2DConfig>(
        Golden("blocks/down_encoder_block_2d"),
        {
            {"plain", {8, 12, 2, 4, silu, true, 0}, {2, 8, 7, 6}},
            {"last", {12, 12, 1, 4, silu, false}, {1, 12, 5, 6}},
            {"mish", {8, 8, 1, 4, mish}, {1, 8, 5, 7}},
            {"attention", {8, 16, 2, 4, silu, true, 0, 16}, {1, 8, 7, 5}},
            {"four_heads", {12, 12, 1, 4, silu, false, 0, 3}, {2, 12, 4, 3}},
        });
}
