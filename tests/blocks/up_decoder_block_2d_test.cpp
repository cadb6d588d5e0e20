#include "support/blocks.hpp"
#include "support/catch.hpp"

#include <latent/blocks/up_decoder_block_2d.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("UpDecoderBlock2D is diffusers', layer by layer", "[blocks]") {
    constexpr auto silu = Activation::silu;
    check_blocks<UpDecoderBlock2D, UpDecoderBlock2DConfig>(
        Golden("blocks/up_decoder_block_2d"),
        {
            {"plain", {12, 8, 2, 4}, {2, 12, 3, 4}},
            {"last", {12, 12, 1, 4, silu, false}, {1, 12, 5, 6}},
            {"attention", {16, 8, 2, 4, silu, true, 8}, {1, 16, 3, 5}},
            {"four_heads", {12, 12, 1, 4, silu, false, 3}, {2, 12, 4, 3}},
        });
}
