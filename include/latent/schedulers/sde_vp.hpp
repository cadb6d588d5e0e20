#pragma once

#include "latent/schedulers/noise_schedule.hpp"
#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/scheduler.hpp"
#include "latent/schedulers/timestep_spacing.hpp"

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' ScoreSdeVpScheduler, with its defaults.
struct ScoreSdeVpSchedulerConfig {
    std::int64_t num_train_timesteps = 2000;
    double beta_min = 0.1, beta_max = 20;
    double sampling_eps = 1e-3; ///< the last time
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, ScoreSdeVpSchedulerConfig>
void fields(Config& config, F&& f) {
    f("num_train_timesteps", config.num_train_timesteps);
    f("beta_min", config.beta_min);
    f("beta_max", config.beta_max);
    f("sampling_eps", config.sampling_eps);
}

/// The reversed stochastic differential equation whose variance is preserved, by the method of
/// Euler and Maruyama.
///
///   x'  = x + (beta(t) x / 2 + beta(t) s) / n + sqrt(beta(t) / n) z
///   s   = -out / sqrt(1 - exp(2 l)),   l = -t^2 (beta_max - beta_min) / 4 - t beta_min / 2
///   beta(t) = beta_min + t (beta_max - beta_min)
///
///   paper     here
///   t         time, from 1 to sampling_eps
///   beta(t)   beta
///   s         the score, of a network that predicts noise
///   n         timesteps.size(): the step is 1 / n
///
/// Source: Song et al. 2021, arXiv:2011.13456, (11), (33) and appendix E; parity: diffusers
/// ScoreSdeVpScheduler, which is deprecated there.
template <class Device>
struct ScoreSdeVpScheduler {
    static constexpr std::string_view class_name = "ScoreSdeVpScheduler";
    static constexpr int order = 1;

    ScoreSdeVpSchedulerConfig config;
    std::vector<double> timesteps; ///< times from 1 to sampling_eps

    /// Throws Error for a config that makes no schedule.
    explicit ScoreSdeVpScheduler(const ScoreSdeVpSchedulerConfig& chosen = {})
        : config(chosen) {
        check_numbers(config);
        if (!(config.beta_min > 0 && config.beta_min < config.beta_max))
            fail("beta_min", std::to_string(config.beta_min), "above 0, below beta_max");
        set_timesteps(config.num_train_timesteps);
    }

    /// Throws Error for no step, or more than in training.
    void set_timesteps(std::int64_t steps) {
        check_steps(steps, config.num_train_timesteps);
        const auto times = detail::linspace(1, config.sampling_eps, steps);
        timesteps.assign(times.begin(), times.end());
    }
    void set_begin_index(std::size_t) {} // a timestep says all
    [[nodiscard]] double init_noise_sigma() const { return 1; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }

    /// The sample a step earlier, in the memory of `x`. Throws Error for a time beyond (0, 1].
    [[nodiscard]] Tensor<Device> step_pred(const Tensor<Device>& out, double time,
                                           Tensor<Device> x, Generator& generator) {
        if (!(time > 0 && time <= 1))
            fail("timestep", std::to_string(time), "a time above 0, at most 1");
        // 1. The deviation at this time. The difference cancels near 0: as float32 has it.
        const auto rounded = detail::to_float32;
        const auto range = config.beta_max - config.beta_min;
        const auto square = rounded(rounded(-0.25 * rounded(time * time)) * rounded(range));
        const auto log_mean =
            rounded(square - rounded(rounded(0.5 * time) * rounded(config.beta_min)));
        const auto deviation = std::sqrt(rounded(1 - rounded(std::exp(2 * log_mean))));
        // 2. A step of the mean, and noise.
        const auto beta = config.beta_min + time * range;
        const auto size = 1 / static_cast<double>(timesteps.size());
        mean_.step(x, out, {1 + size * beta / 2, -size * beta / deviation}, {}, 1,
                   &noise_.draw(generator, x.shape()), std::sqrt(beta * size));
        return x;
    }
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double time, Tensor<Device> x,
                                      Generator& generator) {
        return step_pred(out, time, std::move(x), generator);
    }

    /// The last sample without its noise: what a run ends with. Parity: x_mean.
    [[nodiscard]] const Tensor<Device>& prev_sample_mean() const { return mean_.tensor(); }

private:
    OriginalBuffer<Device> mean_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
