#pragma once

#include "latent/schedulers/dpm_solver.hpp"

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

/// scheduler_config.json of diffusers' DPMSolverSinglestepScheduler, with its defaults.
struct DPMSolverSinglestepSchedulerConfig : SolverConfig {
    std::int64_t solver_order = 2;              ///< 1 to 3; 2 for guided sampling
    std::string algorithm_type = "dpmsolver++"; ///< or dpmsolver, sde-dpmsolver++
    std::string solver_type = "midpoint";       ///< or heun: of the second and third order
    bool lower_order_final = false;
    std::string final_sigmas_type = "zero"; ///< or sigma_min
    double lambda_min_clipped = -std::numeric_limits<double>::infinity();
    std::optional<std::string> variance_type; ///< learned, learned_range: behind the mean
    bool use_dynamic_shifting = false;
    std::string time_shift_type = "exponential";
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, DPMSolverSinglestepSchedulerConfig>
void fields(Config& config, F&& f) {
    solver_fields(config, f);
    f("solver_order", config.solver_order);
    f("algorithm_type", config.algorithm_type);
    f("solver_type", config.solver_type);
    f("lower_order_final", config.lower_order_final);
    f("final_sigmas_type", config.final_sigmas_type);
    f("lambda_min_clipped", config.lambda_min_clipped);
    f("variance_type", config.variance_type);
    f("use_dynamic_shifting", config.use_dynamic_shifting);
    f("time_shift_type", config.time_shift_type);
}

/// DPM-Solver and DPM-Solver++, singlestep: every block of `solver_order` steps begins anew.
/// Its last step goes from the sample in front of the block to the end of it, with the model's
/// outputs at the points between. Order 2 of dpmsolver++, with h = l_t - l_s:
///
///   x_t = sigma_t / sigma_s x_s - alpha_t (e^-h - 1) D
///   D   = (1 - 1 / 2r) m_s + 1 / 2r m_u,   r = (l_u - l_s) / h         (algorithm 1)
///
///   paper        here
///   s, u, t      points[2], points[1], points[0]
///   sigma, alpha SolverPoint, from sigmas[i] = sigma / alpha
///   l            SolverPoint::lambda
///   m            the outputs, as x_0 (or as noise, without ++)
///
/// Order of convergence: solver_order, since every block has its own outputs. sde-dpmsolver++
/// of order 3 with heun does not converge (DpmStep).
/// Source: Lu et al. 2022, arXiv:2211.01095, algorithm 1, and arXiv:2206.00927, algorithms 1
/// and 2; parity: diffusers DPMSolverSinglestepScheduler.
template <class Device>
struct DPMSolverSinglestepScheduler : SolverRun<DPMSolverSinglestepSchedulerConfig> {
    static constexpr std::string_view class_name = "DPMSolverSinglestepScheduler";
    static constexpr int order = 1;

    /// Throws Error for a config that makes no schedule or no solver.
    explicit DPMSolverSinglestepScheduler(const DPMSolverSinglestepSchedulerConfig& chosen = {})
        : SolverRun(chosen, alphas_cumprod_of(betas_of(chosen))) {
        adopt_dpm_names(config.algorithm_type, config.solver_type);
        check_name("algorithm_type", config.algorithm_type,
                   {"dpmsolver", "dpmsolver++", "sde-dpmsolver++"});
        algorithm_ = dpm_algorithm(config.algorithm_type);
        check_dpm_end(algorithm_, config.final_sigmas_type);
        check_solver(config, config.solver_order, 3);
        outputs_ = SolverOutputs<Device>(config.solver_order);
        set_timesteps(config.num_train_timesteps);
    }

    /// `mu`: ln of flow_shift, for a config with use_dynamic_shifting. Throws Error for no
    /// step, or more than in training.
    void set_timesteps(std::int64_t steps, std::optional<double> mu = {}) {
        shift_by(config, mu);
        const auto last = clipped_timesteps(alphas_cumprod, config.lambda_min_clipped);
        begin(solver_timesteps("linspace", steps, last, config.num_train_timesteps, 0), steps);
    }
    /// At these timesteps, which descend. Throws Error where sigmas are spaced.
    void set_custom_timesteps(const std::vector<double>& chosen) {
        refuse_spaced("timesteps", config.spaced());
        check_timesteps(chosen, config.num_train_timesteps);
        begin(chosen, static_cast<std::int64_t>(chosen.size()));
    }

    /// The sample at the next sigma, in the memory of `x`.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator) {
        // 1. Where the block begins, and where the outputs since then stand.
        const auto i = index_.at(timestep, timesteps);
        const auto used = order_at(i);
        const auto points = points_from(i + 1, used + 1);
        if (used == 1 && config.solver_order > 1) {
            if (start_.shape() != x.shape()) start_ = Tensor<Device>(x.shape());
            detail::weigh<Device>(start_, {{&x, 0, 1}});
        }
        // 2. Noise, where the equation is stochastic.
        const Tensor<Device>* noise = nullptr;
        if (algorithm_.sde) noise = &noise_.draw(generator, x.shape());
        // 3. The output, converted, and the integral from the block's beginning.
        auto weights =
            singlestep_weights(algorithm_, static_cast<int>(used), config.solver_type, points);
        if (used == 1) std::swap(weights.sample, weights.start);
        const auto& prediction = variance_.prediction(out, x, config.variance_type.has_value());
        outputs_.step(x, x, prediction, conversion_of(config, points[1], algorithm_.for_noise),
                      weights, &start_, noise);
        index_.advance();
        return x;
    }

private:
    void begin(std::vector<double> chosen, std::int64_t n) {
        const auto to_zero = config.final_sigmas_type == "zero";
        SolverRun::begin(solver_steps(config, alphas_cumprod, std::move(chosen), n),
                         to_zero ? 0 : sigmas_of(alphas_cumprod).front());
        outputs_.clear();
    }
    /// 1, 2 ... solver_order, over and over; 1 at the end, where an incomplete block, sigma = 0
    /// or the config want it; and no more than there are outputs, in a run that starts in the
    /// middle.
    [[nodiscard]] std::size_t order_at(std::size_t i) const {
        const auto most = static_cast<std::size_t>(config.solver_order);
        const auto to_zero = config.final_sigmas_type == "zero";
        const auto lowers = config.lower_order_final && timesteps.size() % most == 0;
        if (i + 1 == timesteps.size() && (to_zero || lowers)) return 1;
        return std::min(i % most + 1, outputs_.size() + 1);
    }

    DpmAlgorithm algorithm_;
    LearnedVariance<Device> variance_;
    SolverOutputs<Device> outputs_;
    Tensor<Device> start_; // the sample in front of a block
    NoiseBuffer<Device> noise_;
};

} // namespace latent
