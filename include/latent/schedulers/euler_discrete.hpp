#pragma once

#include "latent/schedulers/sigma_run.hpp"

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' EulerDiscreteScheduler, with its defaults.
struct EulerDiscreteSchedulerConfig : NoiseSchedule, SigmaSpacing {
    std::string prediction_type = "epsilon";
    std::string interpolation_type = "linear";  ///< or log_linear: evenly in ln sigma
    std::optional<double> sigma_min, sigma_max; ///< of spaced sigmas; none: the training's
    std::string timestep_spacing = "linspace";
    std::string timestep_type = "discrete"; ///< continuous: ln(sigma) / 4, of v_prediction
    std::int64_t steps_offset = 0;
    bool rescale_betas_zero_snr = false;
    std::string final_sigmas_type = "zero"; ///< or sigma_min
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, EulerDiscreteSchedulerConfig>
void fields(Config& config, F&& f) {
    noise_fields(config, f);
    f("prediction_type", config.prediction_type);
    f("interpolation_type", config.interpolation_type);
    sigma_fields(config, f);
    f("sigma_min", config.sigma_min);
    f("sigma_max", config.sigma_max);
    f("timestep_spacing", config.timestep_spacing);
    f("timestep_type", config.timestep_type);
    f("steps_offset", config.steps_offset);
    f("rescale_betas_zero_snr", config.rescale_betas_zero_snr);
    f("final_sigmas_type", config.final_sigmas_type);
}

/// Euler's method on the probability flow, dx / dsigma = (x - D(x, sigma)) / sigma, with noise
/// put back in between where that is asked for.
///
///   x'       = x + sqrt(sigma'^2 - sigma_i^2) z,  sigma' = (1 + gamma) sigma_i  (alg. 2, 5-6)
///   d        = (x' - D(x', sigma')) / sigma'                                          (7)
///   x_{i+1}  = x' + (sigma_{i+1} - sigma') d                                          (8)
///
///   paper     here
///   sigma_i   sigmas[i], the last one 0 (or final_sigmas_type's)
///   sigma'    raised
///   gamma     min(s_churn / n, sqrt(2) - 1) between s_tmin and s_tmax, else 0
///   D         the predicted x_0
///
/// Order of convergence: 1.
/// Source: Karras et al. 2022, arXiv:2206.00364, algorithm 2 without its second-order step;
/// parity: diffusers EulerDiscreteScheduler.
template <class Device>
struct EulerDiscreteScheduler : SigmaRun {
    static constexpr std::string_view class_name = "EulerDiscreteScheduler";
    static constexpr int order = 1;

    EulerDiscreteSchedulerConfig config;
    std::vector<float> alphas_cumprod;

    /// Throws Error for a config that makes no schedule.
    explicit EulerDiscreteScheduler(const EulerDiscreteSchedulerConfig& chosen = {})
        : config(chosen), alphas_cumprod(sigma_alphas_cumprod(chosen)) {
        config.check();
        (void)denoised_of(config.prediction_type, 1);
        check_name("interpolation_type", config.interpolation_type, {"linear", "log_linear"});
        check_name("timestep_type", config.timestep_type, {"discrete", "continuous"});
        check_name("final_sigmas_type", config.final_sigmas_type, {"zero", "sigma_min"});
        set_timesteps(config.num_train_timesteps);
    }

    /// Throws Error for no step, or more than in training.
    void set_timesteps(std::int64_t steps) {
        const auto training = sigmas_of(alphas_cumprod);
        timesteps = spaced_timesteps(config.timestep_spacing, steps, config.num_train_timesteps,
                                     config.steps_offset, false);
        interpolate(training);
        if (config.spaced()) {
            const auto lowest = config.sigma_min.value_or(sigmas.back());
            const auto highest = config.sigma_max.value_or(sigmas.front());
            check_sigma_ends(config, lowest, highest);
            sigmas = config.sigmas(lowest, highest, steps);
            for (std::size_t i = 0; i < sigmas.size(); ++i)
                timesteps[i] = timestep_of_sigma(sigmas[i], training);
        }
        finish(config.final_sigmas_type == "sigma_min" ? training.front() : 0);
    }
    /// At these timesteps, which descend. Throws Error where sigmas are spaced.
    void set_custom_timesteps(const std::vector<double>& chosen) {
        refuse_spaced("timesteps", config.spaced() || continuous());
        check_timesteps(chosen, config.num_train_timesteps);
        const auto training = sigmas_of(alphas_cumprod);
        timesteps = chosen;
        interpolate(training);
        finish(config.final_sigmas_type == "sigma_min" ? training.front() : 0);
    }
    /// At these sigmas, the last of which is where the run ends.
    void set_sigmas(const std::vector<double>& chosen) {
        check_sigmas(chosen);
        const auto training = sigmas_of(alphas_cumprod);
        sigmas = chosen;
        const auto last = sigmas.back();
        sigmas.pop_back();
        timesteps.clear();
        for (const auto sigma : sigmas)
            timesteps.push_back(timestep_of_sigma(detail::to_float32(sigma), training));
        finish(last);
    }

    [[nodiscard]] double init_noise_sigma() const {
        return sigma_of_start(config.timestep_spacing, sigmas);
    }

    struct Options {
        double s_churn = 0, s_tmin = 0, s_tmax = std::numeric_limits<double>::infinity();
        double s_noise = 1; ///< what noise is multiplied by
    };

    /// The sample at the next sigma, in the memory of `x`.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator,
                                      const Options& options = {}) {
        const auto i = index_.at(timestep, timesteps);
        const auto sigma = sigmas[i];
        // 5-6. More noise, if any is put back.
        const auto raised = churn(x, sigma, timesteps.size(), options, noise_, generator);
        // 7-8. Along the line from x through D: x + (sigma_{i+1} - sigma') (x - D) / sigma'.
        const auto slope = (sigmas[i + 1] - raised) / raised;
        const auto original = denoised_of(config.prediction_type,
                                          config.prediction_type == "epsilon" ? raised : sigma);
        original_.step(x, out, original, {1 + slope, 0}, -slope);
        index_.advance();
        return x;
    }

    /// The x_0 of the last step.
    [[nodiscard]] const Tensor<Device>& pred_original_sample() const {
        return original_.tensor();
    }

private:
    [[nodiscard]] bool continuous() const {
        return config.timestep_type == "continuous" && config.prediction_type == "v_prediction";
    }
    /// The sigmas at the timesteps.
    void interpolate(const std::vector<double>& training) {
        if (config.interpolation_type == "log_linear") {
            const auto steps = static_cast<std::int64_t>(timesteps.size());
            // One more than there are steps, as diffusers has it; the last one is dropped.
            const auto logs = detail::linspace(std::log(training.back()),
                                               std::log(training.front()), steps + 1);
            sigmas.clear();
            for (const auto log : logs) sigmas.push_back(static_cast<double>(std::exp(log)));
        } else {
            sigmas.clear();
            for (const auto t : timesteps)
                sigmas.push_back(detail::interpolated(detail::to_float32(t), training));
        }
    }
    /// float32, with the sigma behind the last step.
    void finish(double last) {
        sigmas.push_back(last);
        for (auto& sigma : sigmas) sigma = detail::to_float32(sigma);
        if (continuous()) {
            timesteps.clear();
            for (std::size_t i = 0; i + 1 < sigmas.size(); ++i)
                timesteps.push_back(0.25 * std::log(sigmas[i]));
        }
        for (auto& t : timesteps) t = detail::to_float32(t);
        index_.reset();
    }

    OriginalBuffer<Device> original_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
