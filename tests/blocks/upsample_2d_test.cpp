#include "support/blocks.hpp"
#include "support/catch.hpp"

#include <latent/blocks/upsample_2d.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("Upsample2D is diffusers', layer by layer", "[blocks]") {
    check_blocks<Upsample2D, Upsample2DConfig>(Golden("blocks/upsample_2d"),
                                               {
                                                   {"conv", {6, 6}, {2, 6, 5, 7}},
                                                   {"more", {5, 9}, {1, 5, 3, 4}},
                                                   {"one_pixel", {4, 4}, {1, 4, 1, 1}},
                                                   {"plain", {3, 3, false}, {1, 3, 4, 5}},
                                               });
}
