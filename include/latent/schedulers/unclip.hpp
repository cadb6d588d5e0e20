#pragma once

#include "latent/schedulers/learned_variance.hpp"
#include "latent/schedulers/noise_schedule.hpp"
#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/scheduler.hpp"
#include "latent/schedulers/timestep_spacing.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' UnCLIPScheduler, with its defaults.
struct UnCLIPSchedulerConfig {
    std::int64_t num_train_timesteps = 1000;
    std::string variance_type = "fixed_small_log"; ///< or learned_range
    bool clip_sample = true;
    double clip_sample_range = 1;
    std::string prediction_type = "epsilon";         ///< or sample
    std::string beta_schedule = "squaredcos_cap_v2"; ///< no other
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, UnCLIPSchedulerConfig>
void fields(Config& config, F&& f) {
    f("num_train_timesteps", config.num_train_timesteps);
    f("variance_type", config.variance_type);
    f("clip_sample", config.clip_sample);
    f("clip_sample_range", config.clip_sample_range);
    f("prediction_type", config.prediction_type);
    f("beta_schedule", config.beta_schedule);
}

/// DDPM as karlo's unCLIP has it: on a cosine schedule, from the last timestep to 0 with both
/// ends, and with the end of a step said by the caller.
///
///   x_{t-1} = sqrt(a_{t-1}) b_t / (1 - a_t) x_0 + sqrt(1 - b_t) (1 - a_{t-1}) / (1 - a_t) x_t
///             + s_t z,   z normal; none at t = 0                                          (7)
///
///   paper     here
///   a_t       abar, the product of 1 - beta up to t (alphas_cumprod)
///   a_{t-1}   abar_before: of prev_timestep, t - 1 where none is given; 1 in front of 0
///   b_t       beta: of training for t - 1, else 1 - a_t / a_{t-1}
///   x_0       the predicted original, clipped                                            (15)
///   s_t^2     (1 - a_{t-1}) / (1 - a_t) b_t, 1e-20 at least; or between it and b_t where the
///             network says so in channels behind its prediction
///
/// Source: Ho et al. 2020, arXiv:2006.11239; Nichol and Dhariwal 2021, arXiv:2102.09672 (the
/// range); parity: diffusers UnCLIPScheduler.
template <class Device>
struct UnCLIPScheduler {
    static constexpr std::string_view class_name = "UnCLIPScheduler";
    static constexpr int order = 1;

    UnCLIPSchedulerConfig config;
    std::vector<float> betas, alphas_cumprod;
    std::vector<double> timesteps;

    /// Throws Error for a config that makes no schedule.
    explicit UnCLIPScheduler(const UnCLIPSchedulerConfig& chosen = {})
        : config(chosen),
          betas(cosine_betas(chosen)),
          alphas_cumprod(alphas_cumprod_of(betas)),
          timesteps(spaced(config.num_train_timesteps)) {
        check_name("variance_type", config.variance_type, {"fixed_small_log", "learned_range"});
        check_name("prediction_type", config.prediction_type, {"epsilon", "sample"});
    }

    /// Throws Error for fewer than two steps, one at either end, or more than in training.
    void set_timesteps(std::int64_t steps) {
        if (steps < 2) fail("num_inference_steps", std::to_string(steps), "2 at least");
        timesteps = spaced(steps);
    }
    void set_begin_index(std::size_t) {} // a timestep says all
    [[nodiscard]] double init_noise_sigma() const { return 1; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }

    struct Options {
        std::optional<double> prev_timestep; ///< where the step ends; none: at t - 1
    };

    /// The sample at the step's end, in the memory of `x`. Throws Error for a timestep that is
    /// none of the training's.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator,
                                      const Options& options = {}) {
        // 1. Where the step begins and ends.
        const auto before = options.prev_timestep.value_or(timestep - 1);
        if (!(before < timestep)) {
            fail("prev_timestep", std::to_string(before),
                 "less than the timestep, " + std::to_string(timestep));
        }
        const auto abar = abar_at(alphas_cumprod, timestep);
        const auto abar_before = abar_at(alphas_cumprod, before, 1.0F);
        const auto beta = before == timestep - 1 ? betas[static_cast<std::size_t>(timestep)]
                                                 : 1 - abar / abar_before;
        // 2. The mean (7), and noise of a fixed deviation.
        const auto to_original = std::sqrt(abar_before) * beta / (1 - abar);
        const auto to_sample = std::sqrt(1 - beta) * (1 - abar_before) / (1 - abar);
        const auto variance = (1 - abar_before) / (1 - abar) * beta;
        const bool learned = config.variance_type == "learned_range";
        const auto& prediction = variance_.prediction(out, x, learned);
        const auto* const drawn = timestep > 0 ? &noise_.draw(generator, x.shape()) : nullptr;
        const auto clip = config.clip_sample ? config.clip_sample_range
                                             : std::numeric_limits<double>::infinity();
        original_.step(x, prediction, original_of(config.prediction_type, abar), {to_sample, 0},
                       to_original, drawn, learned ? 0 : std::sqrt(std::max(variance, 1e-20F)),
                       {Thresholding{}, clip});
        // 3. Or of a learned one.
        if (!learned || !drawn) return x;
        return variance_.add_noise(std::move(x), *drawn,
                                   VarianceRange{std::log(variance), std::log(beta)});
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
    [[nodiscard]] static std::vector<float> cosine_betas(const UnCLIPSchedulerConfig& config) {
        check_numbers(config);
        check_name("beta_schedule", config.beta_schedule, {"squaredcos_cap_v2"});
        NoiseSchedule schedule;
        schedule.num_train_timesteps = config.num_train_timesteps;
        schedule.beta_schedule = config.beta_schedule;
        return betas_of(schedule);
    }
    [[nodiscard]] std::vector<double> spaced(std::int64_t steps) const {
        return spaced_timesteps("linspace", steps, config.num_train_timesteps, 0);
    }

    LearnedVariance<Device> variance_;
    OriginalBuffer<Device> original_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
