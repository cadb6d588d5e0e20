#pragma once

#include "latent/schedulers/noise_schedule.hpp"
#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/scheduler.hpp"
#include "latent/schedulers/timestep_spacing.hpp"

#include <cmath>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' DDIMScheduler, with its defaults.
struct DDIMSchedulerConfig : NoiseSchedule, Thresholding {
    bool clip_sample = true;
    bool set_alpha_to_one = true; ///< abar behind the last step: 1, or that of timestep 0
    std::int64_t steps_offset = 0;
    std::string prediction_type = "epsilon";
    double clip_sample_range = 1;
    std::string timestep_spacing = "leading";
    bool rescale_betas_zero_snr = false;
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, DDIMSchedulerConfig>
void fields(Config& config, F&& f) {
    noise_fields(config, f);
    f("clip_sample", config.clip_sample);
    f("set_alpha_to_one", config.set_alpha_to_one);
    f("steps_offset", config.steps_offset);
    f("prediction_type", config.prediction_type);
    threshold_fields(config, f);
    f("clip_sample_range", config.clip_sample_range);
    f("timestep_spacing", config.timestep_spacing);
    f("rescale_betas_zero_snr", config.rescale_betas_zero_snr);
}

/// Denoising diffusion implicit models: each step finds x_0, and goes back towards it as far as
/// the schedule says, along the noise that was predicted.
///
///   x_{t-1} = sqrt(a_{t-1}) x_0 + sqrt(1 - a_{t-1} - s_t^2) e_t + s_t z,   z normal       (12)
///   s_t     = eta sqrt((1 - a_{t-1}) / (1 - a_t)) sqrt(1 - a_t / a_{t-1})                (16)
///
///   paper     here
///   a_t       abar, the product of 1 - beta up to t (alphas_cumprod)
///   a_{t-1}   abar_before: of the step's end, timesteps T / n apart
///   x_0       the predicted original, clipped or thresholded
///   e_t       the predicted noise
///   s_t       deviation
///   eta       0: nothing is drawn; 1: as DDPM
///
/// Order of convergence, of eta 0: 1, since it is Euler's method in sigma.
/// Source: Song et al. 2020, arXiv:2010.02502; parity: diffusers DDIMScheduler.
template <class Device>
struct DDIMScheduler {
    static constexpr std::string_view class_name = "DDIMScheduler";
    static constexpr int order = 1;

    DDIMSchedulerConfig config;
    std::vector<float> alphas_cumprod;
    std::vector<double> timesteps;
    std::int64_t num_inference_steps = 0;

    /// Throws Error for a config that makes no schedule.
    explicit DDIMScheduler(const DDIMSchedulerConfig& chosen = {})
        : config(chosen), alphas_cumprod(alphas_cumprod_of(chosen)) {
        (void)epsilon_of(config.prediction_type, 0.5F);
        set_timesteps(static_cast<std::int64_t>(alphas_cumprod.size()));
    }

    /// Throws Error for no step, or more than in training.
    void set_timesteps(std::int64_t steps) {
        timesteps = spaced_timesteps(config.timestep_spacing, steps, config.num_train_timesteps,
                                     config.steps_offset);
        num_inference_steps = steps;
    }
    void set_begin_index(std::size_t) {} // a timestep says all
    [[nodiscard]] double init_noise_sigma() const { return 1; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }

    struct Options {
        double eta = 0;
        bool use_clipped_model_output = false; ///< e_t anew from the clipped x_0, as GLIDE does
        const Tensor<Device>* variance_noise = nullptr; ///< in place of a generator's
    };

    /// The sample a step earlier, in the memory of `x`. Throws Error for a timestep that is
    /// none of the training's.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator,
                                      const Options& options = {}) {
        // 1. Where the step begins and ends.
        const auto abar = abar_at(alphas_cumprod, timestep);
        const auto before =
            timestep - static_cast<double>(config.num_train_timesteps / num_inference_steps);
        const auto abar_before = abar_at(
            alphas_cumprod, before, config.set_alpha_to_one ? 1.0F : alphas_cumprod.front());
        // 2. How much is drawn, (16).
        const auto variance = (1 - abar_before) / (1 - abar) * (1 - abar / abar_before);
        const auto deviation = static_cast<float>(options.eta) * std::sqrt(variance);
        // 3. What is predicted: x_0, and the noise, perhaps from the clipped x_0.
        const auto original = original_of(config.prediction_type, abar);
        auto noise = epsilon_of(config.prediction_type, abar);
        double noise_of_original = 0;
        if (options.use_clipped_model_output) {
            noise = {1 / double{std::sqrt(1 - abar)}, 0};
            noise_of_original = -double{std::sqrt(abar)} / double{std::sqrt(1 - abar)};
        }
        // 4. The sum (12), term by term.
        const double direction = std::sqrt(1 - abar_before - deviation * deviation);
        const auto to_original = double{std::sqrt(abar_before)} + direction * noise_of_original;
        const Tensor<Device>* drawn = nullptr;
        if (options.eta > 0) {
            drawn = options.variance_noise ? options.variance_noise
                                           : &noise_.draw(generator, out.shape());
        }
        original_.step(x, out, original, {direction * noise.sample, direction * noise.output},
                       to_original, drawn, deviation, limits_of(config));
        return x;
    }

    /// The x_0 of the last step.
    [[nodiscard]] const Tensor<Device>& pred_original_sample() const {
        return original_.tensor();
    }

    /// sqrt(abar) x_0 + sqrt(1 - abar) noise, in the memory of `x`. Parity: add_noise.
    [[nodiscard]] Tensor<Device> add_noise(Tensor<Device> x, const Tensor<Device>& noise,
                                           double timestep) const {
        return noised_at(abar_at(alphas_cumprod, timestep), std::move(x), noise);
    }

private:
    OriginalBuffer<Device> original_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
