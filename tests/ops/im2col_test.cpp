#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/ops/im2col.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("im2col_pack puts 8 output channels side by side", "[im2col]") {
    Generator random(0);
    const auto weight = uniform(random, {11, 3, 2, 4});
    const auto packed = detail::im2col_pack(weight);
    CHECK(packed.shape() == Shape{2, 24, 8});
    for (std::int64_t k = 0; k < 16; ++k) {
        for (std::int64_t d = 0; d < 24; ++d) {
            const auto expected = k < 11 ? weight.data()[k * 24 + d] : 0.0F;
            CHECK(packed.data()[(k / 8 * 24 + d) * 8 + k % 8] == expected);
        }
    }
}

TEST_CASE("a gathered column is what the kernel sees", "[im2col]") {
    Generator random(0);
    const std::int64_t height = 5, width = 6;
    const auto x = uniform(random, {1, 2, height, width});
    const Conv2dGeometry geometry({1, 2, 3, 2}, {.stride = {2, 3}, .padding = {3, 4, 1, 2}});
    const auto y = geometry.output_shape(x.shape());
    const detail::Im2col<float> op{geometry, {x.data(), height * width, 0, height, width},
                                   nullptr,  nullptr,
                                   nullptr,  0,
                                   y[2],     y[3],
                                   nullptr,  {}};
    const auto pixels = y[2] * y[3];
    REQUIRE(pixels <= detail::tile_columns);
    const auto wide = op.tiles_at_once() * detail::tile_columns;
    Tensor<Cpu<float>> columns(Shape{geometry.depth(), wide});
    op.gather(0, 0, pixels, columns.data());
    std::int64_t d = 0;
    for (std::int64_t c = 0; c < 2; ++c) {
        for (std::int64_t u = 0; u < 3; ++u) {
            for (std::int64_t v = 0; v < 2; ++v, ++d) {
                for (std::int64_t t = 0; t < pixels; ++t) {
                    const auto row = t / y[3] * 2 - 1 + u;
                    const auto column = t % y[3] * 3 - 3 + v;
                    const bool inside =
                        row >= 0 && row < height && column >= 0 && column < width;
                    const auto expected =
                        inside ? x.data()[(c * height + row) * width + column] : 0.0F;
                    CAPTURE(c, u, v, t);
                    CHECK(columns.data()[d * wide + t] == expected);
                }
            }
        }
    }
}
