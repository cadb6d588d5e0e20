#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/ops/winograd.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("winograd_pack transforms every filter", "[winograd]") {
    Generator random(0);
    const auto weight = as<double>(uniform(random, {9, 2, 3, 3}));
    const auto packed = detail::winograd_pack(weight);
    REQUIRE(packed.shape() == Shape{16, 2, 2, 8});
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

TEST_CASE("runs of tiles cover a block once, and in order", "[winograd]") {
    for (const std::int64_t width : {1, 5, 31, 96, 97, 250}) {
        for (const std::int64_t height : {1, 2, 7, 40}) {
            detail::Winograd<Simd<float>, false> op{};
            op.OH = height, op.OW = width;
            std::int64_t next = 0;
            for (std::int64_t block = 0; block < op.blocks(); ++block) {
                op.for_runs(block, [&](std::int64_t offset, std::int64_t row,
                                       std::int64_t column, std::int64_t count) {
                    CAPTURE(width, height, block, offset, row, column, count);
                    CHECK(block * op.tiles + offset == next);
                    CHECK(row * op.tiles_across() + column == next);
                    CHECK(count >= 1);
                    CHECK(column + count <= op.tiles_across());
                    CHECK(offset + count <= op.tiles);
                    next += count;
                });
            }
            CHECK(next == (width + 1) / 2 * ((height + 1) / 2));
        }
    }
}
