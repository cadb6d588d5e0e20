#pragma once

#include "latent/schedulers/sigma_run.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' EDMEulerScheduler, with its defaults.
struct EDMEulerSchedulerConfig {
    double sigma_min = 0.002, sigma_max = 80;
    double sigma_data = 0.5;               ///< the deviation of the images
    std::string sigma_schedule = "karras"; ///< or exponential
    std::int64_t num_train_timesteps = 1000;
    std::string prediction_type = "epsilon"; ///< or v_prediction
    double rho = 7;
    std::string final_sigmas_type = "zero"; ///< or sigma_min
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, EDMEulerSchedulerConfig>
void fields(Config& config, F&& f) {
    f("sigma_min", config.sigma_min);
    f("sigma_max", config.sigma_max);
    f("sigma_data", config.sigma_data);
    f("sigma_schedule", config.sigma_schedule);
    f("num_train_timesteps", config.num_train_timesteps);
    f("prediction_type", config.prediction_type);
    f("rho", config.rho);
    f("final_sigmas_type", config.final_sigmas_type);
}

/// x_0 of x = x_0 + sigma noise by a network F that was trained within its preconditioning:
///   D = c_skip x + c_out F,   c_skip = sigma_data^2 / (sigma^2 + sigma_data^2)
///                             c_out  = +-sigma sigma_data / sqrt(sigma^2 + sigma_data^2)
/// with + for epsilon and - for v_prediction. Source: Karras et al. 2022, arXiv:2206.00364, (7)
/// and table 1.
[[nodiscard]] inline Prediction edm_denoised_of(std::string_view prediction_type, double sigma,
                                                double sigma_data) {
    check_name("prediction_type", prediction_type, {"epsilon", "v_prediction"});
    const auto variance = sigma * sigma + sigma_data * sigma_data;
    const auto out = sigma * sigma_data / std::sqrt(variance);
    return {sigma_data * sigma_data / variance, prediction_type == "epsilon" ? out : -out};
}

/// Euler's method on the probability flow for networks of EDM's kind, which are given
/// c_in x = x / sqrt(sigma^2 + sigma_data^2) and c_noise = ln(sigma) / 4, the timestep.
///
///   x'       = x + sqrt(sigma'^2 - sigma_i^2) s_noise z,  sigma' = (1 + gamma) sigma_i
///   x_{i+1}  = x' + (sigma_{i+1} - sigma') (x' - D(x', sigma')) / sigma'
///
///   paper     here
///   sigma_i   sigmas[i], the last one 0 (or final_sigmas_type's)
///   sigma'    raised
///   gamma     min(s_churn / n, sqrt(2) - 1) between s_tmin and s_tmax, else 0
///   D         the predicted x_0, edm_denoised_of
///
/// Order of convergence: 1.
/// Source: Karras et al. 2022, arXiv:2206.00364, algorithm 2 without its second-order step;
/// parity: diffusers EDMEulerScheduler.
template <class Device>
struct EDMEulerScheduler : SigmaRun {
    static constexpr std::string_view class_name = "EDMEulerScheduler";
    static constexpr int order = 1;

    EDMEulerSchedulerConfig config;

    /// Throws Error for a config that makes no schedule.
    explicit EDMEulerScheduler(const EDMEulerSchedulerConfig& chosen = {}) : config(chosen) {
        check_numbers(config);
        (void)edm_denoised_of(config.prediction_type, 1, 1);
        check_name("sigma_schedule", config.sigma_schedule, {"karras", "exponential"});
        check_name("final_sigmas_type", config.final_sigmas_type, {"zero", "sigma_min"});
        if (!(config.sigma_min > 0 && config.sigma_min < config.sigma_max))
            fail("sigma_min", std::to_string(config.sigma_min), "above 0, below sigma_max");
        set_timesteps(config.num_train_timesteps);
    }

    /// Throws Error for no step, or more than in training.
    void set_timesteps(std::int64_t steps) {
        check_steps(steps, config.num_train_timesteps);
        begin(detail::spread(0, 1, steps));
    }
    /// At these places of the schedule, from 0, sigma_max, to 1, sigma_min; of an exponential
    /// one only their number counts. This is what diffusers makes of set_timesteps(sigmas=).
    void set_sigmas(const std::vector<double>& places) {
        if (places.empty()) fail("sigmas", "none", "at least one");
        for (std::size_t i = 0; i < places.size(); ++i) {
            if (!(places[i] >= 0 && places[i] <= 1) || (i > 0 && places[i] <= places[i - 1]))
                fail("sigmas", std::to_string(places[i]), "ascending places from 0 to 1");
        }
        begin(places);
    }

    [[nodiscard]] double init_noise_sigma() const {
        return std::sqrt(config.sigma_max * config.sigma_max + 1);
    }
    /// c_in x: of variance 1, as networks are trained.
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double timestep) {
        return scaled_input(std::move(x), sigmas[index_.at(timestep, timesteps)],
                            config.sigma_data);
    }

    struct Options {
        double s_churn = 0, s_tmin = 0, s_tmax = std::numeric_limits<double>::infinity();
        double s_noise = 1;                                   ///< what noise is multiplied by
        const Tensor<Device>* pred_original_sample = nullptr; ///< D, in place of the output's
    };

    /// The sample at the next sigma, in the memory of `x`.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator,
                                      const Options& options = {}) {
        const auto i = index_.at(timestep, timesteps);
        const auto sigma = sigmas[i];
        // 1. More noise, if any is put back.
        const auto raised = churn(x, sigma, timesteps.size(), options, noise_, generator);
        // 2. Along the line from x through D: x + (sigma_{i+1} - sigma') (x - D) / sigma'.
        const auto slope = (sigmas[i + 1] - raised) / raised;
        const auto* given = options.pred_original_sample;
        original_.step(x, given ? *given : out,
                       given
                           ? Prediction{0, 1}
                           : edm_denoised_of(config.prediction_type, raised, config.sigma_data),
                       {1 + slope, 0}, -slope);
        index_.advance();
        return x;
    }

    /// The x_0 of the last step.
    [[nodiscard]] const Tensor<Device>& pred_original_sample() const {
        return original_.tensor();
    }

private:
    void begin(const std::vector<double>& places) {
        sigmas.clear();
        if (config.sigma_schedule == "karras") {
            for (const auto place : places)
                sigmas.push_back(
                    karras_sigma(place, config.sigma_min, config.sigma_max, config.rho));
        } else {
            const auto count = static_cast<std::int64_t>(places.size());
            for (const auto log : detail::linspace(std::log(config.sigma_min),
                                                   std::log(config.sigma_max), count))
                sigmas.push_back(static_cast<double>(std::exp(log)));
            std::ranges::reverse(sigmas);
        }
        round_to_float32(sigmas);
        timesteps.clear();
        for (const auto sigma : sigmas)
            timesteps.push_back(detail::to_float32(0.25 * std::log(sigma)));
        sigmas.push_back(config.final_sigmas_type == "sigma_min" ? sigmas.back() : 0);
        index_.reset();
    }

    OriginalBuffer<Device> original_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
