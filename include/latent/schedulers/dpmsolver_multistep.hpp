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
struct DPMSolverMultistepScheduler {
    static constexpr std::string_view class_name = "DPMSolverMultistepScheduler";
    static constexpr int order = 1;

    DPMSolverMultistepSchedulerConfig config;
    std::vector<float> alphas_cumprod;
    std::vector<double> timesteps, sigmas; ///< one sigma more than timesteps

    /// Throws Error for a config that makes no schedule or no solver.
    explicit DPMSolverMultistepScheduler(const DPMSolverMultistepSchedulerConfig& chosen = {})
        : config(chosen),
          alphas_cumprod(sigma_alphas_cumprod(chosen)),
          outputs_(
              static_cast<std::size_t>(std::clamp<std::int64_t>(chosen.solver_order, 1, 3))) {
        adopt_dpm_names(config.algorithm_type, config.solver_type);
        algorithm_ = dpm_algorithm(config.algorithm_type);
        check_dpm_end(algorithm_, config.final_sigmas_type);
        check_solver(config, config.solver_order, 3);
        if (algorithm_.for_noise && algorithm_.sde && config.solver_order == 3)
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
    void begin(std::vector<double> chosen, std::int64_t n) {
        auto steps = solver_steps(config, alphas_cumprod, std::move(chosen), n);
        steps.finish(config.final_sigmas_type == "sigma_min" ? sigmas_of(alphas_cumprod).front()
                                                             : 0);
        timesteps = std::move(steps.timesteps), sigmas = std::move(steps.sigmas);
        index_.reset(), outputs_.clear();
    }
    /// As many outputs as there are, and less at the end, where that is asked for or a must.
    [[nodiscard]] std::size_t order_at(std::size_t i) const {
        const auto left = timesteps.size() - i;
        const auto lowers = config.lower_order_final && timesteps.size() < 15;
        const auto once = config.euler_at_final || lowers || config.final_sigmas_type == "zero";
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
