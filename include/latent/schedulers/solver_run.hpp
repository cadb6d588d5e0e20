#pragma once

#include "latent/schedulers/solver_outputs.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

namespace latent {

/// A run of DPM-Solver, UniPC, DEIS or SA-Solver, and where it stands.
/// Schedulers of these kinds are one.
template <class Config>
struct SolverRun {
    Config config;
    std::vector<float> alphas_cumprod;
    std::vector<double> timesteps, sigmas; ///< one sigma more than timesteps

    void set_begin_index(std::size_t index) { index_.set_begin(index); }

    [[nodiscard]] double init_noise_sigma() const { return 1; }
    template <class Device>
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) {
        return x;
    }

    /// alpha x + sigma noise, in the memory of `x`. Parity: add_noise.
    template <class Device>
    [[nodiscard]] Tensor<Device> add_noise(Tensor<Device> x, const Tensor<Device>& noise,
                                           double timestep) const {
        const auto at = point(StepIndex::find(timestep, timesteps));
        return detail::noised(std::move(x), at.alpha, noise, at.sigma);
    }

protected:
    SolverRun(const Config& chosen, std::vector<float> products)
        : config(chosen), alphas_cumprod(std::move(products)) {}

    /// Another run, to the sigma `last`.
    void begin(SolverSteps steps, double last) {
        steps.finish(last);
        timesteps = std::move(steps.timesteps), sigmas = std::move(steps.sigmas);
        index_.reset();
    }
    /// The training's lowest sigma; of sigmas that are not the training's, the run's own.
    [[nodiscard]] double lowest_of(const SolverSteps& steps) const {
        const auto own = config.spaced() || config.use_flow_sigmas;
        return own ? steps.sigmas.back() : sigmas_of(alphas_cumprod).front();
    }

    [[nodiscard]] SolverPoint point(std::size_t i) const {
        return solver_point(sigmas[i], config.use_flow_sigmas);
    }
    /// Point number i and those before it, `count` in all.
    [[nodiscard]] std::array<SolverPoint, 5> points_from(std::size_t i,
                                                         std::size_t count) const {
        std::array<SolverPoint, 5> points;
        for (std::size_t k = 0; k < count; ++k) points[k] = point(i - k);
        return points;
    }
    /// Of which order step i can be, with `known` outputs before it: solver_order, less at the
    /// end of a short run (lower_order_final), and 1 in a last step that must be.
    [[nodiscard]] std::size_t order_at(std::size_t i, std::size_t known,
                                       bool ends_with_first = false) const {
        const auto left = timesteps.size() - i;
        auto most = static_cast<std::size_t>(config.solver_order);
        if (config.lower_order_final && timesteps.size() < 15) most = std::min(most, left);
        if (ends_with_first && left == 1) most = 1;
        return std::min(most, known + 1);
    }

    StepIndex index_;
};

} // namespace latent
