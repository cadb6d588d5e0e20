#pragma once

#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/scheduler.hpp"

#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <numbers>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// How noisy a sample is at a step, asked of any scheduler in the same way.

namespace latent {

/// x = signal x_0 + deviation noise
struct NoiseLevel {
    double signal = 1, deviation = 0;
    bool flow = false; ///< signal = 1 - deviation: straight paths

    /// The deviation of x_0 + sigma noise, as scheduler tables have it; of straight paths the
    /// deviation itself.
    [[nodiscard]] double sigma() const { return flow ? deviation : deviation / signal; }
    /// In decibels: 20 log10(signal / deviation).
    [[nodiscard]] double signal_to_noise() const { return 20 * std::log10(signal / deviation); }
};

namespace detail {

[[nodiscard]] constexpr bool is_one_of(std::string_view name,
                                       std::initializer_list<std::string_view> names) {
    for (const auto one : names)
        if (name == one) return true;
    return false;
}

/// What a scheduler divides the model's input by; 1 where it does not.
template <class Device, class S>
[[nodiscard]] double input_divisor(S& scheduler, double timestep) {
    Tensor<Device> one(Shape({1, 1, 1, 1}));
    one.data()[0] = 1;
    return 1 /
           static_cast<double>(scheduler.scale_model_input(std::move(one), timestep).data()[0]);
}

} // namespace detail

/// Whether a step needs no more than the output of a network that predicts x_0, noise or
/// velocity. The others are given an image, a score, or classes.
template <class S, class Device>
inline constexpr bool steps_by_prediction =
    Scheduler<S, Device> &&
    !detail::is_one_of(S::class_name,
                       {"RePaintScheduler", "VQDiffusionScheduler", "KarrasVeScheduler",
                        "ScoreSdeVeScheduler", "ScoreSdeVpScheduler",
                        "CMStochasticIterativeScheduler"}); // of a distilled network

/// Whether a run begins at an image and ends in noise.
template <class S>
inline constexpr bool is_inverse = S::class_name.find("Inverse") != std::string_view::npos;

namespace detail {

/// The level that a scheduler's own tables say.
template <class Device, class S>
[[nodiscard]] std::optional<NoiseLevel> level_by_tables(S& scheduler, std::size_t i) {
    const double t = scheduler.timesteps[i];
    // 1. Who scales the input to variance 1 (or to sigma_data's) says by that what sigma is.
    if constexpr (steps_by_prediction<S, Device>) {
        if (const auto divisor = detail::input_divisor<Device>(scheduler, t); divisor != 1) {
            double data = 1;
            if constexpr (requires { scheduler.config.sigma_data; })
                data = scheduler.config.sigma_data;
            return NoiseLevel{1, std::sqrt(divisor * divisor - data * data)};
        }
    }
    // 2. A table of sigmas: of straight paths, or sigma / alpha where the variance stays 1.
    if constexpr (requires { scheduler.sigmas[i]; }) {
        if (i >= scheduler.sigmas.size()) return std::nullopt;
        const double sigma = scheduler.sigmas[i];
        bool flow = S::class_name.starts_with("FlowMatch");
        if constexpr (requires { scheduler.config.use_flow_sigmas; })
            flow = scheduler.config.use_flow_sigmas;
        if (flow) return NoiseLevel{1 - sigma, sigma, true};
        if constexpr (S::class_name == "ScoreSdeVeScheduler") return NoiseLevel{1, sigma};
        const auto alpha = 1 / std::sqrt(sigma * sigma + 1);
        return NoiseLevel{alpha, sigma * alpha};
    } else if constexpr (requires { scheduler.alphas_cumprod.size(); }) {
        // 3. A table of abar.
        const double abar = abar_at(scheduler.alphas_cumprod, t, 1.0F);
        return NoiseLevel{std::sqrt(abar), std::sqrt(1 - abar)};
    } else {
        return std::nullopt;
    }
}

} // namespace detail

/// The level at which the network is asked in call number i: asked where the run stands, after
/// i calls of step(). Nothing where the scheduler's samples are not of this kind.
template <class Device, class S>
[[nodiscard]] std::optional<NoiseLevel> noise_level(S& scheduler, std::size_t i) {
    static_assert(Device::on_host, "noise_level asks on the processor");
    if (i >= scheduler.timesteps.size()) return std::nullopt;
    [[maybe_unused]] const double t = scheduler.timesteps[i];
    // IPNDM's timestep is an angle, ScoreSdeVp's a time from 0 to 1, KarrasVe's a place.
    if constexpr (S::class_name == "VQDiffusionScheduler") {
        return std::nullopt;
    } else if constexpr (S::class_name == "IPNDMScheduler") {
        const auto angle = t * std::numbers::pi / 2;
        return NoiseLevel{t == 1 ? 0 : std::cos(angle), std::sin(angle)};
    } else if constexpr (requires { scheduler.config.beta_min, scheduler.config.beta_max; }) {
        const double low = scheduler.config.beta_min, high = scheduler.config.beta_max;
        const auto log_signal = -t * t * (high - low) / 4 - t * low / 2;
        return NoiseLevel{std::exp(log_signal), std::sqrt(-std::expm1(2 * log_signal))};
    } else if constexpr (requires { scheduler.schedule[0]; }) {
        return NoiseLevel{1,
                          static_cast<double>(scheduler.schedule[static_cast<std::size_t>(t)])};
    } else {
        return detail::level_by_tables<Device>(scheduler, i);
    }
}

/// What a scheduler takes the network's output for.
template <class S>
[[nodiscard]] std::string prediction_type_of(const S& scheduler) {
    if (S::class_name.starts_with("FlowMatch")) return "flow_prediction";
    if (S::class_name == "IPNDMScheduler") return "v_prediction";
    if constexpr (requires { scheduler.config.prediction_type; })
        return scheduler.config.prediction_type;
    return "epsilon";
}

} // namespace latent
