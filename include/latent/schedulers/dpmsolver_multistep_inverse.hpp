#pragma once

#include "latent/schedulers/dpmsolver_multistep.hpp"

#include <algorithm>
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

/// scheduler_config.json of diffusers' DPMSolverMultistepInverseScheduler, with its defaults.
struct DPMSolverMultistepInverseSchedulerConfig : SolverConfig {
    std::int64_t solver_order = 2; ///< 1 to 3
    std::string algorithm_type = "dpmsolver++";
    std::string solver_type = "midpoint"; ///< or heun: of the second order
    bool lower_order_final = true;        ///< in runs of less than 15 steps
    bool euler_at_final = false;
    double lambda_min_clipped = -std::numeric_limits<double>::infinity();
    std::optional<std::string> variance_type; ///< learned, learned_range: behind the mean
    std::string timestep_spacing = "linspace";
    std::int64_t steps_offset = 0;
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, DPMSolverMultistepInverseSchedulerConfig>
void fields(Config& config, F&& f) {
    solver_fields(config, f);
    f("solver_order", config.solver_order);
    f("algorithm_type", config.algorithm_type);
    f("solver_type", config.solver_type);
    f("lower_order_final", config.lower_order_final);
    f("euler_at_final", config.euler_at_final);
    f("lambda_min_clipped", config.lambda_min_clipped);
    f("variance_type", config.variance_type);
    f("timestep_spacing", config.timestep_spacing);
    f("steps_offset", config.steps_offset);
}

/// DPM-Solver and DPM-Solver++ the other way round, from an image to the noise that leads to
/// it: the equations of DPMSolverMultistepScheduler along ascending timesteps, so with negative
/// h. That of a flow descends, as diffusers has it.
///
///   paper        here
///   sigma, alpha SolverPoint, from sigmas[i] = sigma / alpha, which ascend
///   m_i          the outputs, as x_0 (or as noise, without ++), the newest first
///
/// Order of convergence: solver_order, 2 at most: the first step is of first order.
/// Source: Lu et al. 2022, arXiv:2211.01095, algorithm 2; parity: diffusers
/// DPMSolverMultistepInverseScheduler.
template <class Device>
struct DPMSolverMultistepInverseScheduler
    : SolverRun<DPMSolverMultistepInverseSchedulerConfig> {
    static constexpr std::string_view class_name = "DPMSolverMultistepInverseScheduler";
    static constexpr int order = 1;

    /// Throws Error for a config that makes no schedule or no solver.
    explicit DPMSolverMultistepInverseScheduler(
        const DPMSolverMultistepInverseSchedulerConfig& chosen = {})
        : SolverRun(chosen, alphas_cumprod_of(betas_of(chosen))) {
        solver_ = DpmMultistep<Device>(config);
        if (dpm_algorithm(config.algorithm_type).sde && !config.use_flow_sigmas) {
            fail("algorithm_type", "'" + config.algorithm_type + "'",
                 "dpmsolver or dpmsolver++",
                 "towards noise the variance of what is drawn would be negative");
        }
        set_timesteps(config.num_train_timesteps);
    }

    /// Throws Error for no step, or more than in training. Of equal timesteps one is kept, so
    /// there may be less of them than `steps`.
    void set_timesteps(std::int64_t steps) {
        const auto last = clipped_timesteps(alphas_cumprod, config.lambda_min_clipped);
        auto made = solver_steps(config, alphas_cumprod, ascending(steps, last), steps, true);
        const auto stays = config.spaced() || config.use_flow_sigmas;
        const auto end = stays ? made.sigmas.back()
                               : sigmas_of(alphas_cumprod)[static_cast<std::size_t>(last) - 1];
        begin(std::move(made), end);
        const auto all = std::exchange(timesteps, {});
        for (const auto t : all)
            if (std::ranges::find(timesteps, t) == timesteps.end()) timesteps.push_back(t);
        solver_.clear();
    }

    struct Options {
        const Tensor<Device>* variance_noise = nullptr; ///< in place of a generator's
    };

    /// The sample at the next sigma, in the memory of `x`.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator,
                                      const Options& options = {}) {
        const auto i = index_.at(timestep, timesteps);
        const auto used = order_at(i, solver_.known(), config.euler_at_final);
        solver_.step(x, out, config, points_from(i + 1, used + 1), used, generator,
                     options.variance_noise);
        index_.advance();
        return x;
    }

private:
    /// The points of a run from 0 to the last timestep, without that.
    [[nodiscard]] std::vector<double> ascending(std::int64_t n, std::int64_t last) const {
        auto t = solver_timesteps(config.timestep_spacing, n, last, config.num_train_timesteps,
                                  config.steps_offset);
        std::ranges::reverse(t);
        if (config.timestep_spacing == "trailing") return t;
        t.pop_back();
        t.insert(t.begin(), config.timestep_spacing == "leading"
                                ? static_cast<double>(config.steps_offset)
                                : 0);
        return t;
    }
    DpmMultistep<Device> solver_;
};

} // namespace latent
