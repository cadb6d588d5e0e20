#pragma once

#include "latent/schedulers/dpm_solver.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
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
struct DPMSolverMultistepInverseScheduler {
    static constexpr std::string_view class_name = "DPMSolverMultistepInverseScheduler";
    static constexpr int order = 1;

    DPMSolverMultistepInverseSchedulerConfig config;
    std::vector<float> alphas_cumprod;
    std::vector<double> timesteps, sigmas; ///< one sigma more than timesteps

    /// Throws Error for a config that makes no schedule or no solver.
    explicit DPMSolverMultistepInverseScheduler(
        const DPMSolverMultistepInverseSchedulerConfig& chosen = {})
        : config(chosen),
          alphas_cumprod(alphas_cumprod_of(betas_of(chosen))),
          outputs_(
              static_cast<std::size_t>(std::clamp<std::int64_t>(chosen.solver_order, 1, 3))) {
        adopt_dpm_names(config.algorithm_type, config.solver_type);
        algorithm_ = dpm_algorithm(config.algorithm_type);
        check_solver(config, config.solver_order, 3);
        if (algorithm_.sde && !config.use_flow_sigmas) {
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
        made.finish(stays ? made.sigmas.back()
                          : sigmas_of(alphas_cumprod)[static_cast<std::size_t>(last) - 1]);
        timesteps.clear(), sigmas = std::move(made.sigmas);
        for (const auto t : made.timesteps)
            if (std::ranges::find(timesteps, t) == timesteps.end()) timesteps.push_back(t);
        index_.reset(), outputs_.clear();
    }
    void set_begin_index(std::size_t index) { index_.set_begin(index); }

    [[nodiscard]] double init_noise_sigma() const { return 1; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }

    struct Options {
        const Tensor<Device>* variance_noise = nullptr; ///< in place of a generator's
    };

    /// The sample at the next sigma, in the memory of `x`.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator,
                                      const Options& options = {}) {
        // 1. Where the step goes, and where the outputs before it stand.
        const auto i = index_.at(timestep, timesteps);
        const auto used = order_at(i);
        std::array<SolverPoint, 4> points;
        for (std::size_t k = 0; k <= used; ++k)
            points[k] = solver_point(sigmas[i + 1 - k], config.use_flow_sigmas);
        // 2. Noise, where the equation is stochastic.
        const Tensor<Device>* noise = options.variance_noise;
        if (algorithm_.sde && !noise) noise = &noise_.draw(generator, x.shape());
        // 3. The output, converted, and the integral.
        std::vector<Tensor<Device>> parts;
        const auto& mean = mean_of_output(out, config.variance_type.has_value(), parts);
        outputs_.step(
            x, x, mean, conversion_of(config, points[1], algorithm_.for_noise),
            multistep_weights(algorithm_, static_cast<int>(used), config.solver_type, points),
            nullptr, algorithm_.sde ? noise : nullptr);
        index_.advance();
        return x;
    }

    /// alpha x + sigma noise, in the memory of `x`. Parity: add_noise.
    [[nodiscard]] Tensor<Device> add_noise(Tensor<Device> x, const Tensor<Device>& noise,
                                           double timestep) const {
        return solver_noised(std::move(x), noise, sigmas[StepIndex::find(timestep, timesteps)],
                             config.use_flow_sigmas);
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
    /// As many outputs as there are, and less at the end, where that is asked for or a must.
    [[nodiscard]] std::size_t order_at(std::size_t i) const {
        const auto left = timesteps.size() - i;
        const auto lowers = config.lower_order_final && timesteps.size() < 15;
        const auto once = config.euler_at_final || lowers;
        const auto most = left == 1 && once ? 1U : left == 2 && lowers ? 2U : 3U;
        return std::min({static_cast<std::size_t>(config.solver_order), outputs_.size() + 1,
                         static_cast<std::size_t>(most)});
    }

    DpmAlgorithm algorithm_;
    StepIndex index_;
    SolverOutputs<Device> outputs_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
