#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/ops/conv2d.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("winograd_pack transforms every filter", "[winograd]") {
    Generator random(0);
    const auto weight = as<double>(uniform(random, {9, 2, 3, 3}));
    Tensor<Cpu<double>> packed(Shape{16, 2, 2, 8});
    detail::winograd_pack(detail::im2col_pack(weight).data(), 2, 2, detail::WinogradForm::f2,
                          packed.data());
    const auto at = [&](std::int64_t point, std::int64_t k, std::int64_t c) {
        return packed.data()[((point * 2 + k / 8) * 2 + c) * 8 + k % 8];
    };
    for (std::int64_t k = 0; k < 9; ++k) {
        for (std::int64_t c = 0; c < 2; ++c) {
            const double* g = weight.data() + (k * 2 + c) * 9;
            // The corners of G g G^T are g's own, and the middle ones are sums over all of it.
            CHECK(at(0, k, c) == g[0]);
            CHECK(at(3, k, c) == g[2]);
            CHECK(at(12, k, c) == g[6]);
            CHECK(at(15, k, c) == g[8]);
            double sum = 0;
            for (int i = 0; i < 9; ++i) sum += g[i];
            CHECK(std::abs(at(5, k, c) - sum / 4) <= 1e-15);
        }
    }
    for (std::int64_t k = 9; k < 16; ++k) CHECK(at(5, k, 0) == 0);
}

TEST_CASE("the points of F(4x4, 3x3) make a convolution", "[winograd]") {
    // One tile, in double: Winograd against the definition.
    Generator random(3);
    const auto x = as<double>(uniform(random, {1, 5, 4, 4}));
    const auto weight = as<double>(uniform(random, {1, 5, 3, 3}));
    const Conv2dKernel<Cpu<double>> fast(weight, {},
                                         {.padding = Padding::all(1), .fast = true});
    const auto truth =
        reference::conv2d(x, weight, Tensor<Cpu<double>>(), {.padding = Padding::all(1)});
    CHECK(closeness(conv2d(x, fast), truth).relative <= 1e-14);
    REQUIRE(fast.geometry().uses_winograd());
    CHECK(detail::winograd_form(fast.geometry()) == detail::WinogradForm::f4);
}

TEST_CASE("blocks of tiles cover an image once", "[winograd]") {
    for (const std::int64_t width : {1, 5, 16, 31, 96, 97, 250, 256}) {
        for (const std::int64_t height : {1, 2, 7, 40}) {
            const detail::TileGrid grid(width, height, 96);
            CAPTURE(width, height, grid.across, grid.down);
            CHECK(grid.across >= 1);
            CHECK(grid.down >= 1);
            CHECK(grid.across * grid.down <= 96);
            CHECK(grid.blocks_across * grid.across >= width);
            CHECK((grid.blocks_across - 1) * grid.across < width);
            CHECK(grid.blocks_down * grid.down >= height);
            CHECK((grid.blocks_down - 1) * grid.down < height);
            // No cut has fewer blocks.
            for (std::int64_t wide = 1; wide <= std::min<std::int64_t>(width, 96); ++wide) {
                const auto high = 96 / wide;
                CHECK((width + wide - 1) / wide * ((height + high - 1) / high) >=
                      grid.blocks());
            }
        }
    }
}

TEST_CASE("every set of instructions makes the same convolution", "[winograd]") {
    Generator random(7);
    const auto x = uniform(random, {2, 37, 26, 19}), w = uniform(random, {21, 37, 3, 3});
    const auto wide = as<double>(x);
    const auto truth = reference::conv2d(wide, as<double>(w), Tensor<Cpu<double>>(),
                                         {.padding = Padding::all(1)});
    for (const auto path : {Instructions::baseline, Instructions::avx2, Instructions::avx512}) {
        if (!has(path)) continue;
        const Workspace run({.threads = 2, .instructions = path});
        for (const bool fast : {false, true}) {
            const Conv2dKernel<Cpu<float>> kernel(w, {},
                                                  {.padding = Padding::all(1), .fast = fast});
            const auto error = closeness(conv2d(x, kernel), truth).relative;
            CAPTURE(name_of(path), fast, error);
            // F(4x4, 3x3) adds numbers up to four times as large as the result.
            CHECK(error <= (fast ? 1.5e-6 : 4e-7));
        }
    }
}
