#pragma once

#include "latent/schedulers/noise_schedule.hpp"
#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/scheduler.hpp"
#include "latent/schedulers/timestep_spacing.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' DDIMInverseScheduler, with its defaults.
struct DDIMInverseSchedulerConfig : NoiseSchedule {
    bool clip_sample = true;
    bool set_alpha_to_one = true; ///< abar in front of the first step: 1, or that of timestep 0
    std::int64_t steps_offset = 0;
    std::string prediction_type = "epsilon";
    double clip_sample_range = 1;
    std::string timestep_spacing = "leading"; ///< or trailing
    bool rescale_betas_zero_snr = false;
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, DDIMInverseSchedulerConfig>
void fields(Config& config, F&& f) {
    noise_fields(config, f);
    f("clip_sample", config.clip_sample);
    f("set_alpha_to_one", config.set_alpha_to_one);
    f("steps_offset", config.steps_offset);
    f("prediction_type", config.prediction_type);
    f("clip_sample_range", config.clip_sample_range);
    f("timestep_spacing", config.timestep_spacing);
    f("rescale_betas_zero_snr", config.rescale_betas_zero_snr);
}

/// DDIM backwards: from an image to the noise that DDIM makes it of, along the noise predicted
/// at each step's end.
///
///   x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) e_t                              (12, without noise)
///
///   paper     here
///   t         timestep, ascending: where the step ends
///   a_t       abar_after, the product of 1 - beta up to t (alphas_cumprod)
///   x_0       the original, clipped, as it is predicted for the step's beginning
///   e_t       the predicted noise, of the same
///
/// The network is asked at t about a sample that has the noise of the step before, which is the
/// approximation that is made. Where set_alpha_to_one is true, the first step begins at an
/// image without noise: a prediction of the `sample` says nothing of the noise there, and
/// step() throws Error.
///
/// Order of convergence: 1.
/// Source: Song et al. 2020, arXiv:2010.02502, section 4.3; parity: diffusers
/// DDIMInverseScheduler.
template <class Device>
struct DDIMInverseScheduler {
    static constexpr std::string_view class_name = "DDIMInverseScheduler";
    static constexpr int order = 1;

    DDIMInverseSchedulerConfig config;
    std::vector<float> alphas_cumprod;
    std::vector<double> timesteps; ///< ascending
    std::int64_t num_inference_steps = 0;

    /// Throws Error for a config that makes no schedule.
    explicit DDIMInverseScheduler(const DDIMInverseSchedulerConfig& chosen = {})
        : config(chosen), alphas_cumprod(alphas_cumprod_of(chosen)) {
        (void)epsilon_of(config.prediction_type, 0.5F);
        check_name("timestep_spacing", config.timestep_spacing, {"leading", "trailing"});
        set_timesteps(static_cast<std::int64_t>(alphas_cumprod.size()));
    }

    /// Throws Error for no step, or more than in training.
    void set_timesteps(std::int64_t steps) {
        timesteps = spaced_timesteps(config.timestep_spacing, steps, config.num_train_timesteps,
                                     config.steps_offset);
        std::ranges::reverse(timesteps);
        num_inference_steps = steps;
    }
    void set_begin_index(std::size_t) {} // a timestep says all
    [[nodiscard]] double init_noise_sigma() const { return 1; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }

    /// The sample a step later, in the memory of `x`. Throws Error for a timestep that is none
    /// of the training's.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator&) {
        const auto begin =
            timestep - static_cast<double>(config.num_train_timesteps / num_inference_steps);
        const auto abar = abar_at(alphas_cumprod, begin,
                                  config.set_alpha_to_one ? 1.0F : alphas_cumprod.front());
        const auto abar_after = abar_at(alphas_cumprod, timestep);
        const auto noise = epsilon_of(config.prediction_type, abar);
        const double direction = std::sqrt(1 - abar_after);
        original_.step(x, out, original_of(config.prediction_type, abar),
                       {direction * noise.sample, direction * noise.output},
                       std::sqrt(abar_after), nullptr, 0,
                       {Thresholding{}, config.clip_sample
                                            ? config.clip_sample_range
                                            : std::numeric_limits<double>::infinity()});
        return x;
    }

    /// The x_0 of the last step.
    [[nodiscard]] const Tensor<Device>& pred_original_sample() const {
        return original_.tensor();
    }

private:
    OriginalBuffer<Device> original_;
};

} // namespace latent
