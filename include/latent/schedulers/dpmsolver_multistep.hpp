#pragma once

#include "latent/schedulers/dpm_solver.hpp"

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

/// scheduler_config.json of diffusers' DPMSolverMultistepScheduler, with its defaults.
struct DPMSolverMultistepSchedulerConfig : SolverConfig {
    std::int64_t solver_order = 2; ///< 1 to 3; 2 for guided sampling
    std::string algorithm_type = "dpmsolver++";
    std::string solver_type = "midpoint"; ///< or heun: of the second order
    bool lower_order_final = true;        ///< in runs of less than 15 steps
    bool euler_at_final = false;
    bool use_lu_lambdas = false;
    std::string final_sigmas_type = "zero"; ///< or sigma_min
    double lambda_min_clipped = -std::numeric_limits<double>::infinity();
    std::optional<std::string> variance_type; ///< learned, learned_range: behind the mean
    std::string timestep_spacing = "linspace";
    std::int64_t steps_offset = 0;
    bool rescale_betas_zero_snr = false;
    bool use_dynamic_shifting = false;
    std::string time_shift_type = "exponential";
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, DPMSolverMultistepSchedulerConfig>
void fields(Config& config, F&& f) {
    solver_fields(config, f);
    f("solver_order", config.solver_order);
    f("algorithm_type", config.algorithm_type);
    f("solver_type", config.solver_type);
    f("lower_order_final", config.lower_order_final);
    f("euler_at_final", config.euler_at_final);
    f("use_lu_lambdas", config.use_lu_lambdas);
    f("final_sigmas_type", config.final_sigmas_type);
    f("lambda_min_clipped", config.lambda_min_clipped);
    f("variance_type", config.variance_type);
    f("timestep_spacing", config.timestep_spacing);
    f("steps_offset", config.steps_offset);
    f("rescale_betas_zero_snr", config.rescale_betas_zero_snr);
    f("use_dynamic_shifting", config.use_dynamic_shifting);
    f("time_shift_type", config.time_shift_type);
}

/// The steps of a multistep solver, with the outputs that they remember.
template <class Device>
class DpmMultistep {
public:
    DpmMultistep() = default;
    /// Throws Error for a config of no such solver. Other solvers' names become this one's.
    template <class Config>
    explicit DpmMultistep(Config& config) {
        adopt_dpm_names(config.algorithm_type, config.solver_type);
        algorithm_ = dpm_algorithm(config.algorithm_type);
        check_solver(config, config.solver_order, 3);
        outputs_ = SolverOutputs<Device>(config.solver_order);
    }

    /// x goes from points[1] to points[0]. The output `out` at points[1] is converted, and
    /// with those at points[2], ... integrated: `order` of them. `noise` is drawn if it is not
    /// given and the equation is stochastic.
    template <class Config>
    void step(Tensor<Device>& x, const Tensor<Device>& out, const Config& config,
              std::span<const SolverPoint> points, std::size_t order, Generator& generator,
              const Tensor<Device>* noise) {
        if (!algorithm_.sde)
            noise = nullptr;
        else if (!noise)
            noise = &noise_.draw(generator, x.shape());
        const auto& prediction = variance_.prediction(out, x, config.variance_type.has_value());
        const auto how = conversion_of(config, points[1], algorithm_.for_noise);
        const auto weights =
            multistep_weights(algorithm_, static_cast<int>(order), config.solver_type, points);
        outputs_.step(x, x, prediction, how, weights, nullptr, noise);
    }

    /// How many outputs are remembered.
    [[nodiscard]] std::size_t known() const { return outputs_.size(); }
    void clear() { outputs_.clear(); }

private:
    DpmAlgorithm algorithm_;
    LearnedVariance<Device> variance_;
    SolverOutputs<Device> outputs_;
    NoiseBuffer<Device> noise_;
};

/// DPM-Solver and DPM-Solver++, multistep: an exponential integrator that takes the slope from
/// the model's outputs of the steps before. Order 2 of dpmsolver++, with h = l_t - l_s:
///
///   x_t = sigma_t / sigma_s x_s - alpha_t (e^-h - 1) D
///   D   = (1 + 1 / 2r) m_0 - 1 / 2r m_1,   r = h_before / h            (algorithm 2)
///
///   paper        here
///   sigma, alpha SolverPoint, from sigmas[i] = sigma / alpha
///   l            SolverPoint::lambda
///   m_i          the outputs, as x_0 (or as noise, without ++), the newest first
///   r            DpmStep::ratio
///
/// Order of convergence: solver_order, 2 at most. The first step has one output and is of first
/// order: its error, of second, stays.
/// Source: Lu et al. 2022, arXiv:2211.01095, algorithm 2, and arXiv:2206.00927;
/// parity: diffusers DPMSolverMultistepScheduler.
template <class Device>
struct DPMSolverMultistepScheduler : SolverRun<DPMSolverMultistepSchedulerConfig> {
    static constexpr std::string_view class_name = "DPMSolverMultistepScheduler";
    static constexpr int order = 1;

    /// Throws Error for a config that makes no schedule or no solver.
    explicit DPMSolverMultistepScheduler(const DPMSolverMultistepSchedulerConfig& chosen = {})
        : SolverRun(chosen, sigma_alphas_cumprod(chosen)) {
        solver_ = DpmMultistep<Device>(config);
        const auto algorithm = dpm_algorithm(config.algorithm_type);
        check_dpm_end(algorithm, config.final_sigmas_type);
        if (algorithm.for_noise && algorithm.sde && config.solver_order == 3)
            fail("solver_order", "3 with sde-dpmsolver", "1 or 2", "sde-dpmsolver++ has three");
        set_timesteps(config.num_train_timesteps);
    }

    /// `mu`: ln of flow_shift, for a config with use_dynamic_shifting. Throws Error for no
    /// step, or more than in training.
    void set_timesteps(std::int64_t steps, std::optional<double> mu = {}) {
        shift_by(config, mu);
        const auto last = clipped_timesteps(alphas_cumprod, config.lambda_min_clipped);
        begin(solver_timesteps(config.timestep_spacing, steps, last, config.num_train_timesteps,
                               config.steps_offset),
              steps);
    }
    /// At these timesteps, which descend. Throws Error where sigmas are spaced.
    void set_custom_timesteps(const std::vector<double>& chosen) {
        refuse_spaced("timesteps", config.spaced() || config.use_lu_lambdas);
        check_timesteps(chosen, config.num_train_timesteps);
        begin(chosen, static_cast<std::int64_t>(chosen.size()));
    }

    struct Options {
        const Tensor<Device>* variance_noise = nullptr; ///< in place of a generator's
    };

    /// The sample at the next sigma, in the memory of `x`.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator,
                                      const Options& options = {}) {
        const auto i = index_.at(timestep, timesteps);
        // At sigma 0 lambda is infinite: differences of outputs have no weight there.
        const auto ends_with_first =
            config.euler_at_final || config.final_sigmas_type == "zero";
        const auto used = order_at(i, solver_.known(), ends_with_first);
        solver_.step(x, out, config, points_from(i + 1, used + 1), used, generator,
                     options.variance_noise);
        index_.advance();
        return x;
    }

private:
    void begin(std::vector<double> chosen, std::int64_t n) {
        const auto to_zero = config.final_sigmas_type == "zero";
        SolverRun::begin(solver_steps(config, alphas_cumprod, std::move(chosen), n),
                         to_zero ? 0 : sigmas_of(alphas_cumprod).front());
        solver_.clear();
    }

    DpmMultistep<Device> solver_;
};

} // namespace latent
