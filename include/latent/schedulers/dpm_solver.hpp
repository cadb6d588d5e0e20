#pragma once

#include "latent/schedulers/solver_run.hpp"

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

/// The integrals of DPM-Solver, along lambda, from s to t: what is known of the model's output
/// in between is a polynomial, D0 + D1 u + D2 u^2 / 2 ..., which is integrated exactly.
///
///   dpmsolver++   x_t = sigma_t / sigma_s x_s + alpha_t e^-lambda_t int e^lambda x_0 dlambda
///   dpmsolver     x_t = alpha_t / alpha_s x_s - alpha_t int e^-lambda epsilon dlambda
///   sde-...       the same for the reversed diffusion, which draws noise
///
/// Source: Lu et al. 2022, arXiv:2206.00927 (dpmsolver: proposition 3.1, theorem 3.2), and
/// arXiv:2211.01095 (dpmsolver++: proposition 4.1, algorithms 1 and 2; sde: section 5).

namespace latent {

/// Which of the equations is solved.
struct DpmAlgorithm {
    bool for_noise = false; ///< the model's output as epsilon; else as x_0
    bool sde = false;
};

/// Throws Error for an unknown name.
[[nodiscard]] inline DpmAlgorithm dpm_algorithm(std::string_view name) {
    check_name("algorithm_type", name,
               {"dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++"});
    return {!name.ends_with("++"), name.starts_with("sde")};
}

/// Names that other solvers' configs have become this one's, as diffusers swaps them.
inline void adopt_dpm_names(std::string& algorithm_type, std::string& solver_type) {
    if (algorithm_type == "deis") algorithm_type = "dpmsolver++";
    if (solver_type == "logrho" || solver_type == "bh1" || solver_type == "bh2")
        solver_type = "midpoint";
    check_name("solver_type", solver_type, {"midpoint", "heun"});
}

/// Throws Error where the end is out of reach: epsilon says nothing at sigma = 0.
inline void check_dpm_end(const DpmAlgorithm& algorithm, std::string_view final_sigmas_type) {
    check_name("final_sigmas_type", final_sigmas_type, {"zero", "sigma_min"});
    if (!algorithm.for_noise || final_sigmas_type != "zero") return;
    fail("final_sigmas_type", "'zero' with an algorithm_type without ++", "sigma_min",
         "dpmsolver++ and sde-dpmsolver++ step to zero");
}

/// Weights of the sample, of the polynomial's coefficients and of noise, from s to t. Each is
/// float32, with the differences that torch takes of float32 numbers.
class DpmStep {
public:
    DpmStep(const DpmAlgorithm& algorithm, const SolverPoint& s, const SolverPoint& t)
        : h_(t.lambda - s.lambda) {
        const auto z = algorithm.for_noise ? h_ : algorithm.sde ? -2 * h_ : -h_;
        const auto grown = std::exp(z) - 1;
        const auto base =
            algorithm.for_noise ? (algorithm.sde ? 2 * t.sigma : t.sigma) : t.alpha;
        // Of a stochastic equation d2 does not vanish with the step: a slip of diffusers' that
        // is kept.
        const auto half = algorithm.sde ? -0.5F : 0.5F;
        sample = algorithm.for_noise ? t.alpha / s.alpha : t.sigma / s.sigma;
        if (algorithm.sde && !algorithm.for_noise) sample *= std::exp(-h_);
        d0 = -(base * grown);
        d1_midpoint = d0 / 2;
        d1 = -(base * (grown / z - 1));
        d2 = -(base * ((grown - z) / (z * z) - half));
        if (algorithm.sde) {
            noise = t.sigma * std::sqrt(algorithm.for_noise ? std::exp(2 * h_) - 1
                                                            : 1 - std::exp(-2 * h_));
        }
    }
    /// A place between, or before, in units of the step.
    [[nodiscard]] double ratio(const SolverPoint& a, const SolverPoint& b) const {
        return static_cast<double>((a.lambda - b.lambda) / h_);
    }

    float sample = 0, d0 = 0, d1_midpoint = 0, d1 = 0, d2 = 0, noise = 0;

private:
    float h_;
};

/// From points[1] to points[0], with outputs at points[1], points[2], ...: as many as `order`.
/// solver_type says how the second order weighs its difference.
[[nodiscard]] inline SolverWeights multistep_weights(const DpmAlgorithm& algorithm, int order,
                                                     std::string_view solver_type,
                                                     std::span<const SolverPoint> points) {
    const DpmStep step(algorithm, points[1], points[0]);
    SolverWeights weights{.sample = step.sample, .noise = step.noise};
    auto& m = weights.outputs;
    m[0] = step.d0;
    if (order == 1) return weights;
    const auto r0 = step.ratio(points[1], points[2]);
    if (order == 2) {
        // D1 = (m_0 - m_1) / r0
        const double d1 = solver_type == "heun" ? step.d1 : step.d1_midpoint;
        m[0] += d1 / r0, m[1] = -d1 / r0;
        return weights;
    }
    // D1 and D2 of the differences (m_0 - m_1) / r0 and (m_1 - m_2) / r1.
    const auto r1 = step.ratio(points[2], points[3]);
    const double d1 = step.d1, d2 = step.d2;
    const auto later = (d1 * r0 + d2) / (r0 + r1);
    m[0] += (d1 + later) / r0;
    m[1] = -(d1 + later) / r0 - later / r1;
    m[2] = later / r1;
    return weights;
}

/// From points[order] to points[0], with outputs there and at the points between: the sample is
/// that of the start. solver_type says which polynomial is taken.
[[nodiscard]] inline SolverWeights singlestep_weights(const DpmAlgorithm& algorithm, int order,
                                                      std::string_view solver_type,
                                                      std::span<const SolverPoint> points) {
    const auto& begin = points[static_cast<std::size_t>(order)];
    const DpmStep step(algorithm, begin, points[0]);
    SolverWeights weights{.start = step.sample, .noise = step.noise};
    auto& m = weights.outputs;
    if (order == 1) {
        m[0] = step.d0;
        return weights;
    }
    const auto heun = solver_type == "heun";
    const auto r0 = step.ratio(points[1], begin);
    if (order == 2) {
        // D1 = (m_0 - m_1) / r0
        const double d1 = heun ? step.d1 : step.d1_midpoint;
        m[0] = d1 / r0, m[1] = step.d0 - d1 / r0;
        return weights;
    }
    // Of the differences (m_1 - m_2) / r1 and (m_0 - m_2) / r0.
    const auto r1 = step.ratio(points[2], begin);
    const double d1 = step.d1, d2 = step.d2;
    const auto near = heun ? (d1 * r0 - 2 * d2) / (r0 - r1) : 0;
    const auto far = heun ? (2 * d2 - d1 * r1) / (r0 - r1) : d1;
    m[0] = far / r0;
    m[1] = near / r1;
    m[2] = step.d0 - far / r0 - near / r1;
    return weights;
}

} // namespace latent
