#pragma once

#include "latent/schedulers/solver_run.hpp"

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace latent {

/// scheduler_config.json of diffusers' DEISMultistepScheduler, with its defaults.
struct DEISMultistepSchedulerConfig : SolverConfig {
    std::int64_t solver_order = 2; ///< 1 to 3
    std::string algorithm_type = "deis";
    std::string solver_type = "logrho";
    bool lower_order_final = true; ///< in runs of less than 15 steps
    std::string timestep_spacing = "linspace";
    std::int64_t steps_offset = 0;
    bool use_dynamic_shifting = false;
    std::string time_shift_type = "exponential";
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, DEISMultistepSchedulerConfig>
void fields(Config& config, F&& f) {
    solver_fields(config, f);
    f("solver_order", config.solver_order);
    f("algorithm_type", config.algorithm_type);
    f("solver_type", config.solver_type);
    f("lower_order_final", config.lower_order_final);
    f("timestep_spacing", config.timestep_spacing);
    f("steps_offset", config.steps_offset);
    f("use_dynamic_shifting", config.use_dynamic_shifting);
    f("time_shift_type", config.time_shift_type);
}

/// The weights of a step of DEIS from points[1] to points[0], with the noise predicted at
/// points[1], points[2] ...: `order` of them. Float32, as torch has it.
[[nodiscard]] inline SolverWeights deis_weights(std::size_t order,
                                                std::span<const SolverPoint> points) {
    const auto &t = points[0], &s = points[1];
    SolverWeights weights{.sample = t.alpha / s.alpha};
    auto& m = weights.outputs;
    if (order == 1) {
        m[0] = -(t.sigma * (std::exp(t.lambda - s.lambda) - 1));
        return weights;
    }
    std::array<float, 4> log_rho{};
    for (std::size_t k = 0; k <= order; ++k)
        log_rho[k] = std::log(points[k].sigma / points[k].alpha);
    // The integral, over rho, of Lagrange's polynomial that is 1 at b, and 0 at c (and d).
    const auto integral = [&](std::size_t at, std::size_t b, std::size_t c, std::size_t d) {
        const auto rho = points[at].sigma / points[at].alpha;
        const auto t_ = log_rho[at], b_ = log_rho[b], c_ = log_rho[c], d_ = log_rho[d];
        if (order == 2) return rho * (-c_ + t_ - 1) / (b_ - c_);
        const auto numerator = rho * (c_ * (d_ - t_ + 1) - d_ * t_ + d_ + t_ * t_ - 2 * t_ + 2);
        return numerator / ((b_ - c_) * (b_ - d_));
    };
    for (std::size_t k = 0; k < order; ++k) {
        const auto b = k + 1, c = (k + 1) % order + 1, d = (k + 2) % order + 1;
        m[k] = double{t.alpha} * double{integral(0, b, c, d) - integral(1, b, c, d)};
    }
    return weights;
}

/// Diffusion exponential integrator sampler: the predicted noise, as a polynomial of ln rho
/// through the last outputs, is integrated exactly.
///
///   x_t = alpha_t (x_s / alpha_s + sum_j C_j epsilon_j)                                  (14)
///   C_j = int_{rho_s}^{rho_t} prod_{k != j} (ln r - ln rho_k) / (ln rho_j - ln rho_k) dr (15)
///
///   paper      here
///   rho        sigma / alpha
///   C_j        the weights of deis_weights, times 1 / alpha_t
///   epsilon_j  the outputs as noise, the newest first
///
/// Schedules end at the training's lowest sigma, or stay at the last that is spaced: ln 0 is
/// none.
/// Order of convergence: solver_order, but for the first step, of first order, whose error is
/// of second: it is small, since epsilon hardly changes where noise is strong. Weights are
/// float32: of order 3 their rounding is larger than the method's error from about 30 steps on.
/// Source: Zhang and Chen 2022, arXiv:2204.13902, equations 14 and 15 (rho-AB, in ln rho);
/// parity: diffusers DEISMultistepScheduler.
template <class Device>
struct DEISMultistepScheduler : SolverRun<DEISMultistepSchedulerConfig> {
    static constexpr std::string_view class_name = "DEISMultistepScheduler";
    static constexpr int order = 1;

    /// Throws Error for a config that makes no schedule or no solver.
    explicit DEISMultistepScheduler(const DEISMultistepSchedulerConfig& chosen = {})
        : SolverRun(chosen, alphas_cumprod_of(betas_of(chosen))) {
        check_name("algorithm_type", config.algorithm_type,
                   {"deis", "dpmsolver", "dpmsolver++"});
        check_name("solver_type", config.solver_type,
                   {"logrho", "midpoint", "heun", "bh1", "bh2"});
        config.algorithm_type = "deis", config.solver_type = "logrho";
        check_solver(config, config.solver_order, 3);
        outputs_ = SolverOutputs<Device>(config.solver_order);
        set_timesteps(config.num_train_timesteps);
    }

    /// `mu`: ln of flow_shift, for a config with use_dynamic_shifting. Throws Error for no
    /// step, or more than in training.
    void set_timesteps(std::int64_t steps, std::optional<double> mu = {}) {
        shift_by(config, mu);
        auto made = solver_steps(
            config, alphas_cumprod,
            solver_timesteps(config.timestep_spacing, steps, config.num_train_timesteps,
                             config.num_train_timesteps, config.steps_offset),
            steps);
        const auto last = lowest_of(made);
        begin(std::move(made), last);
        outputs_.clear();
    }

    /// The sample at the next sigma, in the memory of `x`; nothing is drawn.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator&) {
        const auto i = index_.at(timestep, timesteps);
        const auto used = order_at(i, outputs_.size());
        const auto points = points_from(i + 1, used + 1);
        outputs_.step(x, x, out, conversion_of(config, points[1], true),
                      deis_weights(used, points));
        index_.advance();
        return x;
    }

private:
    SolverOutputs<Device> outputs_;
};

} // namespace latent
