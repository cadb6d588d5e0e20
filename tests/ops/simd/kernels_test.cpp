#include "ops/simd/every_kernel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// c = a ^T b, or += when `more`, with rows further apart than they are long: the relative L2
/// error.
template <class S>
double error_of_product(const detail::Kernels<S>& simd, std::int64_t panels, std::int64_t depth,
                        std::int64_t columns, bool more) {
    using latent::detail::panel_rows;
    const auto b_stride = columns + 16, c_stride = columns + 32, rows = panels * panel_rows;
    Generator random(static_cast<std::uint64_t>(depth));
    const auto a = random_values<S>(random, rows * depth);
    const auto b = random_values<S>(random, depth * b_stride);
    // What stands there before is added to or overwritten, and kept between the rows.
    std::vector<S> c(static_cast<std::size_t>(rows * c_stride), S(untouched));
    std::vector<double> truth(c.size(), untouched);
    for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
            const auto at = static_cast<std::size_t>(i * c_stride + j);
            const auto* panel = a.data() + i / panel_rows * depth * panel_rows;
            if (more) c[at] = static_cast<S>(0.5);
            truth[at] = more ? 0.5 : 0;
            for (std::int64_t k = 0; k < depth; ++k) {
                truth[at] += static_cast<double>(panel[k * panel_rows + i % panel_rows]) *
                             static_cast<double>(b[static_cast<std::size_t>(k * b_stride + j)]);
            }
        }
    }
    simd.multiply_panels(a.data(), panels, b.data(), b_stride, depth, c.data(), c_stride,
                         columns, more);
    double error = 0, norm = 0;
    for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < c_stride; ++j) {
            const auto at = static_cast<std::size_t>(i * c_stride + j);
            const auto off = static_cast<double>(c[at]) - truth[at];
            if (j >= columns && off != 0) return std::numeric_limits<double>::infinity();
            error += off * off;
            if (j < columns) norm += truth[at] * truth[at];
        }
    }
    return std::sqrt(error / norm);
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
    for_every_kernel([&]<class S>(const detail::Kernels<S>& simd) {
        const double limit = sizeof(S) == 4 ? 3e-7 : 1e-15;
        for (const std::int64_t depth :
             {std::int64_t{1}, std::int64_t{2}, chain - 1, chain, chain + 1, 2 * chain,
              3 * chain + 5, std::int64_t{2500}}) {
            for (const std::int64_t columns : {48, 96}) {
                CAPTURE(depth, columns);
                CHECK(error_of_product(simd, 1, depth, columns, false) <= limit);
                CHECK(error_of_product(simd, 1, depth, columns, true) <= limit);
            }
        }
        CHECK(error_of_product(simd, 3, chain + 1, 48, false) <= limit);
    });
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
    for_every_kernel([]<class S>(const detail::Kernels<S>& simd) {
        Generator random(5);
        const auto x = random_values<S>(random, 67);
        const detail::ChannelNorm<S> norm{S(0.3), S(1.7), S(-0.2), Activation::silu};
        std::vector<S> whole(67), alone(67);
        simd.normalise_run(x.data(), norm, whole.data(), 67);
        for (std::size_t i = 0; i < 67; ++i)
            simd.normalise_run(x.data() + i, norm, alone.data() + i, 1);
        CHECK(whole == alone);
    });
}

TEST_CASE("runs of values are what their formulas say, and end where they end", "[simd]") {
    for_every_kernel([]<class S>(const detail::Kernels<S>& simd) {
        Generator random(8);
        for (const auto kind : {Activation::none, Activation::relu, Activation::silu,
                                Activation::mish, Activation::gelu}) {
            for (const std::int64_t count : {1, 2, 3, 4, 7, 8, 15, 16, 17, 37, 67}) {
                const auto size = static_cast<std::size_t>(count);
                const auto x = random_values<S>(random, count);
                const auto add = random_values<S>(random, count);
                const detail::ChannelNorm<S> norm{S(0.25), S(3.5), S(-0.5), kind};
                std::vector<double> activated, normalised, finished, added;
                for (std::size_t i = 0; i < size; ++i) {
                    const auto value = static_cast<double>(x[i]);
                    activated.push_back(activate(kind, value));
                    normalised.push_back(activate(kind, (value - 0.25) * 3.5 - 0.5));
                    added.push_back(activate(kind, value + static_cast<double>(add[i])));
                }
                CAPTURE(static_cast<int>(kind), count);
                // Values below 5, of which each operation may lose half a unit or so.
                const auto check = [&](const auto& run, const std::vector<double>& truth) {
                    std::vector<S> y(size + 1, S(untouched));
                    std::ranges::copy(x, y.begin());
                    run(y.data());
                    CHECK(units_off(std::span<const S>(y).first(size), truth) <= 4);
                    CHECK(y[size] == S(untouched));
                };
                check([&](S* y) { simd.activate_run(kind, y, count); }, activated);
                check([&](S* y) { simd.normalise_run(x.data(), norm, y, count); }, normalised);
                check([&](S* y) { simd.normalise_run(y, norm, y, count); }, normalised);
                check([&](S* y) { simd.finish_run(x.data(), nullptr, kind, y, count); },
                      activated);
                check([&](S* y) { simd.finish_run(x.data(), add.data(), kind, y, count); },
                      added);
            }
        }
    });
}

TEST_CASE("NaN goes through every activation, and nothing else becomes one", "[simd]") {
    for_every_kernel([]<class S>(const detail::Kernels<S>& simd) {
        for (const auto kind : {Activation::none, Activation::relu, Activation::silu,
                                Activation::mish, Activation::gelu}) {
            std::vector<S> x(19, S(-2));
            x[3] = x[17] = std::numeric_limits<S>::quiet_NaN();
            simd.activate_run(kind, x.data(), 19);
            CAPTURE(static_cast<int>(kind));
            for (std::size_t i = 0; i < 19; ++i) CHECK(std::isnan(x[i]) == (i == 3 || i == 17));
        }
    });
}

TEST_CASE("row_moments are those of the definition", "[simd]") {
    for_every_kernel([]<class S>(const detail::Kernels<S>& simd) {
        // Of a thousand and a fraction, float has the fraction to 2^-14, double to 2^-43.
        const double unit = sizeof(S) == 4 ? 1e-7 : 1e-15;
        Generator random(6);
        for (const std::int64_t count : {1, 3, 16, 63, 256, 1000, 5000}) {
            for (const S offset : {S(0), S(1000)}) {
                auto x = random_values<S>(random, count);
                for (auto& value : x) value += offset;
                // Against the sums that a loop in double makes of distances from `offset`.
                double sum = 0, squares = 0;
                for (const auto value : x) sum += static_cast<double>(value - offset);
                const auto mean = sum / static_cast<double>(count);
                for (const auto value : x) {
                    const auto distance = static_cast<double>(value - offset) - mean;
                    squares += distance * distance;
                }
                const auto [m, s] = simd.row_moments(x.data(), count);
                const auto truth = static_cast<double>(offset) + mean;
                CAPTURE(count, offset, m, s);
                CHECK(std::abs(m - truth) <= unit * (1 + std::abs(truth)));
                CHECK(std::abs(s - squares) <= 10 * unit * squares + 1e-12);
            }
        }
    });
}

TEST_CASE("softmax_block is a step of a softmax", "[simd]") {
    using latent::detail::chain_length, latent::detail::tile_columns;
    for_every_kernel([]<class S>(const detail::Kernels<S>& simd) {
        Generator random(9);
        const double scale = 1.75;
        const auto columns = tile_columns;
        const auto size = static_cast<std::size_t>(columns);
        std::vector<S> largest(size, std::numeric_limits<S>::lowest()), total(size),
            shrink(size);
        std::vector<double> seen_largest(size, -1e30), seen_total(size);
        for (const std::int64_t keys : {std::int64_t{5}, std::int64_t{1}, chain_length,
                                        chain_length + 1, 3 * chain_length - 1}) {
            auto scores = random_values<S>(random, keys * columns);
            std::vector<double> truth(scores.begin(), scores.end()), kept(size);
            for (std::size_t t = 0; t < size; ++t) {
                auto top = seen_largest[t];
                for (auto i = t; i < truth.size(); i += size) top = std::max(top, truth[i]);
                double sum = 0;
                for (auto i = t; i < truth.size(); i += size)
                    sum += truth[i] = std::exp((truth[i] - top) * scale);
                kept[t] = std::exp((seen_largest[t] - top) * scale);
                seen_total[t] = seen_total[t] * kept[t] + sum;
                seen_largest[t] = top;
            }
            simd.softmax_block(scores.data(), keys, columns, S(scale), largest.data(),
                               total.data(), shrink.data());
            // Weights are at most 1, and the roundings of their exponents are smaller still.
            CAPTURE(keys);
            CHECK(units_off(std::span<const S>(scores), truth) <= 2);
            CHECK(units_off(std::span<const S>(shrink), kept) <= 2);
            CHECK(std::ranges::equal(largest, seen_largest, {},
                                     [](S value) { return static_cast<double>(value); }));
            CHECK(closeness(std::span<const S>(total), std::span<const double>(seen_total))
                      .relative <= (sizeof(S) == 4 ? 3e-7 : 1e-15));
        }
        // A score that is no number spoils its own column alone.
        auto scores = random_values<S>(random, 2 * columns);
        scores[7] = std::numeric_limits<S>::quiet_NaN();
        scores[size + 9] = std::numeric_limits<S>::infinity();
        simd.softmax_block(scores.data(), 2, columns, S(1), largest.data(), total.data(),
                           shrink.data());
        for (std::size_t t = 0; t < size; ++t)
            CHECK(std::isfinite(total[t]) == (t != 7 && t != 9));
    });
}

TEST_CASE("scale_columns multiplies each row by the factors", "[simd]") {
    for_every_kernel([]<class S>(const detail::Kernels<S>& simd) {
        Generator random(10);
        const auto columns = latent::detail::tile_columns;
        auto rows = random_values<S>(random, 3 * columns);
        const auto factors = random_values<S>(random, columns);
        auto truth = rows;
        for (std::size_t i = 0; i < rows.size(); ++i) truth[i] *= factors[i % factors.size()];
        simd.scale_columns(rows.data(), 3, columns, factors.data());
        CHECK(rows == truth); // rounded once, either way
    });
}
