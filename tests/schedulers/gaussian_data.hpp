/// A problem with a known answer: data that are normal, and a network that knows so.
#pragma once

#include <latent/schedulers/prediction.hpp>
#include <latent/schedulers/scheduler.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace latent::test {

/// Where a sample stands: x = alpha (x_0 + sigma noise).
struct SampleLevel {
    double alpha = 1, sigma = 0;
};

/// Data of N(mean, deviation^2), each number for itself. Of x / alpha at a sigma everything is
/// known: its distribution is N(mean, deviation^2 + sigma^2), and the probability flow, dx /
/// dsigma = (x - D) / sigma, keeps the number of standard deviations from the mean.
struct GaussianData {
    double mean = 0.7, deviation = 0.5;

    [[nodiscard]] double spread(double sigma) const {
        return std::sqrt(deviation * deviation + sigma * sigma);
    }
    /// x / alpha at another sigma of the same path.
    [[nodiscard]] double carried(double x, double from, double to) const {
        return mean + (x - mean) * spread(to) / spread(from);
    }
    /// The mean of x_0, given x / alpha: what the best of networks predicts.
    [[nodiscard]] double denoised(double x, double sigma) const {
        const auto variance = deviation * deviation;
        return (variance * x + sigma * sigma * mean) / (variance + sigma * sigma);
    }
    /// The same, as the noise epsilon.
    [[nodiscard]] Tensor<Cpu<double>> epsilon(const Tensor<Cpu<double>>& x,
                                              const SampleLevel& at) const {
        auto out = x.clone();
        for (auto& value : out.values()) {
            const auto ratio = value / at.alpha;
            value = (ratio - denoised(ratio, at.sigma)) / at.sigma;
        }
        return out;
    }
};

/// sigma from `low` to `high`, evenly by its logarithm, or by itself, over T timesteps: the
/// betas that make it so.
[[nodiscard]] inline std::vector<double> smooth_betas(std::int64_t T, double low, double high,
                                                      bool even = false) {
    std::vector<double> betas;
    double before = 1;
    for (std::int64_t t = 0; t < T; ++t) {
        const auto place = static_cast<double>(t) / static_cast<double>(T - 1);
        const auto sigma =
            even ? low + place * (high - low) : low * std::pow(high / low, place);
        const auto abar = 1 / (1 + sigma * sigma);
        betas.push_back(1 - abar / before);
        before = abar;
    }
    return betas;
}

/// A config on such a schedule, of which no x_0 is clipped.
template <class Config>
[[nodiscard]] Config smooth(std::int64_t T, std::string_view spacing = "linspace",
                            bool even = false, double low = 0.1, double high = 5) {
    Config config;
    config.num_train_timesteps = T;
    config.trained_betas = smooth_betas(T, low, high, even);
    if constexpr (requires { config.clip_sample; }) config.clip_sample = false;
    if constexpr (requires { config.timestep_spacing; }) config.timestep_spacing = spacing;
    if constexpr (requires { config.set_alpha_to_one; }) config.set_alpha_to_one = false;
    if constexpr (requires { config.final_sigmas_type; })
        config.final_sigmas_type = "sigma_min";
    return config;
}

/// Where the sample of call number i stands, by what the scheduler makes of it for a network,
/// by its sigmas, or by its timesteps.
template <class S>
[[nodiscard]] SampleLevel level_of_call(S& scheduler, std::size_t i) {
    const auto t = scheduler.timesteps[i];
    Tensor<Cpu<double>> one({1});
    one.data()[0] = 1;
    const auto scaled = scheduler.scale_model_input(std::move(one), t).data()[0];
    if (scaled != 1) return {1, std::sqrt(1 / (scaled * scaled) - 1)};
    if constexpr (requires { scheduler.sigmas; }) {
        const auto sigma = scheduler.sigmas[i];
        return {1 / std::sqrt(sigma * sigma + 1), sigma};
    } else {
        const double abar = abar_at(scheduler.alphas_cumprod, t);
        return {std::sqrt(abar), std::sqrt((1 - abar) / abar)};
    }
}

/// A walk: samples of x / alpha in the beginning and in the end, and the sigmas of both.
struct GaussianWalk {
    std::vector<double> first, last;
    double sigma_first = 0, sigma_last = 0;
};

/// Steps to the place that the last call is asked about, which is not made: many a scheduler
/// would go on to sigma 0 from there. With `whole` to the training's first timestep.
/// `step(scheduler, out, t, x, generator)`; `epsilon(x, level, i)` is the network.
template <class S, class Network, class Step>
[[nodiscard]] GaussianWalk walk(const GaussianData& data, S& scheduler,
                                Tensor<Cpu<double>> normal, const Network& epsilon,
                                const Step& step, bool whole = false) {
    const auto timesteps = scheduler.timesteps;
    const auto ratio_of = [](const Tensor<Cpu<double>>& x, const SampleLevel& at) {
        std::vector<double> ratios;
        for (const auto value : x.values()) ratios.push_back(value / at.alpha);
        return ratios;
    };
    Generator generator(7);
    GaussianWalk result;
    const auto ascends = timesteps.back() > timesteps.front();
    const auto first = [&] {
        const double abar = scheduler.alphas_cumprod.front();
        return SampleLevel{std::sqrt(abar), std::sqrt((1 - abar) / abar)};
    };
    auto level = whole && ascends ? first() : level_of_call(scheduler, 0);
    auto x = std::move(normal);
    for (auto& value : x.values())
        value = level.alpha * (data.mean + data.spread(level.sigma) * value);
    result.first = ratio_of(x, level), result.sigma_first = level.sigma;
    const auto calls = timesteps.size() - (whole ? 0 : 1);
    for (std::size_t i = 0; i < calls; ++i) {
        level = level_of_call(scheduler, i);
        const auto out = epsilon(x, level, i);
        x = step(scheduler, out, timesteps[i], std::move(x), generator);
    }
    if (whole && !ascends) {
        level = first();
    } else {
        level = level_of_call(scheduler, timesteps.size() - 1);
    }
    result.last = ratio_of(x, level), result.sigma_last = level.sigma;
    return result;
}

} // namespace latent::test
