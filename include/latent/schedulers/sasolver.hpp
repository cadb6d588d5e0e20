#pragma once

#include "latent/schedulers/sasolver_weights.hpp"

#include <algorithm>
#include <array>
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
/// Order of convergence without noise (tau = 0): 2 and its corrector's one more, less the first
/// step's.
/// Source: Xue et al. 2023, arXiv:2309.05019, algorithm 1; parity: diffusers SASolverScheduler.
template <class Device>
struct SASolverScheduler {
    static constexpr std::string_view class_name = "SASolverScheduler";
    static constexpr int order = 1;

    SASolverSchedulerConfig config;
    std::vector<float> alphas_cumprod;
    std::vector<double> timesteps, sigmas; ///< one sigma more than timesteps
    std::function<double(double)> tau_func = [](double t) {
        return t >= 200 && t <= 800 ? 1.0 : 0.0;
    };

    /// Throws Error for a config that makes no schedule or no solver.
    explicit SASolverScheduler(const SASolverSchedulerConfig& chosen = {})
        : config(chosen),
          alphas_cumprod(alphas_cumprod_of(betas_of(chosen))),
          outputs_(static_cast<std::size_t>(std::clamp<std::int64_t>(
              std::max(chosen.predictor_order, chosen.corrector_order), 1, 4))) {
        check_name("algorithm_type", config.algorithm_type,
                   {"data_prediction", "noise_prediction"});
        check_solver(config, config.predictor_order, 4, "predictor_order");
        check_solver(config, config.corrector_order, 4, "corrector_order");
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
        const auto stays = config.spaced() || config.use_flow_sigmas;
        made.finish(stays ? made.sigmas.back() : sigmas_of(alphas_cumprod).front());
        timesteps = std::move(made.timesteps), sigmas = std::move(made.sigmas);
        index_.reset(), outputs_.clear();
    }
    void set_begin_index(std::size_t index) { index_.set_begin(index); }

    [[nodiscard]] double init_noise_sigma() const { return 1; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }

    /// The sample at the next sigma, in the memory of `x`.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator) {
        const auto i = index_.at(timestep, timesteps);
        const auto for_x0 = config.algorithm_type == "data_prediction";
        // 1. The output, converted, and the sample as it corrects it.
        std::vector<Tensor<Device>> parts;
        const auto& mean = mean_of_output(out, config.variance_type.has_value(), parts);
        const auto known = outputs_.size();
        const auto corrects = known > 0 && i > 0;
        if (last_.shape() != x.shape()) last_ = Tensor<Device>(x.shape());
        auto weights = SolverWeights{.sample = 1};
        if (corrects) {
            const auto places = places_from(i, corrector_order_);
            weights = sasolver_weights({for_x0, tau_}, point(i - 1), point(i),
                                       std::span(places).first(corrector_order_), true);
        }
        outputs_.step(last_, x, mean, conversion_of(config, point(i), !for_x0), weights, &last_,
                      corrects ? &noise_.last() : nullptr);
        // 2. The next sample, with noise that is drawn even where it weighs nothing.
        const auto left = config.lower_order_final ? timesteps.size() - i : 4;
        const auto used =
            std::min({static_cast<std::size_t>(config.predictor_order), left, known + 1});
        corrector_order_ =
            std::min({static_cast<std::size_t>(config.corrector_order), left + 1, known + 2});
        tau_ = static_cast<float>(tau_func(timesteps[i]));
        const auto places = places_from(i, used);
        outputs_.sum(x,
                     sasolver_weights({for_x0, tau_}, point(i), point(i + 1),
                                      std::span(places).first(used), false),
                     last_, &noise_.draw(generator, x.shape()));
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
    [[nodiscard]] SolverPoint point(std::size_t i) const {
        return solver_point(sigmas[i], config.use_flow_sigmas);
    }
    /// The point number i, and those before it: `count` in all.
    [[nodiscard]] std::array<SolverPoint, 4> places_from(std::size_t i,
                                                         std::size_t count) const {
        std::array<SolverPoint, 4> places;
        for (std::size_t k = 0; k < count; ++k) places[k] = point(i - k);
        return places;
    }

    StepIndex index_;
    SolverOutputs<Device> outputs_;
    NoiseBuffer<Device> noise_;
    Tensor<Device> last_;             // the sample before, corrected
    std::size_t corrector_order_ = 1; // of the step before
    float tau_ = 0;                   // of the step before
};

} // namespace latent
