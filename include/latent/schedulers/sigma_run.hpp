#pragma once

#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/scheduler.hpp"
#include "latent/schedulers/sigmas.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

/// What schedulers that count noise in sigmas share: x = x_0 + sigma epsilon.

namespace latent {

/// What scheduler_config.json says of most runs over sigmas; Schedule has its betas.
template <class Schedule>
struct SigmaRunConfig : Schedule, SigmaSpacing {
    std::string prediction_type = "epsilon";
    std::string timestep_spacing = "linspace";
    std::int64_t steps_offset = 0;
};
template <class Config, class F>
void sigma_run_fields(Config& config, F&& f) {
    noise_fields(config, f);
    sigma_fields(config, f);
    f("prediction_type", config.prediction_type);
    f("timestep_spacing", config.timestep_spacing);
    f("steps_offset", config.steps_offset);
}

/// A run over sigmas, and where it stands. Schedulers of this kind are one.
struct SigmaRun {
    std::vector<double> timesteps; ///< one of each call of step()
    std::vector<double> sigmas;    ///< one more than timesteps, or a few

    void set_begin_index(std::size_t index) { index_.set_begin(index); }

    /// x / sqrt(sigma^2 + 1), in x's memory: of variance 1, as networks are trained.
    template <class Device>
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double timestep) {
        return scaled_input(std::move(x), sigmas[index_.at(timestep, timesteps)]);
    }

    /// x + sigma noise, in the memory of `x`. Parity: add_noise.
    template <class Device>
    [[nodiscard]] Tensor<Device> add_noise(Tensor<Device> x, const Tensor<Device>& noise,
                                           double timestep) const {
        return detail::noised(std::move(x), 1, noise,
                              sigmas[StepIndex::find(timestep, timesteps)]);
    }

protected:
    StepIndex index_;
};

/// Noise that is put back in front of a step from sigma_i, in a run of n steps: x becomes
/// x + s_noise sqrt(sigma'^2 - sigma_i^2) z, in its memory, with sigma' = (1 + gamma) sigma_i,
/// which is returned. gamma = min(s_churn / n, sqrt(2) - 1) between s_tmin and s_tmax, else 0,
/// and then nothing is drawn. `options` has these four numbers.
/// Source: Karras et al. 2022, arXiv:2206.00364, algorithm 2, lines 3 to 6.
template <class Device, class Options>
[[nodiscard]] double churn(Tensor<Device>& x, double sigma, std::size_t n,
                           const Options& options, NoiseBuffer<Device>& noise,
                           Generator& generator) {
    const auto share = options.s_churn / static_cast<double>(n);
    const auto gamma = options.s_tmin <= sigma && sigma <= options.s_tmax
                           ? std::min(share, std::numbers::sqrt2 - 1)
                           : 0;
    const auto raised = sigma * (gamma + 1);
    if (gamma > 0) {
        const auto deviation = options.s_noise * std::sqrt(raised * raised - sigma * sigma);
        detail::weigh<Device>(x,
                              {{&x, 0, 1}, {&noise.draw(generator, x.shape()), 0, deviation}});
    }
    return raised;
}

} // namespace latent
