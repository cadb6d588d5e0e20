#pragma once

#include "latent/schedulers/ancestral.hpp"
#include "latent/schedulers/sigma_run.hpp"

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' EulerAncestralDiscreteScheduler, with its defaults.
struct EulerAncestralDiscreteSchedulerConfig : NoiseSchedule {
    std::string prediction_type = "epsilon";
    std::string timestep_spacing = "linspace";
    std::int64_t steps_offset = 0;
    bool rescale_betas_zero_snr = false;
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, EulerAncestralDiscreteSchedulerConfig>
void fields(Config& config, F&& f) {
    noise_fields(config, f);
    f("prediction_type", config.prediction_type);
    f("timestep_spacing", config.timestep_spacing);
    f("steps_offset", config.steps_offset);
    f("rescale_betas_zero_snr", config.rescale_betas_zero_snr);
}

/// Euler's method on the probability flow, each step further down than the next sigma, and back
/// up to it with new noise: at the next sigma's level, and yet not where Euler's method ends.
///
///   x_{i+1} = x_i + (sigma_down - sigma_i) (x_i - D(x_i, sigma_i)) / sigma_i + sigma_up z
///   sigma_up^2   = sigma_{i+1}^2 (sigma_i^2 - sigma_{i+1}^2) / sigma_i^2
///   sigma_down^2 = sigma_{i+1}^2 - sigma_up^2
///
///   formula      here
///   sigma_i      sigmas[i], the last one 0
///   sigma_down, sigma_up   to.down, to.up
///   D            the predicted x_0
///   z            normal; drawn in the last step, too, where sigma_up is 0
///
/// Source: the posterior of Ho et al. 2020, arXiv:2006.11239, (7), written in sigmas; Euler's
/// step as Karras et al. 2022, arXiv:2206.00364, (7) and (8); parity: diffusers
/// EulerAncestralDiscreteScheduler.
template <class Device>
struct EulerAncestralDiscreteScheduler : SigmaRun {
    static constexpr std::string_view class_name = "EulerAncestralDiscreteScheduler";
    static constexpr int order = 1;

    EulerAncestralDiscreteSchedulerConfig config;
    std::vector<float> alphas_cumprod;

    /// Throws Error for a config that makes no schedule.
    explicit EulerAncestralDiscreteScheduler(
        const EulerAncestralDiscreteSchedulerConfig& chosen = {})
        : config(chosen), alphas_cumprod(sigma_alphas_cumprod(chosen)) {
        (void)denoised_of(config.prediction_type, 1);
        set_timesteps(config.num_train_timesteps);
    }

    /// Throws Error for no step, or more than in training.
    void set_timesteps(std::int64_t steps) {
        timesteps = spaced_timesteps(config.timestep_spacing, steps, config.num_train_timesteps,
                                     config.steps_offset, false);
        round_to_float32(timesteps);
        sigmas = sigmas_at(timesteps, sigmas_of(alphas_cumprod));
        sigmas.push_back(0);
        round_to_float32(sigmas);
        index_.reset();
    }

    [[nodiscard]] double init_noise_sigma() const {
        return sigma_of_start(config.timestep_spacing, sigmas);
    }

    /// The sample at the next sigma, in the memory of `x`.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator) {
        const auto i = index_.at(timestep, timesteps);
        const auto sigma = sigmas[i];
        // 1. How far down, and what brings it up again.
        const auto to = ancestral_step(sigma, sigmas[i + 1]);
        // 2. Along the line from x through D, and noise.
        const auto slope = (to.down - sigma) / sigma;
        original_.step(x, out, denoised_of(config.prediction_type, sigma), {1 + slope, 0},
                       -slope, &noise_.draw(generator, out.shape()), to.up);
        index_.advance();
        return x;
    }

    /// The x_0 of the last step.
    [[nodiscard]] const Tensor<Device>& pred_original_sample() const {
        return original_.tensor();
    }

private:
    OriginalBuffer<Device> original_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
