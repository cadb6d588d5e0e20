#include "support/tile_functions.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/models/tile_blending.hpp>
#include <latent/tensor/workspace.hpp>

#include <cmath>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// AutoencoderKL's tiles with 8 pixels to a latent.
TileSizes encoder_tiles(std::int64_t sample, std::int64_t latent, double overlap) {
    return {.where = "tiled_encode",
            .tile = sample,
            .overlap_factor = overlap,
            .down = 8,
            .output_tile = latent};
}
TileSizes decoder_tiles(std::int64_t sample, std::int64_t latent, double overlap) {
    return {.where = "tiled_decode",
            .tile = latent,
            .overlap_factor = overlap,
            .up = 8,
            .output_tile = sample};
}

} // namespace

TEST_CASE("ramped tiles are diffusers'", "[models]") {
    const Golden golden("models/tile_blending");
    const auto cases = golden.cases();
    REQUIRE(cases.size() == 4);
    for (const auto& name : cases) {
        // Both tiles, overlap in thousandths, batch, the image's and the latents' sides.
        const auto n = golden.numbers(name + ".case");
        const auto overlap = static_cast<double>(n[2]) / 1000;
        const auto check = [&](const std::string& output, const TileSizes& sizes,
                               const Tensor<Cpu<float>>& x, const auto& run) {
            const auto verdict = judge(golden, name + output, ramped_tiles(x, sizes, run),
                                       ramped_tiles(as<double>(x), sizes, run));
            INFO(verdict.text);
            CHECK(verdict.good);
        };
        Generator first(1), second(2);
        check(".encode", encoder_tiles(n[0], n[1], overlap),
              uniform(first, {n[3], 3, n[4], n[5]}),
              [](const auto& tile) { return less(averaged(tile), plane_means(tile)); });
        if (n[6] == 0) continue;
        check(".decode", decoder_tiles(n[0], n[1], overlap),
              uniform(second, {n[3], 4, n[6], n[7]}),
              [](const auto& tile) { return less(enlarged(tile), plane_means(tile)); });
    }
}

TEST_CASE("a ramped tile fades over tiles that were faded themselves", "[models]") {
    // Four tiles of one value each: A, B, C, D in reading order, faded over 16 pixels.
    const double A = 1, B = 10, C = 100, D = 1000;
    double next = 0.1;
    const auto y = ramped_tiles(Tensor<Cpu<double>>({1, 1, 12, 12}), decoder_tiles(64, 8, 0.25),
                                [&](const auto& tile) {
                                    next *= 10;
                                    return filled(enlarged(tile), next);
                                });
    REQUIRE(y.shape() == Shape{1, 1, 96, 96});
    double to_pristine = 0, to_bilinear = 0;
    for (std::int64_t i = 0; i < 16; ++i) {
        for (std::int64_t j = 0; j < 16; ++j) {
            const auto u = static_cast<double>(i) / 16, v = static_cast<double>(j) / 16;
            const auto fade = [](double from, double to, double by) {
                return (1 - by) * from + by * to;
            };
            const auto above = fade(A, B, v), left = fade(A, C, u);
            const auto expected = fade(left, fade(above, D, u), v);
            const auto got = y.data()[(48 + i) * 96 + 48 + j];
            CHECK(std::abs(got - expected) <= 1e-11);
            to_pristine = std::max(to_pristine, std::abs(got - fade(C, fade(B, D, u), v)));
            to_bilinear =
                std::max(to_bilinear, std::abs(got - fade(fade(A, B, v), fade(C, D, v), u)));
        }
    }
    // Neither tiles as they came, nor both ramps at once, give that.
    CHECK(to_pristine > 10);
    CHECK(to_bilinear > 1);
}

TEST_CASE("tiles of what sees no neighbours are the whole image", "[models]") {
    const auto check = [](const auto& x, const TileSizes& sizes, const auto& run) {
        const auto whole = run(x);
        for (const auto& y : {blended_tiles(x, sizes, run), ramped_tiles(x, sizes, run)}) {
            const auto close = closeness(y, whole);
            CHECK(close.relative <= 1e-7);
            CHECK(close.largest <= 3e-7);
        }
        const auto same = filled(x.clone(), 0.7);
        const auto constant = run(same);
        CHECK(closeness(blended_tiles(same, sizes, run), constant).largest <= 3e-7);
        CHECK(closeness(ramped_tiles(same, sizes, run), constant).largest <= 3e-7);
    };
    Generator random(3);
    for (const auto& [h, w] : {std::pair{65, 64}, {100, 130}, {128, 97}, {20, 90}}) {
        CAPTURE(h, w);
        check(uniform(random, {1, 1, h, w}), decoder_tiles(512, 64, 0.25),
              [](const auto& tile) { return enlarged(tile); });
        check(uniform(random, {1, 1, 8 * h, 8 * w}), encoder_tiles(512, 64, 0.25),
              [](const auto& tile) { return averaged(tile); });
    }
}

TEST_CASE("blended tiles keep in memory what they put together", "[models]") {
    const auto extra = [](std::int64_t height, const auto& call) {
        const Tensor<Meta> x({1, 4, height, 300});
        const Workspace run;
        const auto y = call(x);
        return run.report().peak_bytes - y.numel() * 4;
    };
    const auto sizes = decoder_tiles(512, 64, 0.25);
    const auto blended = [&](const auto& x) { return blended_tiles(x, sizes, enlarged_shape); };
    const auto ramped = [&](const auto& x) { return ramped_tiles(x, sizes, enlarged_shape); };
    // Not more for more rows of tiles; ramped ones keep the ends of a row's tiles.
    CHECK(extra(300, blended) == extra(3000, blended));
    CHECK(extra(300, ramped) == extra(3000, ramped));
    CHECK(extra(300, ramped) - extra(300, blended) <= 4 * 4 * 128 * 512 * 9);
}

TEST_CASE("ramped tiles say what is wrong", "[models]") {
    const auto decoder = [](std::int64_t sample, std::int64_t latent, double overlap) {
        return message_of([&] {
            (void)ramped_tiles(Tensor<Meta>({1, 4, 20, 20}),
                               decoder_tiles(sample, latent, overlap), enlarged_shape);
        });
    };
    CHECK(ramped_tiles(Tensor<Meta>({1, 4, 20, 20}), decoder_tiles(64, 8, 0), enlarged_shape)
              .shape() == Shape{1, 4, 160, 160});
    CHECK(contains(decoder(64, 8, 0.3),
                   "tiled_decode: got tiles of 8 every 5 that give 45 each, expected 8 for "
                   "every 1; choose tile sizes"));
    CHECK(contains(decoder(50, 6, 0.25), "tiles of 6 every 4 that give 38 each"));
    CHECK(contains(decoder(8, 1, 0.25), "tiles of 1 every 0"));
    CHECK(contains(decoder(64, 0, 0.25), "got tiles of 0, expected 1 to 65536"));
    CHECK(contains(decoder(65537, 8, 0.25), "got tiles of 65537"));
    for (const double overlap : {-0.1, 1.0, std::nan("")}) {
        CHECK(contains(decoder(64, 8, overlap), "tile_overlap_factor"));
    }
    const auto encoded = [](std::int64_t height) {
        return ramped_tiles(Tensor<Cpu<float>>({1, 1, height, 70}), encoder_tiles(64, 8, 0.25),
                            [](const auto& tile) { return averaged(tile); });
    };
    CHECK(encoded(104).shape() == Shape{1, 1, 13, 8}); // 48 + 48 + 8 rows
    CHECK(contains(message_of([&] { (void)encoded(103); }),
                   "tiled_encode: got a last tile of 7, expected at least 8"));
}
