#pragma once

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

/// scheduler_config.json of diffusers' KDPM2DiscreteScheduler, with its defaults.
struct KDPM2DiscreteSchedulerConfig : SigmaRunConfig<LatentNoiseSchedule> {};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, KDPM2DiscreteSchedulerConfig>
void fields(Config& config, F&& f) { sigma_run_fields(config, f); }

/// DPM-Solver-2: the slope of the probability flow is taken at a step's geometric middle, to
/// which a step of Euler's leads.
///
///   u_i      = x_i + (sigma_m - sigma_i) (x_i - D(x_i, sigma_i)) / sigma_i
///   x_{i+1}  = x_i + (sigma_{i+1} - sigma_i) (u_i - D(u_i, sigma_m)) / sigma_m
///   sigma_m  = sqrt(sigma_i sigma_{i+1})
///
///   paper     here
///   sigma_i   sigmas[], each twice, for the two calls of a step
///   sigma_m   sigmas_interpol[]: the middle of lambda = -ln sigma, r_1 = 1/2
///   u_i       what step() returns at first; in the last step, to sigma 0, it is all
///   D         the predicted x_0
///
/// The network is asked 2 n - 1 times.
/// Order of convergence: 2.
/// Source: Lu et al. 2022, arXiv:2206.00927, algorithm 1, in the sigmas of Karras et al. 2022,
/// arXiv:2206.00364, algorithm 2; parity: diffusers KDPM2DiscreteScheduler.
template <class Device>
struct KDPM2DiscreteScheduler : SigmaRun {
    static constexpr std::string_view class_name = "KDPM2DiscreteScheduler";
    static constexpr int order = 2;

    KDPM2DiscreteSchedulerConfig config;
    std::vector<float> alphas_cumprod;
    std::vector<double> sigmas_interpol; ///< of midpoints, as many as sigmas

    /// Throws Error for a config that makes no schedule.
    explicit KDPM2DiscreteScheduler(const KDPM2DiscreteSchedulerConfig& chosen = {})
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
        // 2. Their middles, of a step's end and its beginning.
        std::vector<double> middles{0}; // none before the first
        for (std::size_t i = 1; i < table.size(); ++i)
            middles.push_back(geometric_mean(table[i], table[i - 1]));
        sigmas = interleaved(table);
        sigmas_interpol = interleaved(middles);
        // 3. What is asked about.
        timesteps = with_midpoints(t, [&](std::size_t i) {
            return timestep_of_sigma<float>(middles[i + 1], training);
        });
        stages_.reset();
        index_.reset();
    }

    [[nodiscard]] double init_noise_sigma() const {
        return sigma_of_start(config.timestep_spacing, sigmas);
    }
    /// x / sqrt(sigma^2 + 1): of variance 1, as networks are trained.
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double timestep) {
        const auto i = index_.at(timestep, timesteps);
        return scaled_input(std::move(x), stages_.first() ? sigmas[i] : sigmas_interpol[i]);
    }

    /// What is asked about next: u_i or x_{i+1}, in the memory of `x`. Nothing is drawn.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x) {
        const auto i = index_.at(timestep, timesteps);
        if (stages_.first(i)) {
            // To the middle.
            const auto original = denoised_of(config.prediction_type, sigmas[i]);
            const auto slope = (sigmas_interpol[i + 1] - sigmas[i]) / sigmas[i];
            stages_.begin(x, out, original, slope);
        } else {
            // From the beginning again, with the slope found there.
            const auto middle = sigmas_interpol[i];
            const auto slope = (sigmas[i] - sigmas[i - 1]) / middle;
            stages_.end(x, out, denoised_of(config.prediction_type, middle), 1, slope, -slope);
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
    TwoStages<Device> stages_;
};

} // namespace latent
