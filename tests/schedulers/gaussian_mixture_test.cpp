#include "support/catch.hpp"

#include <latent/schedulers/all.hpp>
#include <latent/schedulers/gaussian_mixture.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace latent;

namespace {

/// Three unlike parts.
GaussianMixture odd_mixture() {
    return {{{{-0.5, 0.2}, 0.2, 1}, {{0.6, 0.4}, 0.1, 3}, {{0.1, -0.7}, 0.3, 2}}};
}

double density_of(const GaussianMixture& mixture, double x, double y) {
    double sum = 0, weights = 0;
    for (const auto& part : mixture.parts) {
        const auto v = part.deviation * part.deviation;
        const auto dx = x - part.mean[0], dy = y - part.mean[1];
        sum +=
            part.weight * std::exp(-(dx * dx + dy * dy) / (2 * v)) / (2 * std::numbers::pi * v);
        weights += part.weight;
    }
    return sum / weights;
}

/// E[x_0 | x] as a sum over a grid.
std::array<double, 2> integral_of(const GaussianMixture& mixture, double x, double y,
                                  const NoiseLevel& level) {
    double sum = 0, sum_x = 0, sum_y = 0;
    for (double u = -2.8; u <= 2.8; u += 0.02) {
        for (double v = -2.8; v <= 2.8; v += 0.02) {
            const auto dx = x - level.signal * u, dy = y - level.signal * v;
            const auto weight =
                density_of(mixture, u, v) *
                std::exp(-(dx * dx + dy * dy) / (2 * level.deviation * level.deviation));
            sum += weight, sum_x += weight * u, sum_y += weight * v;
        }
    }
    return {sum_x / sum, sum_y / sum};
}

template <class Device>
Tensor<Device> points_at(const std::vector<double>& values) {
    Tensor<Device> x({std::ssize(values) / 2, 2, 1, 1});
    std::ranges::transform(values, x.data(), [](double value) {
        return static_cast<typename Device::scalar>(value);
    });
    return x;
}

template <class Device>
double largest_gap(const Tensor<Device>& a, const Tensor<Device>& b) {
    double most = 0;
    for (std::size_t i = 0; i < a.values().size(); ++i) {
        const auto gap =
            std::abs(static_cast<double>(a.values()[i]) - static_cast<double>(b.values()[i]));
        if (!(gap <= most)) most = gap;
    }
    return most;
}

template <class Device>
void check_integral(double tolerance) {
    const auto mixture = odd_mixture();
    const std::vector<double> points{0, 0, 0.5, 0.5, -0.9, 0.3, 1.2, -1.1};
    for (const NoiseLevel level : {NoiseLevel{1, 0.15}, {1, 0.8}, {1, 9}, {0.6, 0.8}, {0, 1}}) {
        const auto x = points_at<Device>(points);
        const auto y = mixture.denoised(x, level);
        for (std::size_t i = 0; i < points.size(); i += 2) {
            const auto wanted = integral_of(mixture, points[i], points[i + 1], level);
            CAPTURE(level.signal, level.deviation, points[i]);
            CHECK(std::abs(static_cast<double>(y.values()[i]) - wanted[0]) <= tolerance);
            CHECK(std::abs(static_cast<double>(y.values()[i + 1]) - wanted[1]) <= tolerance);
        }
    }
}

struct Moments {
    std::array<double, 2> mean{}, variance{};
};
template <class Device>
Moments moments_of(const Tensor<Device>& x) {
    Moments m;
    const auto n = static_cast<double>(x.dim(0));
    for (std::size_t i = 0; i < x.values().size(); ++i)
        m.mean[i % 2] += static_cast<double>(x.values()[i]) / n;
    for (std::size_t i = 0; i < x.values().size(); ++i) {
        const auto away = static_cast<double>(x.values()[i]) - m.mean[i % 2];
        m.variance[i % 2] += away * away / n;
    }
    return m;
}

} // namespace

TEST_CASE("E[x_0 | x] of a mixture is what an integral gives", "[schedulers]") {
    check_integral<Cpu<double>>(1e-6);
    check_integral<Cpu<float>>(2e-6);
    // Far from everything the nearest part counts alone, and nothing overflows.
    const auto far = odd_mixture().denoised(points_at<Cpu<double>>({1e4, 1e4}), 1e-3);
    CHECK(std::isfinite(far.values()[0]));
    const auto exact = odd_mixture().denoised(points_at<Cpu<double>>({0.3, 0.4}), 0);
    CHECK(exact.values()[0] == 0.3);
    CHECK_THROWS_AS(odd_mixture().denoised(Tensor<Cpu<double>>({2, 3, 1, 1}), 1), Error);
}

TEST_CASE("a perfect network's outputs mean the same x_0", "[schedulers]") {
    using Exact = Cpu<double>;
    const auto mixture = odd_mixture();
    const auto x = points_at<Exact>({0.4, -0.2, 1.5, 0.3});
    const float abar = 0.36F;
    const NoiseLevel level{std::sqrt(double{abar}), std::sqrt(1 - double{abar})};
    const auto wanted = mixture.denoised(x, level);
    for (const auto* const type : {"epsilon", "sample", "v_prediction"}) {
        const auto out = mixture.output(type, x, level);
        const auto by = original_of(type, abar);
        auto original = x.clone();
        detail::weigh<Exact>(original, {{&x, 0, by.sample}, {&out, 0, by.output}});
        CAPTURE(type);
        CHECK(largest_gap(original, wanted) <= 1e-6);
        // The same sample as x_0 + sigma noise.
        auto wide = x.clone();
        detail::weigh<Exact>(wide, {{&x, 0, 1 / level.signal}});
        CHECK(largest_gap(mixture.output(type, wide, {1, level.sigma()}), out) <= 1e-12);
    }
    // x - sigma (noise - x_0) on a straight path.
    const NoiseLevel straight{0.3, 0.7, true};
    const auto flow = mixture.output("flow", x, straight);
    auto original = x.clone();
    detail::weigh<Exact>(original, {{&x, 0, 1}, {&flow, 0, -0.7}});
    CHECK(largest_gap(original, mixture.denoised(x, straight)) <= 1e-12);
    CHECK_THROWS_AS(mixture.output("noise", x, level), Error);
}

TEST_CASE("samples of a mixture have its mean and variance", "[schedulers]") {
    const auto mixture = odd_mixture();
    Generator generator(3);
    const auto found = moments_of(mixture.sample<Cpu<double>>(40'000, generator));
    const auto mean = mixture.mean(), variance = mixture.variance();
    for (std::size_t d = 0; d < 2; ++d) {
        CHECK(std::abs(found.mean[d] - mean[d]) <= 0.01);
        CHECK(std::abs(found.variance[d] - variance[d]) <= 0.01);
    }
}

TEST_CASE("the probability flow leads from noise to the distribution", "[schedulers]") {
    const auto mixture = odd_mixture();
    const auto x = Generator(4).randn<Cpu<double>>({4000, 2, 1, 1});
    const auto found = moments_of(mixture.endpoint(x, {0.02, 0.9998}));
    const auto mean = mixture.mean(), variance = mixture.variance();
    for (std::size_t d = 0; d < 2; ++d) {
        CHECK(std::abs(found.mean[d] - mean[d]) <= 0.04);
        CHECK(std::abs(found.variance[d] - variance[d]) <= 0.04);
    }
}

TEST_CASE("every scheduler samples the distribution of a perfect network", "[schedulers]") {
    using Exact = Cpu<double>;
    const auto data = GaussianMixture::ring();
    for_each_scheduler<Exact>([&](auto type) {
        using S = typename decltype(type)::type;
        if constexpr (steps_by_prediction<S, Exact> && !is_inverse<S>) {
            ConfigOf<S> config;
            if constexpr (requires { config.beta_start, config.beta_schedule; }) {
                config.beta_start = 0.00085, config.beta_end = 0.012;
                config.beta_schedule = "scaled_linear";
            }
            S scheduler(config);
            scheduler.set_timesteps(std::min<std::int64_t>(
                50, std::ssize(scheduler.timesteps))); // a network has 40
            Generator generator(1);
            auto x = exact_start<Exact>(scheduler, data, 800, generator);
            for (std::size_t i = 0; i < scheduler.timesteps.size(); ++i)
                x = exact_step(scheduler, data, i, std::move(x), generator);
            const auto found = moments_of(x);
            CAPTURE(S::class_name);
            for (std::size_t d = 0; d < 2; ++d) {
                CHECK(std::abs(found.mean[d]) <= 0.06);
                CHECK(std::abs(found.variance[d] - data.variance()[d]) <= 0.04);
            }
        }
    });
}
