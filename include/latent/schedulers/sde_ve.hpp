#pragma once

#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/scheduler.hpp"
#include "latent/schedulers/sigmas.hpp"

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

/// scheduler_config.json of diffusers' ScoreSdeVeScheduler, with its defaults.
struct ScoreSdeVeSchedulerConfig {
    std::int64_t num_train_timesteps = 2000;
    double snr = 0.15; ///< of a correction's step
    double sigma_min = 0.01, sigma_max = 1348;
    double sampling_eps = 1e-5;     ///< the last time
    std::int64_t correct_steps = 1; ///< for the loop
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, ScoreSdeVeSchedulerConfig>
void fields(Config& config, F&& f) {
    f("num_train_timesteps", config.num_train_timesteps);
    f("snr", config.snr);
    f("sigma_min", config.sigma_min);
    f("sigma_max", config.sigma_max);
    f("sampling_eps", config.sampling_eps);
    f("correct_steps", config.correct_steps);
}

/// The mean over a batch of each image's L2 norm.
template <class S>
[[nodiscard]] double mean_norm(const Tensor<Cpu<S>>& x) {
    const auto images = x.shape().rank() > 0 ? x.dim(0) : 1;
    if (x.numel() == 0) return 0;
    const auto each = static_cast<std::size_t>(x.numel() / images);
    double sum = 0;
    for (std::size_t n = 0; n < static_cast<std::size_t>(images); ++n) {
        double squares = 0;
        for (const auto value : x.values().subspan(n * each, each))
            squares += static_cast<double>(value) * static_cast<double>(value);
        sum += std::sqrt(squares);
    }
    return sum / static_cast<double>(images);
}
[[nodiscard]] inline double mean_norm(const Tensor<Meta>&) { return 1; }

/// The reversed stochastic differential equation of variance that explodes, with corrections by
/// Langevin's dynamics between its steps. It has a loop of its own:
///
///     for (std::size_t i = 0; i < scheduler.timesteps.size(); ++i) {
///         for (auto k = scheduler.config.correct_steps; k > 0; --k) {
///             const auto out = model(x, scheduler.sigmas[i]);
///             x = scheduler.step_correct(out, std::move(x), generator);
///         }
///         const auto out = model(x, scheduler.sigmas[i]);
///         x = scheduler.step_pred(out, scheduler.timesteps[i], std::move(x), generator);
///     }
///
///   x_i  = x_{i+1} + (sigma_{i+1}^2 - sigma_i^2) s + sqrt(sigma_{i+1}^2 - sigma_i^2) z
///                                                             (algorithm 2, predictor)
///   x    = x + e s + sqrt(2 e) z,   e = 2 (r |z| / |s|)^2    (algorithms 2 and 4, corrector)
///
///   paper     here
///   sigma_i   discrete_sigmas, from sigma_min to sigma_max; sigmas are those of the times
///   s         out, the score
///   r         config.snr
///   |.|       mean_norm
///
/// Source: Song et al. 2021, arXiv:2011.13456, algorithms 2 and 4; parity: diffusers
/// ScoreSdeVeScheduler.
template <class Device>
struct ScoreSdeVeScheduler {
    static constexpr std::string_view class_name = "ScoreSdeVeScheduler";
    static constexpr int order = 1;

    ScoreSdeVeSchedulerConfig config;
    std::vector<double> timesteps, sigmas; ///< times from 1 to sampling_eps
    std::vector<double> discrete_sigmas;   ///< ascending

    /// Throws Error for a config that makes no schedule.
    explicit ScoreSdeVeScheduler(const ScoreSdeVeSchedulerConfig& chosen = {})
        : config(chosen) {
        check_numbers(config);
        if (!(config.sigma_min > 0 && config.sigma_min < config.sigma_max))
            fail("sigma_min", std::to_string(config.sigma_min), "above 0, below sigma_max");
        set_timesteps(config.num_train_timesteps);
    }

    /// Throws Error for no step, or more than in training. Parity: set_timesteps and then
    /// set_sigmas.
    void set_timesteps(std::int64_t steps) {
        check_steps(steps, config.num_train_timesteps);
        timesteps.clear();
        sigmas.clear();
        discrete_sigmas.clear();
        const auto ratio = static_cast<float>(config.sigma_max / config.sigma_min);
        for (const auto time : detail::linspace(1, config.sampling_eps, steps)) {
            timesteps.push_back(static_cast<double>(time));
            const auto share = std::pow(ratio, time);
            sigmas.push_back(
                detail::to_float32(detail::to_float32(config.sigma_min) * double{share}));
        }
        for (const auto log :
             detail::linspace(std::log(config.sigma_min), std::log(config.sigma_max), steps))
            discrete_sigmas.push_back(static_cast<double>(std::exp(log)));
    }
    void set_begin_index(std::size_t) {} // a timestep says all
    [[nodiscard]] double init_noise_sigma() const { return config.sigma_max; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }

    /// The sample a step earlier, in the memory of `x`. Throws Error for a time beyond [0, 1].
    [[nodiscard]] Tensor<Device> step_pred(const Tensor<Device>& out, double time,
                                           Tensor<Device> x, Generator& generator) {
        const auto i = index_of(time);
        const auto sigma = discrete_sigmas[i], before = i == 0 ? 0 : discrete_sigmas[i - 1];
        const auto variance = sigma * sigma - before * before;
        mean_.step(x, out, {1, variance}, {}, 1, &noise_.draw(generator, x.shape()),
                   std::sqrt(variance));
        return x;
    }
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double time, Tensor<Device> x,
                                      Generator& generator) {
        return step_pred(out, time, std::move(x), generator);
    }

    /// The sample corrected at the same time, in the memory of `x`.
    [[nodiscard]] Tensor<Device> step_correct(const Tensor<Device>& out, Tensor<Device> x,
                                              Generator& generator) {
        const auto& noise = noise_.draw(generator, x.shape());
        const auto share = config.snr * mean_norm(noise) / mean_norm(out);
        const auto size = 2 * share * share;
        detail::weigh<Device>(x,
                              {{&x, 0, 1}, {&out, 0, size}, {&noise, 0, std::sqrt(2 * size)}});
        return x;
    }

    /// The last predicted sample without its noise: what a run ends with.
    [[nodiscard]] const Tensor<Device>& prev_sample_mean() const { return mean_.tensor(); }

    /// x + sigma noise, with one of discrete_sigmas, in the memory of `x`. Parity: add_noise.
    [[nodiscard]] Tensor<Device> add_noise(Tensor<Device> x, const Tensor<Device>& noise,
                                           std::size_t index) const {
        if (index >= discrete_sigmas.size())
            fail("add_noise", std::to_string(index),
                 "below the " + std::to_string(discrete_sigmas.size()) + " discrete_sigmas");
        return detail::noised(std::move(x), 1, noise, discrete_sigmas[index]);
    }

private:
    /// Where a time stands among the discrete sigmas: in float32, rounded down.
    [[nodiscard]] std::size_t index_of(double time) const {
        if (!(time >= 0 && time <= 1))
            fail("timestep", std::to_string(time), "a time from 0 to 1");
        const auto last = static_cast<float>(timesteps.size() - 1);
        return static_cast<std::size_t>(static_cast<float>(time) * last);
    }

    OriginalBuffer<Device> mean_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
