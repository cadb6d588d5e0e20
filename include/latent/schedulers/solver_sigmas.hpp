#pragma once

#include "latent/schedulers/flow_sigmas.hpp"
#include "latent/schedulers/learned_variance.hpp"
#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/sigmas.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What DPM-Solver, UniPC, DEIS and SA-Solver share: where they step, and what is known there.
///
///   x = alpha x_0 + sigma epsilon,   lambda = ln(alpha / sigma), along which they solve
///
/// A schedule is kept as sigma / alpha: `sigmas`, as schedulers call it.

namespace latent {

/// The fields of such a solver's config that all of them have.
struct SolverConfig : NoiseSchedule, Thresholding, SigmaSpacing {
    std::string prediction_type = "epsilon"; ///< or sample, v_prediction, flow_prediction
    bool use_flow_sigmas = false;            ///< x = (1 - sigma) x_0 + sigma epsilon
    double flow_shift = 1;                   ///< more than 1: more steps where noise is strong
};

template <class Config, class F>
void solver_fields(Config& config, F&& f) {
    noise_fields(config, f);
    f("prediction_type", config.prediction_type);
    threshold_fields(config, f);
    sigma_fields(config, f);
    f("use_flow_sigmas", config.use_flow_sigmas);
    f("flow_shift", config.flow_shift);
}

/// A place of the schedule, in float32 as torch rounds it.
struct SolverPoint {
    float alpha = 1, sigma = 0, lambda = 0;
};

namespace detail {

/// ln x to the last bit of float32, on every platform: steps are differences of logarithms.
[[nodiscard]] inline float exact_log(float x) {
    return static_cast<float>(std::log(static_cast<double>(x)));
}

} // namespace detail

[[nodiscard]] inline SolverPoint solver_point(double sigma_of_alpha, bool flow) {
    const auto ratio = static_cast<float>(sigma_of_alpha);
    const auto alpha = flow ? 1 - ratio : 1 / std::sqrt(ratio * ratio + 1);
    const auto sigma = flow ? ratio : ratio * alpha;
    return {alpha, sigma, detail::exact_log(alpha) - detail::exact_log(sigma)};
}

/// What a solver makes of a model's output: x_0, or the noise epsilon.
struct SolverConversion {
    Prediction converted, original; ///< to what it solves for, and to x_0
    SolverPoint at;
    bool to_noise = false;
    Thresholding threshold;
};

/// Throws Error for a prediction type that has no such conversion.
[[nodiscard]] inline SolverConversion conversion_of(const SolverConfig& config,
                                                    const SolverPoint& at, bool to_noise) {
    const auto& type = config.prediction_type;
    const double alpha = at.alpha, sigma = at.sigma;
    Prediction original, noise{0, 1};
    if (type == "epsilon") {
        original = {1 / alpha, -sigma / alpha};
    } else if (type == "sample") {
        original = {0, 1}, noise = {1 / sigma, -alpha / sigma};
    } else if (type == "v_prediction") {
        original = {alpha, -sigma}, noise = {sigma, alpha};
    } else if (type == "flow_prediction") {
        original = {1, -sigma}, noise = {(1 - alpha) / sigma, alpha};
    } else {
        fail_name("prediction_type", type, "epsilon, sample, v_prediction or flow_prediction");
    }
    return {to_noise ? noise : original, original, at, to_noise, config};
}

/// The first of the timesteps that are too noisy to be visited, T where none is: where lambda
/// is less than `lambda_min`, which squaredcos_cap_v2 needs. Throws Error where all are.
/// Parity: lambda_min_clipped.
[[nodiscard]] inline std::int64_t clipped_timesteps(const std::vector<float>& alphas_cumprod,
                                                    double lambda_min) {
    const auto count = std::ranges::count_if(alphas_cumprod, [&](float abar) {
        const auto lambda = std::log(std::sqrt(abar)) - std::log(std::sqrt(1 - abar));
        return static_cast<double>(lambda) >= lambda_min;
    });
    if (count > 0) return count;
    fail("lambda_min_clipped", std::to_string(lambda_min), "less: it clips all timesteps");
}

namespace detail {

/// n sigmas of a straight path, most noise first.
[[nodiscard]] inline std::vector<double> flow_sigmas(double shift, std::int64_t n,
                                                     std::int64_t num_train_timesteps) {
    auto sigmas = even_flow_sigmas(n, num_train_timesteps);
    for (auto& sigma : sigmas) sigma = shifted_sigma(shift, 1 - sigma);
    std::ranges::reverse(sigmas);
    sigmas.pop_back();
    return sigmas;
}

/// n sigmas whose logarithms are evenly spread over those of training, which are float32.
/// Source: Lu et al. 2022, arXiv:2206.00927.
[[nodiscard]] inline std::vector<double> lu_sigmas(const std::vector<double>& training,
                                                   std::int64_t n) {
    const auto high = to_float32(std::log(training.back()));
    const auto low = to_float32(std::log(training.front()));
    auto sigmas = spread(0, 1, n);
    for (auto& sigma : sigmas) sigma = std::exp(high + sigma * (low - high));
    return sigmas;
}

} // namespace detail

/// The steps of a run: a timestep each, and the sigmas, one more of them in the end.
struct SolverSteps {
    std::vector<double> timesteps, sigmas;

    /// float32, with the sigma behind the last step; timesteps are whole.
    void finish(double last) {
        sigmas.push_back(last);
        for (auto& sigma : sigmas) sigma = detail::to_float32(sigma);
        for (auto& t : timesteps) t = std::trunc(t);
    }
};

/// The sigmas of these timesteps, or n others where the config spaces sigmas, whose timesteps
/// then replace these.
template <class Config>
[[nodiscard]] SolverSteps
solver_steps(const Config& config, const std::vector<float>& alphas_cumprod,
             std::vector<double> timesteps, std::int64_t n, bool ascending = false) {
    const auto training = sigmas_of(alphas_cumprod);
    SolverSteps steps{std::move(timesteps), {}};
    bool rounds = config.use_karras_sigmas, lu = false;
    if constexpr (requires { config.use_lu_lambdas; }) {
        lu = config.use_lu_lambdas && !rounds;
        rounds = (rounds || lu) && config.beta_schedule != "squaredcos_cap_v2";
    }
    auto lowest = training.front(), highest = training.back();
    if constexpr (requires { config.sigma_min; }) {
        lowest = config.sigma_min.value_or(lowest);
        highest = config.sigma_max.value_or(highest);
        check_sigma_ends(config, lowest, highest);
    }
    if (ascending) std::swap(lowest, highest);
    if (config.spaced() || lu) {
        steps.sigmas = lu ? detail::lu_sigmas(training, n) : config.sigmas(lowest, highest, n);
        steps.timesteps.clear();
        for (const auto sigma : steps.sigmas) {
            const auto t = timestep_of_sigma(sigma, training);
            steps.timesteps.push_back(rounds ? detail::round_half_even(t) : t);
        }
    } else if (config.use_flow_sigmas) {
        steps.sigmas = detail::flow_sigmas(config.flow_shift, n, config.num_train_timesteps);
        steps.timesteps.clear();
        for (const auto sigma : steps.sigmas)
            steps.timesteps.push_back(sigma * static_cast<double>(config.num_train_timesteps));
    } else {
        for (const auto t : steps.timesteps)
            steps.sigmas.push_back(detail::interpolated(t, training));
    }
    return steps;
}

/// flow_shift = e^mu, where the config lets a run say it; later runs keep it, as diffusers'
/// do. Throws Error where no run may, or where mu is no shift.
template <class Config>
void shift_by(Config& config, std::optional<double> mu) {
    if (!mu) return;
    if (!config.use_dynamic_shifting)
        fail("mu", std::to_string(*mu), "none", "use_dynamic_shifting takes it");
    if (config.time_shift_type != "exponential") {
        fail("time_shift_type", "'" + config.time_shift_type + "' with mu", "exponential",
             "UniPCMultistep and FlowMatchEulerDiscrete know linear shifts");
    }
    check_mu(config.time_shift_type, *mu);
    config.flow_shift = std::exp(*mu);
}

/// Throws Error for fields of a solver that have no meaning.
template <class Config>
void check_solver(const Config& config, std::int64_t order, std::int64_t most_order,
                  std::string_view order_name = "solver_order") {
    config.check();
    (void)conversion_of(config, {}, false);
    if (order < 1 || order > most_order)
        fail(order_name, std::to_string(order), "1 to " + std::to_string(most_order));
    if constexpr (requires { config.variance_type; }) {
        if (config.variance_type)
            check_name("variance_type", *config.variance_type, {"learned", "learned_range"});
    }
    if constexpr (requires { config.time_shift_type; })
        check_name("time_shift_type", config.time_shift_type, {"exponential", "linear"});
}

} // namespace latent
