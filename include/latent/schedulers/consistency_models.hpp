#pragma once

#include "latent/schedulers/sigma_run.hpp"

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

/// scheduler_config.json of diffusers' CMStochasticIterativeScheduler, with its defaults.
struct CMStochasticIterativeSchedulerConfig {
    std::int64_t num_train_timesteps = 40;
    double sigma_min = 0.002, sigma_max = 80;
    double sigma_data = 0.5; ///< the deviation of the images
    double s_noise = 1;      ///< what noise is multiplied by
    double rho = 7;
    bool clip_denoised = true; ///< to +-1
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, CMStochasticIterativeSchedulerConfig>
void fields(Config& config, F&& f) {
    f("num_train_timesteps", config.num_train_timesteps);
    f("sigma_min", config.sigma_min);
    f("sigma_max", config.sigma_max);
    f("sigma_data", config.sigma_data);
    f("s_noise", config.s_noise);
    f("rho", config.rho);
    f("clip_denoised", config.clip_denoised);
}

/// Sampling from a consistency model, which leads from any sigma to x_0 at once: there, and
/// back to a smaller sigma by new noise.
///
///   x_0      = c_skip x + c_out F(x, sigma)                                           (5)
///   c_skip   = sigma_data^2 / ((sigma - sigma_min)^2 + sigma_data^2)
///   c_out    = sigma_data (sigma - sigma_min) / sqrt(sigma^2 + sigma_data^2)
///   x_{i+1}  = x_0 + sqrt(sigma_{i+1}^2 - sigma_min^2) z                     (algorithm 1)
///
///   paper      here
///   t, tau_n   sigma: sigmas[i], the last one sigma_min
///   epsilon    sigma_min, where c_skip is 1 and c_out is 0
///   z          normal; a run of a single step draws none
///
/// A timestep is 250 ln sigma, what these networks are told.
/// Source: Song et al. 2023, arXiv:2303.01469, algorithm 1 and appendix C; parity: diffusers
/// CMStochasticIterativeScheduler.
template <class Device>
struct CMStochasticIterativeScheduler : SigmaRun {
    static constexpr std::string_view class_name = "CMStochasticIterativeScheduler";
    static constexpr int order = 1;

    CMStochasticIterativeSchedulerConfig config;

    /// Throws Error for a config that makes no schedule.
    explicit CMStochasticIterativeScheduler(
        const CMStochasticIterativeSchedulerConfig& chosen = {})
        : config(chosen) {
        check_numbers(config);
        if (config.num_train_timesteps < 2)
            fail("num_train_timesteps", std::to_string(config.num_train_timesteps),
                 "2 at least");
        if (!(config.sigma_min > 0 && config.sigma_min < config.sigma_max))
            fail("sigma_min", std::to_string(config.sigma_min), "above 0, below sigma_max");
        set_timesteps(config.num_train_timesteps);
    }

    /// Throws Error for no step, or more than in training.
    void set_timesteps(std::int64_t steps) {
        begin(spaced_timesteps("leading", steps, config.num_train_timesteps, 0));
    }
    /// At these of the training's steps, which descend; `timesteps` are then those of their
    /// sigmas.
    void set_custom_timesteps(const std::vector<double>& chosen) {
        check_timesteps(chosen, config.num_train_timesteps);
        begin(chosen);
    }

    [[nodiscard]] double init_noise_sigma() const { return config.sigma_max; }
    /// x / sqrt(sigma^2 + sigma_data^2): of variance 1, as networks are trained.
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double timestep) {
        return scaled_input(std::move(x), sigmas[index_.at(timestep, timesteps)],
                            config.sigma_data);
    }

    /// The sample at the next sigma, in the memory of `x`.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator) {
        const auto i = index_.at(timestep, timesteps);
        // 1. x_0, by (5).
        const auto sigma = sigmas[i], above = sigma - config.sigma_min;
        const auto data2 = config.sigma_data * config.sigma_data;
        const Prediction original{data2 / (above * above + data2),
                                  above * config.sigma_data / std::sqrt(sigma * sigma + data2)};
        // 2. Noise up to the next sigma.
        const auto next = std::clamp(sigmas[i + 1], config.sigma_min, config.sigma_max);
        const auto variance = (next - config.sigma_min) * (next + config.sigma_min);
        const auto* noise =
            timesteps.size() > 1 ? &noise_.draw(generator, out.shape()) : nullptr;
        original_.step(x, out, original, {}, 1, noise, config.s_noise * std::sqrt(variance),
                       {Thresholding{}, clip()});
        index_.advance();
        return x;
    }

    /// The x_0 of the last step.
    [[nodiscard]] const Tensor<Device>& pred_original_sample() const {
        return original_.tensor();
    }

private:
    /// At these of the training's steps, from which sigmas are counted the other way round.
    void begin(const std::vector<double>& steps) {
        const auto last = static_cast<double>(config.num_train_timesteps - 1);
        sigmas.clear();
        timesteps.clear();
        for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
            const auto sigma =
                karras_sigma(*step / last, config.sigma_min, config.sigma_max, config.rho);
            sigmas.push_back(sigma);
            timesteps.push_back(1000 * 0.25 * std::log(sigma + 1e-44));
        }
        sigmas.push_back(config.sigma_min);
        round_to_float32(sigmas);
        index_.reset();
    }
    [[nodiscard]] double clip() const {
        return config.clip_denoised ? 1 : std::numeric_limits<double>::infinity();
    }

    OriginalBuffer<Device> original_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
