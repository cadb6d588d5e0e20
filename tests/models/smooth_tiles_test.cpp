#include "support/tile_functions.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/models/smooth_tiles.hpp>
#include <latent/tensor/workspace.hpp>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

TileSizes smooth_decoder(std::int64_t tile = 8, double overlap = 0.25) {
    return {.where = "tiled_decode", .tile = tile, .overlap_factor = overlap, .up = 8};
}
TileSizes smooth_encoder(std::int64_t tile = 64, double overlap = 0.25) {
    return {.where = "tiled_encode", .tile = tile, .overlap_factor = overlap, .down = 8};
}

/// What each of the tiles counts at each output along one side.
std::vector<std::vector<double>> weights_of(const std::vector<Range>& tiles, std::int64_t up) {
    const auto size = static_cast<std::size_t>(tiles.back().end * up);
    std::vector<std::vector<double>> weights(tiles.size(), std::vector<double>(size));
    for (std::size_t i = 0; i < tiles.size(); ++i) {
        const auto ramp = smooth_ramp(tiles, i, up);
        const auto begin = static_cast<std::size_t>(tiles[i].begin * up);
        for (std::size_t k = 0; k < ramp.size(); ++k) {
            for (std::size_t before = 0; before < i; ++before) {
                weights[before][begin + k] *= 1 - ramp[k];
            }
            weights[i][begin + k] = ramp[k];
        }
    }
    return weights;
}

/// The largest step from a pixel to the next, and the largest change of steps, along a row.
std::pair<double, double> roughness(const Tensor<Cpu<double>>& y, std::int64_t row) {
    const auto* const values = y.data() + row * y.dim(3);
    double step = 0, kink = 0;
    for (std::int64_t j = 1; j + 1 < y.dim(3); ++j) {
        const auto before = values[j] - values[j - 1], after = values[j + 1] - values[j];
        step = std::max({step, std::abs(before), std::abs(after)});
        kink = std::max(kink, std::abs(after - before));
    }
    return {step, kink};
}

} // namespace

TEST_CASE("even tiles: the fewest of one size that overlap enough", "[models]") {
    CHECK(even_tiles(5, 8, 2) == std::vector<Range>{{0, 5}});
    CHECK(even_tiles(8, 8, 2) == std::vector<Range>{{0, 8}});
    CHECK(even_tiles(9, 8, 2) == std::vector<Range>{{0, 8}, {1, 9}});
    CHECK(even_tiles(100, 64, 16) == std::vector<Range>{{0, 64}, {36, 100}});
    CHECK(even_tiles(20, 8, 0) == std::vector<Range>{{0, 8}, {6, 14}, {12, 20}});
    for (const std::int64_t tile : {2, 3, 8, 13}) {
        for (std::int64_t overlap = 0; overlap < tile; ++overlap) {
            for (std::int64_t size = tile + 1; size < 6 * tile; ++size) {
                CAPTURE(tile, overlap, size);
                const auto tiles = even_tiles(size, tile, overlap);
                const auto count = std::ssize(tiles);
                bool good = tiles.front().begin == 0 && tiles.back().end == size;
                for (std::size_t i = 0; i < tiles.size(); ++i) {
                    good = good && tiles[i].size() == tile;
                    if (i == 0) continue;
                    const auto shared = tiles[i - 1].end - tiles[i].begin;
                    const auto first = tiles[0].end - tiles[1].begin;
                    good = good && shared >= overlap && std::abs(shared - first) <= 1;
                }
                CHECK(good);
                // One tile less could not reach so far.
                CHECK((count - 1) * tile - (count - 2) * overlap < size);
            }
        }
    }
}

TEST_CASE("a smooth ramp rises from 0 to 1, and two of them make 1", "[models]") {
    CHECK(smootherstep(0) == 0);
    CHECK(smootherstep(0.5) == 0.5);
    CHECK(smootherstep(1) == 1);
    const std::vector<Range> tiles{{0, 8}, {6, 14}, {11, 19}};
    CHECK(smooth_ramp(tiles, 0, 8) == std::vector<double>(64, 1.0));
    for (const auto& [tile, shared] : {std::pair<std::size_t, std::size_t>{1, 16}, {2, 24}}) {
        const auto ramp = smooth_ramp(tiles, tile, 8);
        REQUIRE(ramp.size() == 64);
        CHECK(ramp.front() > 0);
        CHECK(ramp.front() < 1e-3);
        CHECK(std::ranges::is_sorted(ramp));
        CHECK(std::ranges::count(ramp, 1.0) == static_cast<std::int64_t>(64 - shared));
        for (std::size_t k = 0; k < shared; ++k) {
            CHECK(std::abs(ramp[k] + ramp[shared - 1 - k] - 1) <= 1e-14);
        }
    }
}

TEST_CASE("smooth tiles of what sees no neighbours are the whole image", "[models]") {
    const auto check = [](const auto& x, const TileSizes& sizes, const auto& run) {
        std::vector<Shape> seen;
        const auto watched = [&](const auto& tile) {
            seen.push_back(tile.shape());
            return run(tile);
        };
        const auto close = closeness(smooth_tiles(x, sizes, watched), run(x));
        CHECK(close.relative <= 1e-7);
        CHECK(close.largest <= 3e-7);
        CHECK(std::ranges::count(seen, seen.front()) == std::ssize(seen)); // no slivers
        CHECK(seen.front()[2] == std::min(sizes.tile, x.dim(2)));
        const auto same = filled(x.clone(), 0.7);
        CHECK(closeness(smooth_tiles(same, sizes, run), run(same)).largest <= 3e-7);
    };
    Generator random(3);
    for (const double overlap : {0.0, 0.25}) {
        for (const auto& [h, w] : {std::pair{65, 64}, {100, 130}, {128, 97}, {20, 90}}) {
            CAPTURE(h, w, overlap);
            check(uniform(random, {1, 1, h, w}), smooth_decoder(64, overlap),
                  [](const auto& tile) { return enlarged(tile); });
            check(uniform(random, {1, 1, 8 * h, 8 * w}), smooth_encoder(512, overlap),
                  [](const auto& tile) { return averaged(tile); });
        }
    }
    // One tile has the bits of the whole.
    const auto x = uniform(random, {2, 3, 7, 8});
    CHECK(same_bits(smooth_tiles(x, smooth_decoder(), enlarged<float>), enlarged(x)));
}

TEST_CASE("the weights of smooth tiles are products, and sum to 1", "[models]") {
    for (const double overlap : {0.25, 0.7}) {
        const auto least = static_cast<std::int64_t>(std::ceil(8 * overlap));
        const auto rows = weights_of(even_tiles(21, 8, least), 8);
        const auto columns = weights_of(even_tiles(13, 8, least), 8);
        // Tile number n has the value n * n.
        double number = 0;
        const auto y = smooth_tiles(Tensor<Cpu<double>>({1, 1, 21, 13}),
                                    smooth_decoder(8, overlap), [&](const auto& tile) {
                                        number += 1;
                                        return filled(enlarged(tile), number * number);
                                    });
        CHECK(number == static_cast<double>(rows.size() * columns.size()));
        double largest = 0, sums = 0;
        for (std::size_t i = 0; i < 168; ++i) {
            for (std::size_t j = 0; j < 104; ++j) {
                double expected = 0, sum = 0;
                for (std::size_t r = 0; r < rows.size(); ++r) {
                    for (std::size_t c = 0; c < columns.size(); ++c) {
                        const auto weight = rows[r][i] * columns[c][j];
                        const auto n = static_cast<double>(r * columns.size() + c + 1);
                        sum += weight;
                        expected += weight * n * n;
                    }
                }
                const auto got = y.data()[i * 104 + j];
                if (!(std::abs(got - expected) <= largest)) largest = std::abs(got - expected);
                if (!(std::abs(sum - 1) <= sums)) sums = std::abs(sum - 1);
            }
        }
        CHECK(largest <= 1e-11);
        CHECK(sums <= 1e-14);
    }
}

TEST_CASE("smooth tiles have no kinks where linear ramps have", "[models]") {
    // Two tiles of 64 latents whose tones differ by 1, and 16 latents that they share.
    const Tensor<Cpu<double>> x({1, 1, 64, 112});
    double tone = 0;
    const auto tones = [&tone](const auto& tile) { return filled(enlarged(tile), tone++); };
    auto sizes = smooth_decoder(64);
    const auto [smooth_step, smooth_kink] = roughness(smooth_tiles(x, sizes, tones), 100);
    sizes.output_tile = 512;
    tone = 0;
    // diffusers has a sliver more: a third tile of 16 latents, whose tone is 2.
    const auto [ramped_step, ramped_kink] = roughness(ramped_tiles(x, sizes, tones), 100);
    CAPTURE(smooth_step, smooth_kink, ramped_step, ramped_kink);
    CHECK(std::abs(ramped_step - 1.0 / 128) <= 1e-12);
    CHECK(std::abs(ramped_kink - 1.0 / 128) <= 1e-12);
    // The slope of smootherstep is at most 15/8, its curvature at most 10 / sqrt(3).
    CHECK(smooth_step <= 1.875 / 128 + 1e-12);
    CHECK(smooth_kink <= 5.7736 / (128 * 128) + 1e-12);
    CHECK(smooth_kink <= ramped_kink / 20);
}

TEST_CASE("smooth tiles keep a strip in memory", "[models]") {
    const auto extra = [](std::int64_t height) {
        const Tensor<Meta> x({1, 4, height, 300});
        const Workspace run;
        const auto y = smooth_tiles(x, smooth_decoder(64), enlarged_shape);
        return run.report().peak_bytes - y.numel() * 4;
    };
    CHECK(extra(300) == extra(3000));
    CHECK(extra(300) <= 4 * 4 * 512 * (2400 + 2 * 512));
}

TEST_CASE("smooth tiles say what is wrong", "[models]") {
    const auto refusal = [](const TileSizes& sizes, const Shape& shape) {
        return message_of(
            [&] { (void)smooth_tiles(Tensor<Meta>(shape), sizes, enlarged_shape); });
    };
    const Shape latents{1, 4, 20, 20};
    CHECK(contains(refusal(smooth_decoder(0), latents), "tiled_decode: got tiles of 0"));
    CHECK(contains(refusal(smooth_decoder(65537), latents), "got tiles of 65537"));
    CHECK(contains(refusal(smooth_decoder(1), latents), "got tiles of 1 that overlap wholly"));
    CHECK(contains(refusal(smooth_decoder(8, 0.9), latents), "tiles of 8 that overlap wholly"));
    for (const double overlap : {-0.1, 1.0, std::nan("")}) {
        CHECK(contains(refusal(smooth_decoder(8, overlap), latents), "tile_overlap_factor"));
    }
    CHECK(contains(refusal(smooth_encoder(60), latents), "a multiple of 8"));
    CHECK(contains(refusal(smooth_encoder(), {1, 3, 100, 104}),
                   "got 104 x 100 pixels, expected sides that are multiples of 8"));
}
