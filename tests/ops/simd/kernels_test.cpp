#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/ops/simd/kernels.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// The sets of instructions that this processor has: all of them on one with AVX-512.
std::vector<Instructions> every_path() {
    std::vector<Instructions> paths;
    for (const auto path : {Instructions::baseline, Instructions::avx2, Instructions::avx512}) {
        if (has(path)) paths.push_back(path);
    }
    return paths;
}

template <class S>
double error_of_product(const detail::Kernels<S>& simd, std::int64_t depth,
                        std::int64_t columns) {
    using namespace latent::detail;
    Generator random(static_cast<std::uint64_t>(depth));
    const auto a = as<S>(uniform(random, {depth, panel_rows}));
    const auto b = as<S>(uniform(random, {depth, columns}));
    Tensor<Cpu<S>> c(Shape{panel_rows, columns});
    Tensor<Cpu<double>> truth(c.shape());
    std::ranges::fill(c.values(), S{777}); // it is overwritten, not added to
    simd.multiply_panels(a.data(), 1, b.data(), columns, depth, c.data(), columns, columns,
                         false);
    for (std::int64_t i = 0; i < panel_rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
            double sum = 0;
            for (std::int64_t k = 0; k < depth; ++k) {
                sum += static_cast<double>(a.data()[k * panel_rows + i]) *
                       static_cast<double>(b.data()[k * columns + j]);
            }
            truth.data()[i * columns + j] = sum;
        }
    }
    return closeness(c, truth).relative;
}

/// The largest error of a function of one value, in units of the result's last place.
template <class S, class Truth>
double worst_error(const detail::Kernels<S>& simd, Activation kind, S low, S high,
                   const Truth& truth) {
    constexpr std::int64_t count = 20001;
    std::vector<S> x(count);
    for (std::int64_t i = 0; i < count; ++i)
        x[static_cast<std::size_t>(i)] = low + (high - low) * static_cast<S>(i) / (count - 1);
    auto y = x;
    simd.activate_run(kind, y.data(), count);
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const auto expected = truth(static_cast<double>(x[i]));
        const auto unit = std::max(std::abs(expected), 1e-30) *
                          static_cast<double>(std::numeric_limits<S>::epsilon());
        const auto error = std::abs(static_cast<double>(y[i]) - expected) / unit;
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

} // namespace

TEST_CASE("multiply_panels is a matrix product of any depth", "[simd]") {
    const auto chain = latent::detail::chain_length;
    for (const auto path : every_path()) {
        for (const std::int64_t depth :
             {std::int64_t{1}, std::int64_t{2}, chain - 1, chain, chain + 1, 2 * chain,
              3 * chain + 5, std::int64_t{2500}}) {
            for (const std::int64_t columns : {48, 96}) {
                CAPTURE(name_of(path), depth, columns);
                CHECK(error_of_product(detail::kernels<float>(path), depth, columns) <= 3e-7);
                CHECK(error_of_product(detail::kernels<double>(path), depth, columns) <= 1e-15);
            }
        }
    }
}

TEST_CASE("silu is exact to a few units in the last place on every path", "[simd]") {
    const auto truth = [](double x) { return x / (1 + std::exp(-x)); };
    for (const auto path : every_path()) {
        CAPTURE(name_of(path));
        const auto& single = detail::kernels<float>(path);
        const auto& twice = detail::kernels<double>(path);
        CHECK(worst_error(single, Activation::silu, -60.0F, 60.0F, truth) <= 4);
        CHECK(worst_error(single, Activation::silu, -1.0F, 1.0F, truth) <= 4);
        CHECK(worst_error(twice, Activation::silu, -60.0, 60.0, truth) <= 4);
        // Where exp(-x) overflows, where the result is denormal, and what is no number.
        constexpr auto infinite = std::numeric_limits<float>::infinity();
        std::array<float, 7> x{-87.5F, -100.0F, -1000.0F, 200.0F, infinite, -0.0F, 0.0F};
        single.activate_run(Activation::silu, x.data(), 7);
        CHECK(std::abs(x[0]) <= 1e-36F);
        CHECK((x[1] <= 0 && x[1] >= -1e-37F));
        CHECK((x[2] == 0 && x[3] == 200 && x[4] == infinite));
        CHECK((x[5] == 0 && std::signbit(x[5]) && x[6] == 0 && !std::signbit(x[6])));
        std::array<float, 2> none{std::numeric_limits<float>::quiet_NaN(), -infinite};
        single.activate_run(Activation::silu, none.data(), 2);
        CHECK((std::isnan(none[0]) && std::isnan(none[1])));
    }
}

TEST_CASE("a value's bits do not depend on where it stands", "[simd]") {
    Generator random(5);
    const auto x = uniform(random, {1, 67});
    for (const auto path : every_path()) {
        const auto& simd = detail::kernels<float>(path);
        const detail::ChannelNorm<float> norm{0.3F, 1.7F, -0.2F, Activation::silu};
        std::array<float, 67> whole{}, alone{};
        simd.normalise_run(x.data(), norm, whole.data(), 67);
        for (std::size_t i = 0; i < 67; ++i)
            simd.normalise_run(x.data() + i, norm, alone.data() + i, 1);
        CHECK(whole == alone);
    }
}

TEST_CASE("row_moments are those of the definition", "[simd]") {
    Generator random(6);
    for (const auto path : every_path()) {
        const auto& simd = detail::kernels<float>(path);
        for (const std::int64_t count : {1, 3, 16, 63, 256, 1000, 5000}) {
            for (const float offset : {0.0F, 1000.0F}) {
                auto x = uniform(random, {1, count});
                for (auto& value : x.values()) value += offset;
                double mean = 0, squares = 0;
                for (const auto value : x.values()) mean += static_cast<double>(value);
                mean /= static_cast<double>(count);
                for (const auto value : x.values()) {
                    const auto distance = static_cast<double>(value) - mean;
                    squares += distance * distance;
                }
                const auto [m, s] = simd.row_moments(x.data(), count);
                CAPTURE(name_of(path), count, offset);
                CHECK(std::abs(m - mean) <= 1e-7 * (1 + std::abs(mean)));
                CHECK(std::abs(s - squares) <= 1e-6 * squares + 1e-12);
            }
        }
    }
}
