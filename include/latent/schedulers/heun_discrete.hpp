#pragma once

#include "latent/schedulers/sigma_run.hpp"
#include "latent/schedulers/two_stages.hpp"

#include <concepts>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' HeunDiscreteScheduler, with its defaults.
struct HeunDiscreteSchedulerConfig : SigmaRunConfig<LatentNoiseSchedule> {
    bool clip_sample = false;
    double clip_sample_range = 1;
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, HeunDiscreteSchedulerConfig>
void fields(Config& config, F&& f) {
    sigma_run_fields(config, f);
    f("clip_sample", config.clip_sample);
    f("clip_sample_range", config.clip_sample_range);
}

/// Heun's method on the probability flow: a step of Euler's, and then once more with the mean
/// of the slopes at both of its ends.
///
///   d_i      = (x_i - D(x_i, sigma_i)) / sigma_i                          (algorithm 1, 4)
///   x'       = x_i + (sigma_{i+1} - sigma_i) d_i                                      (5)
///   d'       = (x' - D(x', sigma_{i+1})) / sigma_{i+1}                                (7)
///   x_{i+1}  = x_i + (sigma_{i+1} - sigma_i) (d_i / 2 + d' / 2)                       (8)
///
///   paper     here
///   sigma_i   sigma; sigmas[] holds each one twice, for the two calls of a step
///   x'        what step() returns at first; at sigma 0 it is all
///   D         the predicted x_0
///
/// The network is asked 2 n - 1 times. The stochastic part of diffusers' algorithm is never on:
/// gamma is 0 there.
/// Order of convergence: 2.
/// Source: Karras et al. 2022, arXiv:2206.00364, algorithm 1; parity: diffusers
/// HeunDiscreteScheduler.
template <class Device>
struct HeunDiscreteScheduler : SigmaRun {
    static constexpr std::string_view class_name = "HeunDiscreteScheduler";
    static constexpr int order = 2;

    HeunDiscreteSchedulerConfig config;
    std::vector<float> alphas_cumprod;

    /// Throws Error for a config that makes no schedule.
    explicit HeunDiscreteScheduler(const HeunDiscreteSchedulerConfig& chosen = {})
        : config(chosen), alphas_cumprod(alphas_cumprod_of(betas_of(chosen))) {
        config.check();
        (void)denoised_of(config.prediction_type, 1);
        set_timesteps(config.num_train_timesteps);
    }

    /// Throws Error for no step, or more than in training.
    void set_timesteps(std::int64_t steps) {
        begin(spaced_timesteps(config.timestep_spacing, steps, config.num_train_timesteps,
                               config.steps_offset, false));
    }
    /// At these timesteps, which descend. Throws Error where sigmas are spaced.
    void set_custom_timesteps(const std::vector<double>& chosen) {
        refuse_spaced("timesteps", config.spaced());
        check_timesteps(chosen, config.num_train_timesteps);
        begin(chosen);
    }

    [[nodiscard]] double init_noise_sigma() const {
        return sigma_of_start(config.timestep_spacing, sigmas);
    }

    /// What is asked about next: x' or x_{i+1}, in the memory of `x`. Nothing is drawn.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x) {
        const auto i = index_.at(timestep, timesteps);
        const auto original = denoised_of(config.prediction_type, sigmas[i]);
        if (stages_.first(i)) {
            // 4-5. To the next sigma; half of the way is remembered for (8).
            const auto slope = (sigmas[i + 1] - sigmas[i]) / sigmas[i];
            if (sigmas[i + 1] == 0)
                stages_.only(x, out, original, slope, clip());
            else
                stages_.begin(x, out, original, slope, slope / 2, {}, clip());
        } else {
            // 7-8. The other half, with the slope found there.
            const auto slope = (sigmas[i] - sigmas[i - 1]) / sigmas[i] / 2;
            stages_.end(x, out, original, 1, slope, -slope, {}, clip());
        }
        index_.advance();
        return x;
    }
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator&) {
        return step(out, timestep, std::move(x));
    }

    /// The x_0 of the last call.
    [[nodiscard]] const Tensor<Device>& pred_original_sample() const {
        return stages_.original();
    }

private:
    void begin(std::vector<double> chosen) {
        round_to_float32(chosen);
        auto table = sigmas_at(chosen, sigmas_of(alphas_cumprod), config);
        // Each but the first is asked about twice, and 0 never.
        timesteps = interleaved(chosen);
        timesteps.pop_back();
        sigmas = interleaved(table);
        sigmas.back() = 0;
        round_to_float32(timesteps);
        round_to_float32(sigmas);
        stages_.reset();
        index_.reset();
    }
    [[nodiscard]] double clip() const {
        return config.clip_sample ? config.clip_sample_range
                                  : std::numeric_limits<double>::infinity();
    }

    TwoStages<Device> stages_;
};

} // namespace latent
