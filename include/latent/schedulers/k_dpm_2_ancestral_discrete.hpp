#pragma once

#include "latent/schedulers/ancestral.hpp"
#include "latent/schedulers/sigma_run.hpp"
#include "latent/schedulers/two_stages.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' KDPM2AncestralDiscreteScheduler, with its defaults.
struct KDPM2AncestralDiscreteSchedulerConfig : SigmaRunConfig<LatentNoiseSchedule> {};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, KDPM2AncestralDiscreteSchedulerConfig>
void fields(Config& config, F&& f) { sigma_run_fields(config, f); }

/// DPM-Solver-2 with ancestral steps: further down than the next sigma, by way of the geometric
/// middle, and back up with new noise.
///
///   u_i      = x_i + (sigma_m - sigma_i) (x_i - D(x_i, sigma_i)) / sigma_i
///   x_{i+1}  = x_i + (sigma_down - sigma_i) (u_i - D(u_i, sigma_m)) / sigma_m + sigma_up z
///   sigma_m  = sqrt(sigma_i sigma_down)
///
///   paper     here
///   sigma_i   sigmas[], each twice, for the two calls of a step
///   sigma_m   sigmas_interpol[]
///   sigma_down, sigma_up   sigmas_down[], sigmas_up[]: ancestral_step
///   u_i       what step() returns at first; in the last step, to sigma 0, it is all
///   D         the predicted x_0
///   z         normal, drawn in a step's second call
///
/// The network is asked 2 n - 1 times.
/// Source: Lu et al. 2022, arXiv:2206.00927, algorithm 1, in the sigmas of Karras et al. 2022,
/// arXiv:2206.00364, algorithm 2; parity: diffusers KDPM2AncestralDiscreteScheduler.
template <class Device>
struct KDPM2AncestralDiscreteScheduler : SigmaRun {
    static constexpr std::string_view class_name = "KDPM2AncestralDiscreteScheduler";
    static constexpr int order = 2;

    KDPM2AncestralDiscreteSchedulerConfig config;
    std::vector<float> alphas_cumprod;
    std::vector<double> sigmas_interpol, sigmas_down, sigmas_up; ///< as many as sigmas

    /// Throws Error for a config that makes no schedule.
    explicit KDPM2AncestralDiscreteScheduler(
        const KDPM2AncestralDiscreteSchedulerConfig& chosen = {})
        : config(chosen), alphas_cumprod(alphas_cumprod_of(betas_of(chosen))) {
        config.check();
        (void)denoised_of(config.prediction_type, 1);
        set_timesteps(config.num_train_timesteps);
    }

    /// Throws Error for no step, or more than in training.
    void set_timesteps(std::int64_t steps) {
        // 1. The sigmas of the steps.
        const auto training = sigmas_of(alphas_cumprod);
        const auto [t, table] = sigma_levels(config, training, steps);
        // 2. How far down each goes, and the middle on its way.
        std::vector<double> middles, down, up;
        for (std::size_t i = 0; i + 1 < table.size(); ++i) {
            const auto to = ancestral_step(table[i], table[i + 1]);
            down.push_back(to.down), up.push_back(to.up);
            // Rounded down to 0 there would be no middle: diffusers has NaN.
            const auto end = to.down > 0 ? to.down : table[i + 1] * table[i + 1] / table[i];
            middles.push_back(geometric_mean(table[i], end));
        }
        middles.back() = 0; // the last step ends at once
        for (auto* list : {&middles, &down, &up}) list->push_back(0);
        sigmas = interleaved(table);
        sigmas_interpol = interleaved(middles);
        sigmas_down = interleaved(down);
        sigmas_up = interleaved(up);
        // 3. What is asked about.
        timesteps = with_midpoints(
            t, [&](std::size_t i) { return timestep_of_sigma<float>(middles[i], training); });
        stages_.reset();
        index_.reset();
    }

    [[nodiscard]] double init_noise_sigma() const {
        return sigma_of_start(config.timestep_spacing, sigmas);
    }
    /// x / sqrt(sigma^2 + 1): of variance 1, as networks are trained.
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double timestep) {
        const auto i = index_.at(timestep, timesteps);
        return scaled_input(std::move(x), stages_.first() ? sigmas[i] : sigmas_interpol[i - 1]);
    }

    /// What is asked about next: u_i or x_{i+1}, in the memory of `x`.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator) {
        const auto i = index_.at(timestep, timesteps);
        if (stages_.first(i)) {
            // To the middle.
            const auto original = denoised_of(config.prediction_type, sigmas[i]);
            const auto slope = (sigmas_interpol[i] - sigmas[i]) / sigmas[i];
            stages_.begin(x, out, original, slope);
        } else {
            // From the beginning again, with the slope found there, and up by the noise.
            const auto middle = sigmas_interpol[i - 1];
            const auto slope = (sigmas_down[i - 1] - sigmas[i - 1]) / middle;
            stages_.end(x, out, denoised_of(config.prediction_type, middle), 1, slope, -slope,
                        {&noise_.draw(generator, out.shape()), sigmas_up[i - 1]});
        }
        index_.advance();
        return x;
    }

    /// The x_0 of the last call.
    [[nodiscard]] const Tensor<Device>& pred_original_sample() const {
        return stages_.original();
    }

private:
    TwoStages<Device> stages_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
