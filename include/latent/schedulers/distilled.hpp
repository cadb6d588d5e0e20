#pragma once

#include "latent/schedulers/noise_schedule.hpp"
#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/timestep_spacing.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// Networks that were distilled to few steps: of the timesteps that they learned, a run takes
/// some. LCMScheduler and TCDScheduler share this.

namespace latent {

/// Stable Diffusion's, which such networks are distilled from.
struct DistilledNoiseSchedule : NoiseSchedule {
    DistilledNoiseSchedule() {
        beta_start = 0.00085, beta_end = 0.012, beta_schedule = "scaled_linear";
    }
};

/// The fields of either scheduler_config.json, with their defaults.
struct DistilledConfig : DistilledNoiseSchedule, Thresholding {
    std::int64_t original_inference_steps = 50; ///< how many timesteps were learned
    bool clip_sample = false;
    double clip_sample_range = 1;
    bool set_alpha_to_one = true;  ///< without effect: no step ends in front of timestep 0
    std::int64_t steps_offset = 0; ///< without effect, as timestep_spacing
    std::string prediction_type = "epsilon";
    std::string timestep_spacing = "leading";
    double timestep_scaling = 10; ///< how sharply LCM's c_skip falls off
    bool rescale_betas_zero_snr = false;
};

template <class Config, class F>
void distilled_fields(Config& config, F&& f) {
    noise_fields(config, f);
    f("original_inference_steps", config.original_inference_steps);
    f("clip_sample", config.clip_sample);
    f("clip_sample_range", config.clip_sample_range);
    f("set_alpha_to_one", config.set_alpha_to_one);
    f("steps_offset", config.steps_offset);
    f("prediction_type", config.prediction_type);
    threshold_fields(config, f);
    f("timestep_spacing", config.timestep_spacing);
    f("timestep_scaling", config.timestep_scaling);
    f("rescale_betas_zero_snr", config.rescale_betas_zero_snr);
}

/// What the timesteps of a run are chosen from.
struct DistilledTimesteps {
    std::optional<std::int64_t> original_inference_steps; ///< none: the config's
    double strength = 1; ///< below 1: the noisiest are left out, for an image to begin with
};

namespace detail {

/// The part of `count` that `strength` leaves.
[[nodiscard]] inline std::int64_t strength_of(std::int64_t count, double strength) {
    if (!(strength > 0 && strength <= 1))
        fail("strength", std::to_string(strength), "more than 0, at most 1");
    return static_cast<std::int64_t>(static_cast<double>(count) * strength);
}

} // namespace detail

/// The timesteps that were learned: k - 1, 2 k - 1, ... of k = T / original steps.
[[nodiscard]] inline std::vector<double> learned_timesteps(std::int64_t original_steps,
                                                           double strength,
                                                           std::int64_t num_train_timesteps) {
    if (original_steps < 1 || original_steps > num_train_timesteps) {
        fail("original_inference_steps", std::to_string(original_steps),
             "1 to the " + std::to_string(num_train_timesteps) + " of num_train_timesteps");
    }
    const auto k = num_train_timesteps / original_steps;
    std::vector<double> t;
    for (std::int64_t i = 1; i <= detail::strength_of(original_steps, strength); ++i)
        t.push_back(static_cast<double>(i * k - 1));
    return t;
}

/// So many of these, which ascend, evenly by their place; descending, from the last one on.
/// Throws Error where there are fewer, or more than `most` are wanted.
/// Parity: set_timesteps of LCMScheduler and TCDScheduler.
[[nodiscard]] inline std::vector<double> chosen_of(const std::vector<double>& learned,
                                                   std::int64_t num_inference_steps,
                                                   std::int64_t most) {
    const auto count = std::min(std::ssize(learned), static_cast<std::ptrdiff_t>(most));
    if (num_inference_steps < 1 || num_inference_steps > count) {
        fail("num_inference_steps", std::to_string(num_inference_steps),
             "1 to " + std::to_string(count),
             "original_inference_steps and strength say how many there are");
    }
    const auto apart =
        static_cast<double>(learned.size()) / static_cast<double>(num_inference_steps);
    std::vector<double> t;
    for (std::int64_t i = 0; i < num_inference_steps; ++i) {
        const auto place = static_cast<std::size_t>(static_cast<double>(i) * apart);
        t.push_back(learned[learned.size() - 1 - place]);
    }
    return t;
}

/// What `strength` leaves of custom timesteps. Throws Error unless they descend.
[[nodiscard]] inline std::vector<double> last_timesteps(const std::vector<double>& chosen,
                                                        double strength,
                                                        std::int64_t num_train_timesteps) {
    check_timesteps(chosen, num_train_timesteps);
    return {chosen.end() - detail::strength_of(std::ssize(chosen), strength), chosen.end()};
}

} // namespace latent
