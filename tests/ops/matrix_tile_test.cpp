#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/ops/matrix_tile.hpp>

using namespace latent;
using namespace latent::test;

namespace {

template <class S>
double error_of_product(std::int64_t depth) {
    using namespace latent::detail;
    Generator random(static_cast<std::uint64_t>(depth));
    const auto a = as<S>(uniform(random, {depth, panel_rows}));
    const auto b = as<S>(uniform(random, {depth, tile_columns}));
    Tensor<Cpu<S>> c(Shape{panel_rows, tile_columns});
    Tensor<Cpu<double>> truth(c.shape());
    std::ranges::fill(c.values(), S{777}); // it is overwritten, not added to
    multiply_tile<Simd<S>>(a.data(), b.data(), depth, c.data());
    for (std::int64_t i = 0; i < panel_rows; ++i) {
        for (std::int64_t j = 0; j < tile_columns; ++j) {
            double sum = 0;
            for (std::int64_t k = 0; k < depth; ++k) {
                sum += static_cast<double>(a.data()[k * panel_rows + i]) *
                       static_cast<double>(b.data()[k * tile_columns + j]);
            }
            truth.data()[i * tile_columns + j] = sum;
        }
    }
    return closeness(c, truth).relative;
}

} // namespace

TEST_CASE("multiply_tile is a matrix product of any depth", "[matrix_tile]") {
    const auto chain = latent::detail::chain_length;
    for (const std::int64_t depth : {std::int64_t{1}, std::int64_t{2}, chain - 1, chain,
                                     chain + 1, 2 * chain, 3 * chain + 5, std::int64_t{2500}}) {
        CAPTURE(depth);
        CHECK(error_of_product<float>(depth) <= 3e-7);
        CHECK(error_of_product<double>(depth) <= 1e-15);
    }
}
