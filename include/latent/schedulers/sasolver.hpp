#pragma once

#include "latent/schedulers/sasolver_weights.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' SASolverScheduler, with its defaults.
struct SASolverSchedulerConfig : SolverConfig {
    std::int64_t predictor_order = 2, corrector_order = 2; ///< 1 to 4
    std::optional<std::string> tau_func; ///< none: the scheduler's member is the function
    std::string algorithm_type = "data_prediction"; ///< or noise_prediction
    bool lower_order_final = true;
    double lambda_min_clipped = -std::numeric_limits<double>::infinity();
    std::optional<std::string> variance_type; ///< learned, learned_range: behind the mean
    std::string timestep_spacing = "linspace";
    std::int64_t steps_offset = 0;
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, SASolverSchedulerConfig>
void fields(Config& config, F&& f) {
    solver_fields(config, f);
    f("predictor_order", config.predictor_order);
    f("corrector_order", config.corrector_order);
    f("tau_func", config.tau_func);
    f("algorithm_type", config.algorithm_type);
    f("lower_order_final", config.lower_order_final);
    f("lambda_min_clipped", config.lambda_min_clipped);
    f("variance_type", config.variance_type);
    f("timestep_spacing", config.timestep_spacing);
    f("steps_offset", config.steps_offset);
}

/// Stochastic Adams solver: a predictor (Adams and Bashforth) and a corrector (Adams and
/// Moulton) for diffusions that are as noisy as tau says, from tau = 0, where nothing is
/// random, up.
///
///   corrected   x_s from x_{s-1}, the noise of that step, m_s, m_{s-1} ...   (17)
///   predicted   x_t from the corrected x_s, new noise, m_s ...               (14)
///
///   paper        here
///   tau(t)       tau_func, of a timestep
///   x_{s-1}      last_, corrected
///   s, s_hat     predictor_order, corrector_order - 1
///
/// A step takes two passes: a corrected sample and a predicted one are made.
/// Order of convergence without noise (tau = 0): corrector_order, 2 by default. A predictor of
/// order 2, as by default, makes the errors smaller; they fall faster than that until some
/// hundred steps. Of higher orders the rounding of float32 weights soon outgrows the method's
/// error.
/// Source: Xue et al. 2023, arXiv:2309.05019, algorithm 1; parity: diffusers SASolverScheduler.
template <class Device>
struct SASolverScheduler : SolverRun<SASolverSchedulerConfig> {
    static constexpr std::string_view class_name = "SASolverScheduler";
    static constexpr int order = 1;

    std::function<double(double)> tau_func = [](double t) {
        return t >= 200 && t <= 800 ? 1.0 : 0.0;
    };

    /// Throws Error for a config that makes no schedule or no solver.
    explicit SASolverScheduler(const SASolverSchedulerConfig& chosen = {})
        : SolverRun(chosen, alphas_cumprod_of(betas_of(chosen))) {
        check_name("algorithm_type", config.algorithm_type,
                   {"data_prediction", "noise_prediction"});
        check_solver(config, config.predictor_order, 4, "predictor_order");
        check_solver(config, config.corrector_order, 4, "corrector_order");
        outputs_ =
            SolverOutputs<Device>(std::max(config.predictor_order, config.corrector_order));
        if (config.tau_func) fail("tau_func", *config.tau_func, "none");
        set_timesteps(config.num_train_timesteps);
    }

    /// Throws Error for no step, or more than in training.
    void set_timesteps(std::int64_t steps) {
        const auto last = clipped_timesteps(alphas_cumprod, config.lambda_min_clipped);
        auto made =
            solver_steps(config, alphas_cumprod,
                         solver_timesteps(config.timestep_spacing, steps, last,
                                          config.num_train_timesteps, config.steps_offset),
                         steps);
        const auto lowest = lowest_of(made);
        begin(std::move(made), lowest);
        outputs_.clear();
    }

    /// The sample at the next sigma, in the memory of `x`.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator) {
        const auto i = index_.at(timestep, timesteps);
        const auto for_x0 = config.algorithm_type == "data_prediction";
        // 1. The output, converted, and the sample as it corrects it.
        const auto& prediction = variance_.prediction(out, x, config.variance_type.has_value());
        const auto known = outputs_.size();
        const auto corrects = known > 0 && i > 0;
        if (last_.shape() != x.shape()) last_ = Tensor<Device>(x.shape());
        auto weights = SolverWeights{.sample = 1};
        if (corrects) {
            const auto places = points_from(i, corrector_order_);
            weights = sasolver_weights({for_x0, tau_}, point(i - 1), point(i),
                                       std::span(places).first(corrector_order_), true);
        }
        outputs_.step(last_, x, prediction, conversion_of(config, point(i), !for_x0), weights,
                      &last_, corrects ? &noise_.last() : nullptr);
        // 2. The next sample, with noise that is drawn even where it weighs nothing.
        const auto left = config.lower_order_final ? timesteps.size() - i : 4;
        const auto used =
            std::min({static_cast<std::size_t>(config.predictor_order), left, known + 1});
        corrector_order_ =
            std::min({static_cast<std::size_t>(config.corrector_order), left + 1, known + 2});
        tau_ = static_cast<float>(tau_func(timesteps[i]));
        const auto places = points_from(i, used);
        outputs_.sum(x,
                     sasolver_weights({for_x0, tau_}, point(i), point(i + 1),
                                      std::span(places).first(used), false),
                     last_, &noise_.draw(generator, x.shape()));
        index_.advance();
        return x;
    }

    /// sqrt(abar) x_0 + sqrt(1 - abar) noise, in the memory of `x`: of the training's timestep,
    /// whatever sigmas the run has. Parity: add_noise.
    [[nodiscard]] Tensor<Device> add_noise(Tensor<Device> x, const Tensor<Device>& noise,
                                           double timestep) const {
        return noised_at(abar_at(alphas_cumprod, timestep), std::move(x), noise);
    }

private:
    LearnedVariance<Device> variance_;
    SolverOutputs<Device> outputs_;
    NoiseBuffer<Device> noise_;
    Tensor<Device> last_;             // the sample before, corrected
    std::size_t corrector_order_ = 1; // of the step before
    float tau_ = 0;                   // of the step before
};

} // namespace latent
