#pragma once

#include "latent/schedulers/learned_variance.hpp"
#include "latent/schedulers/noise_schedule.hpp"
#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/scheduler.hpp"
#include "latent/schedulers/timestep_spacing.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' DDPMScheduler, with its defaults.
struct DDPMSchedulerConfig : NoiseSchedule, Thresholding {
    /// fixed_small, fixed_small_log, fixed_large, fixed_large_log, learned or learned_range
    std::string variance_type = "fixed_small";
    bool clip_sample = true;
    std::string prediction_type = "epsilon";
    double clip_sample_range = 1;
    std::string timestep_spacing = "leading";
    std::int64_t steps_offset = 0;
    bool rescale_betas_zero_snr = false;
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, DDPMSchedulerConfig>
void fields(Config& config, F&& f) {
    noise_fields(config, f);
    f("variance_type", config.variance_type);
    f("clip_sample", config.clip_sample);
    f("prediction_type", config.prediction_type);
    threshold_fields(config, f);
    f("clip_sample_range", config.clip_sample_range);
    f("timestep_spacing", config.timestep_spacing);
    f("steps_offset", config.steps_offset);
    f("rescale_betas_zero_snr", config.rescale_betas_zero_snr);
}

/// Denoising diffusion probabilistic models: a step draws from the normal distribution that the
/// sample a step earlier has, given x_t and x_0.
///
///   x_{t-1} = sqrt(a_{t-1}) b_t / (1 - a_t) x_0 + sqrt(1 - b_t) (1 - a_{t-1}) / (1 - a_t) x_t
///             + s_t z,   z normal; none at t = 0                                          (7)
///
///   paper     here
///   a_t       abar, the product of 1 - beta up to t (alphas_cumprod)
///   a_{t-1}   abar_before: of the next of the run's timesteps; 1 behind the last
///   b_t       beta: 1 - a_t / a_{t-1}, of the whole step
///   x_0       the predicted original, clipped or thresholded                             (15)
///   s_t^2     small: (1 - a_{t-1}) / (1 - a_t) b_t, 1e-20 at least; large: b_t; or the
///             network's, in channels behind its prediction
///
/// Source: Ho et al. 2020, arXiv:2006.11239; parity: diffusers DDPMScheduler. Its
/// fixed_large_log takes the root of a negative number, and is NaN; here it is fixed_large,
/// which is what the logarithm is of.
template <class Device>
struct DDPMScheduler {
    static constexpr std::string_view class_name = "DDPMScheduler";
    static constexpr int order = 1;

    DDPMSchedulerConfig config;
    std::vector<float> alphas_cumprod;
    std::vector<double> timesteps;

    /// Throws Error for a config that makes no schedule.
    explicit DDPMScheduler(const DDPMSchedulerConfig& chosen = {})
        : config(chosen), alphas_cumprod(alphas_cumprod_of(chosen)) {
        (void)original_of(config.prediction_type, 0.5F);
        check_name("variance_type", config.variance_type,
                   {"fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log",
                    "learned", "learned_range"});
        set_timesteps(static_cast<std::int64_t>(alphas_cumprod.size()));
    }

    /// Throws Error for no step, or more than in training.
    void set_timesteps(std::int64_t steps) {
        timesteps = spaced_timesteps(config.timestep_spacing, steps, config.num_train_timesteps,
                                     config.steps_offset);
    }
    /// At these timesteps, which descend.
    void set_custom_timesteps(const std::vector<double>& chosen) {
        check_timesteps(chosen, config.num_train_timesteps);
        timesteps = chosen;
    }
    void set_begin_index(std::size_t) {} // a timestep says all
    [[nodiscard]] double init_noise_sigma() const { return 1; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }

    /// The sample a step earlier, in the memory of `x`. Throws Error for a timestep that is
    /// none of the run's.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator) {
        // 1. Where the step begins and ends.
        const auto i = StepIndex::find(timestep, timesteps);
        const auto abar = abar_at(alphas_cumprod, timestep);
        const auto before = i + 1 < timesteps.size() ? timesteps[i + 1] : -1;
        const auto abar_before = abar_at(alphas_cumprod, before, 1.0F);
        const auto alpha = abar / abar_before, beta = 1 - alpha;
        // 2. The mean (7), and noise of a fixed deviation.
        const auto to_original = std::sqrt(abar_before) * beta / (1 - abar);
        const auto to_sample = std::sqrt(alpha) * (1 - abar_before) / (1 - abar);
        const auto small = std::max((1 - abar_before) / (1 - abar) * beta, 1e-20F);
        const auto& prediction = variance_.prediction(out, x, learned());
        const auto* const drawn = timestep > 0 ? &noise_.draw(generator, x.shape()) : nullptr;
        const auto deviation = learned() ? 0 : std::sqrt(large() ? beta : small);
        original_.step(x, prediction, original_of(config.prediction_type, abar), {to_sample, 0},
                       to_original, drawn, deviation, limits_of(config));
        // 3. Or of a learned one.
        if (!learned() || !drawn) return x;
        std::optional<VarianceRange> range;
        if (config.variance_type == "learned_range") range = {std::log(small), std::log(beta)};
        return variance_.add_noise(std::move(x), *drawn, range);
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
    [[nodiscard]] bool learned() const { return config.variance_type.starts_with("learned"); }
    [[nodiscard]] bool large() const { return config.variance_type.starts_with("fixed_large"); }

    LearnedVariance<Device> variance_;
    OriginalBuffer<Device> original_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
