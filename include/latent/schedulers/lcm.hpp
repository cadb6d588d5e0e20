#pragma once

#include "latent/schedulers/distilled.hpp"
#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/scheduler.hpp"

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' LCMScheduler, with its defaults.
struct LCMSchedulerConfig : DistilledConfig {};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, LCMSchedulerConfig>
void fields(Config& config, F&& f) { distilled_fields(config, f); }

/// Latent consistency models: a network that leaps from any timestep to the image; noise is put
/// back, less each time, and it leaps again.
///
///   f(x, t) = c_skip x + c_out x_0                                                        (9)
///   c_skip  = s^2 / ((k t)^2 + s^2),   c_out = k t / sqrt((k t)^2 + s^2),   s = 1/2
///   x_{n+1} = sqrt(a_{n+1}) f(x_n, t_n) + sqrt(1 - a_{n+1}) z,  z normal   (algorithm 3)
///
///   paper     here
///   t_n       timesteps, chosen from those that were learned
///   a_{n+1}   abar_after, the product of 1 - beta up to t_{n+1} (alphas_cumprod)
///   x_0       the predicted original, clipped or thresholded
///   k         timestep_scaling
///   z         none in the last step: f is the result
///
/// Source: Luo et al. 2023, arXiv:2310.04378; Song et al. 2023, arXiv:2303.01469 (c_skip,
/// c_out); parity: diffusers LCMScheduler.
template <class Device>
struct LCMScheduler {
    static constexpr std::string_view class_name = "LCMScheduler";
    static constexpr int order = 1;

    LCMSchedulerConfig config;
    std::vector<float> alphas_cumprod;
    std::vector<double> timesteps;
    std::int64_t num_inference_steps = 0;

    /// Throws Error for a config that makes no schedule.
    explicit LCMScheduler(const LCMSchedulerConfig& chosen = {})
        : config(chosen), alphas_cumprod(alphas_cumprod_of(chosen)) {
        (void)original_of(config.prediction_type, 0.5F);
        set_timesteps(config.original_inference_steps);
    }

    /// Throws Error for no step, or more than were learned.
    void set_timesteps(std::int64_t steps, const DistilledTimesteps& of = {}) {
        const auto original =
            of.original_inference_steps.value_or(config.original_inference_steps);
        timesteps =
            chosen_of(learned_timesteps(original, of.strength, config.num_train_timesteps),
                      steps, original);
        num_inference_steps = steps;
        index_.reset();
    }
    /// At these timesteps, which descend, or the last of them.
    void set_custom_timesteps(const std::vector<double>& chosen, double strength = 1) {
        timesteps = last_timesteps(chosen, strength, config.num_train_timesteps);
        num_inference_steps = std::ssize(chosen);
        index_.reset();
    }
    void set_begin_index(std::size_t index) { index_.set_begin(index); }
    [[nodiscard]] double init_noise_sigma() const { return 1; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }

    /// The sample at the next timestep, in the memory of `x`.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator) {
        const auto i = index_.at(timestep, timesteps);
        const auto abar = abar_at(alphas_cumprod, timestep);
        // 1. What f (9) is made of.
        constexpr double s = 0.5;
        const auto scaled = timestep * config.timestep_scaling;
        const auto skip = s * s / (scaled * scaled + s * s);
        const auto from_original = scaled / std::sqrt(scaled * scaled + s * s);
        // 2. Noise, but for the last step. Custom timesteps that `strength` has shortened have
        //    none: diffusers counts those that were left out, and so draws in each step.
        float signal = 1, deviation = 0;
        const Tensor<Device>* drawn = nullptr;
        if (static_cast<std::int64_t>(i) + 1 != num_inference_steps) {
            const auto abar_after =
                abar_at(alphas_cumprod, i + 1 < timesteps.size() ? timesteps[i + 1] : timestep);
            signal = std::sqrt(abar_after), deviation = std::sqrt(1 - abar_after);
            drawn = &noise_.draw(generator, x.shape());
        }
        // 3. Both in one sum.
        original_.step(x, out, original_of(config.prediction_type, abar), {signal * skip, 0},
                       signal * from_original, drawn, deviation, limits_of(config));
        index_.advance();
        return x;
    }

    /// The x_0 of the last step, which f takes c_out of.
    [[nodiscard]] const Tensor<Device>& pred_original_sample() const {
        return original_.tensor();
    }

    /// sqrt(abar) x_0 + sqrt(1 - abar) noise, in the memory of `x`. Parity: add_noise.
    [[nodiscard]] Tensor<Device> add_noise(Tensor<Device> x, const Tensor<Device>& noise,
                                           double timestep) const {
        return noised_at(abar_at(alphas_cumprod, timestep), std::move(x), noise);
    }

private:
    StepIndex index_;
    OriginalBuffer<Device> original_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
