#pragma once

#include "latent/schedulers/check_numbers.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// How noise is added in training: betas, and what they multiply up to. Everything is float32,
/// rounded where torch rounds it, so that a table has torch's numbers.
///
///   x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise,   abar_t = prod_{s <= t} (1 - beta_s)
///
/// Source: Ho et al. 2020, arXiv:2006.11239 (linear); Rombach et al. 2021 (scaled_linear);
/// Nichol and Dhariwal 2021, arXiv:2102.09672 (squaredcos_cap_v2); Lin et al. 2023,
/// arXiv:2305.08891 (zero terminal SNR).

namespace latent {

namespace detail {

/// torch.linspace(first, last, count) in float32: from either end to the middle.
[[nodiscard]] inline std::vector<float> linspace(double first, double last,
                                                 std::int64_t count) {
    std::vector<float> x(static_cast<std::size_t>(count));
    const auto from = static_cast<float>(first), to = static_cast<float>(last);
    const auto step = count > 1 ? (to - from) / static_cast<float>(count - 1) : 0.0F;
    for (std::int64_t i = 0; i < count; ++i) {
        x[static_cast<std::size_t>(i)] =
            i < count / 2 || count == 1
                ? std::fma(step, static_cast<float>(i), from)
                : std::fma(-step, static_cast<float>(count - i - 1), to);
    }
    return x;
}

/// betas[i] = min(1 - abar((i + 1) / T) / abar(i / T), 0.999)
template <class AlphaBar>
[[nodiscard]] std::vector<float> betas_for_alpha_bar(std::int64_t count,
                                                     const AlphaBar& alpha_bar) {
    std::vector<float> betas;
    const auto steps = static_cast<double>(count);
    for (std::int64_t i = 0; i < count; ++i) {
        const auto t = static_cast<double>(i);
        betas.push_back(static_cast<float>(
            std::min(1 - alpha_bar((t + 1) / steps) / alpha_bar(t / steps), 0.999)));
    }
    return betas;
}

} // namespace detail

/// The fields of a config that say how noise was added.
struct NoiseSchedule {
    std::int64_t num_train_timesteps = 1000;
    double beta_start = 0.0001;
    double beta_end = 0.02;
    std::string beta_schedule = "linear";
    std::optional<std::vector<double>> trained_betas; ///< in place of all the others
};

/// With the betas of Stable Diffusion for defaults.
struct LatentNoiseSchedule : NoiseSchedule {
    LatentNoiseSchedule() { beta_start = 0.00085, beta_end = 0.012; }
};

template <class Config, class F>
void noise_fields(Config& config, F&& f) {
    f("num_train_timesteps", config.num_train_timesteps);
    f("beta_start", config.beta_start);
    f("beta_end", config.beta_end);
    f("beta_schedule", config.beta_schedule);
    f("trained_betas", config.trained_betas);
}

/// linear, scaled_linear (linear in the square root), squaredcos_cap_v2 (a cosine), exp,
/// laplace, sigmoid. Throws Error for another name, or for what makes no schedule.
/// Parity: the constructors of diffusers' schedulers.
[[nodiscard]] inline std::vector<float> betas_of(const NoiseSchedule& schedule) {
    const auto count = schedule.num_train_timesteps;
    if (schedule.trained_betas) {
        return {schedule.trained_betas->begin(), schedule.trained_betas->end()};
    }
    if (count < 1 || count > 1'000'000)
        fail("num_train_timesteps", std::to_string(count), "1 to 1000000");
    const auto first = schedule.beta_start, last = schedule.beta_end;
    const std::string_view name = schedule.beta_schedule;
    if (name == "linear") return detail::linspace(first, last, count);
    if (name == "scaled_linear") {
        auto betas = detail::linspace(std::sqrt(first), std::sqrt(last), count);
        for (auto& beta : betas) beta *= beta;
        return betas;
    }
    if (name == "squaredcos_cap_v2") {
        return detail::betas_for_alpha_bar(count, [](double t) {
            const auto cosine = std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2);
            return cosine * cosine;
        });
    }
    if (name == "exp")
        return detail::betas_for_alpha_bar(count, [](double t) { return std::exp(-12 * t); });
    if (name == "laplace") {
        return detail::betas_for_alpha_bar(count, [](double t) {
            const auto lambda =
                -0.5 * std::copysign(1.0, 0.5 - t) * std::log(1 - 2 * std::abs(0.5 - t) + 1e-6);
            const auto snr = std::exp(lambda);
            return std::sqrt(snr / (1 + snr));
        });
    }
    if (name == "sigmoid") {
        auto betas = detail::linspace(-6, 6, count);
        for (auto& beta : betas) {
            const auto share = 1 / (1 + std::exp(-beta));
            beta = share * static_cast<float>(last - first) + static_cast<float>(first);
        }
        return betas;
    }
    fail("beta_schedule", "'" + std::string(name) + "'",
         "linear, scaled_linear, squaredcos_cap_v2, exp, laplace or sigmoid");
}

/// The same of a scheduler's config, whose numbers are all checked.
template <class Config>
    requires(std::derived_from<Config, NoiseSchedule> && !std::same_as<Config, NoiseSchedule> &&
             !std::same_as<Config, LatentNoiseSchedule>)
[[nodiscard]] std::vector<float> betas_of(const Config& config) {
    check_numbers(config);
    if (config.trained_betas &&
        std::ssize(*config.trained_betas) != config.num_train_timesteps) {
        fail("trained_betas", std::to_string(config.trained_betas->size()) + " of them",
             "as many as num_train_timesteps, " + std::to_string(config.num_train_timesteps));
    }
    return betas_of(static_cast<const NoiseSchedule&>(config));
}

/// abar, the products of 1 - beta: multiplied in double, each rounded to float32, as torch's
/// cumprod does.
[[nodiscard]] inline std::vector<float> alphas_cumprod_of(const std::vector<float>& betas) {
    std::vector<float> products;
    double product = 1;
    for (const auto beta : betas) {
        product *= static_cast<double>(1 - beta);
        products.push_back(static_cast<float>(product));
    }
    return products;
}

/// Betas shifted and scaled so that nothing of the image is left at the last timestep.
/// Throws Error for a single beta. Torch's square roots may miss the nearest float32 by one
/// bit, and ours do not: rescaled abar differ by up to 3e-5 of themselves.
/// Source: Lin et al. 2023, arXiv:2305.08891, algorithm 1.
[[nodiscard]] inline std::vector<float>
rescale_zero_terminal_snr(const std::vector<float>& betas) {
    if (betas.size() < 2)
        fail("rescale_betas_zero_snr", "true for one timestep", "two at least");
    auto roots = alphas_cumprod_of(betas); // sqrt(abar)
    for (auto& root : roots) root = std::sqrt(root);
    const auto first = roots.front(), last = roots.back();
    for (auto& root : roots) root = (root - last) * (first / (first - last));
    std::vector<float> rescaled;
    for (std::size_t i = 0; i < roots.size(); ++i) {
        const auto square = roots[i] * roots[i];
        const auto before = i == 0 ? 1.0F : roots[i - 1] * roots[i - 1];
        rescaled.push_back(1 - square / before);
    }
    return rescaled;
}

/// abar of a config that may ask for the latter.
template <class Config>
    requires requires(const Config& c) { c.rescale_betas_zero_snr; }
[[nodiscard]] std::vector<float> alphas_cumprod_of(const Config& config) {
    const auto betas = betas_of(config);
    return alphas_cumprod_of(config.rescale_betas_zero_snr ? rescale_zero_terminal_snr(betas)
                                                           : betas);
}

} // namespace latent
