#pragma once

#include "latent/schedulers/solver_run.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <span>

/// The weights of SA-Solver's steps, from s to t, with l = lambda and k = 1 + tau^2:
///
///   x_t = sigma_t / sigma_s e^{-tau^2 h} x_s + sum_i b_i m_i
///       + sigma_t sqrt(1 - e^{-2 tau^2 h}) z
///   b_i = sigma_t k e^{-tau^2 l_t} int_{l_s}^{l_t} e^{k l} L_i(l) dl                    (14)
///
/// with L_i Lagrange's polynomial that is 1 at the place of m_i and 0 at the others'; for
/// outputs as noise alpha takes the place of sigma, and e^-l that of e^{k l}.
/// Source: Xue et al. 2023, arXiv:2309.05019, equations 14 to 18.

namespace latent {

/// Which of the equations is solved: tau is how much noise there is, 0: none.
struct SASolver {
    bool predict_x0 = true;
    float tau = 0;
};

namespace detail {

/// int_{from}^{to} l^power e^{k l} dl, by parts; or with e^{-l}. Float32, as torch has it.
[[nodiscard]] inline float exponential_moment(const SASolver& how, std::size_t power,
                                              float from, float to) {
    // The polynomial that power times integrating by parts leaves.
    const auto parts = [&](float x, float sign) {
        switch (power) {
        case 0:
            return 1.0F;
        case 1:
            return x + sign;
        case 2:
            return x * x + sign * 2 * x + 2;
        default:
            return x * x * x + sign * 3 * (x * x) + 6 * x + sign * 6;
        }
    };
    if (!how.predict_x0)
        return std::exp(-to) * (parts(from, 1) * std::exp(to - from) - parts(to, 1));
    const auto k = 1 + how.tau * how.tau;
    const auto begin = k * from, end = k * to;
    return std::exp(end) * (parts(end, -1) - parts(begin, -1) * std::exp(-(end - begin))) /
           std::pow(k, static_cast<float>(power + 1));
}

/// The coefficients of Lagrange's polynomial of the place i, the highest power first.
[[nodiscard]] inline std::array<float, 4> lagrange(std::span<const SolverPoint> places,
                                                   std::size_t i) {
    std::array<float, 4> powers{1};
    float below = 1;
    for (std::size_t j = 0, degree = 0; j < places.size(); ++j) {
        if (j == i) continue;
        below *= places[i].lambda - places[j].lambda;
        // Times l - l_j.
        ++degree;
        for (auto k = degree; k > 0; --k) powers[k] -= powers[k - 1] * places[j].lambda;
    }
    for (auto& power : powers) power /= below;
    return powers;
}

} // namespace detail

/// From s to t, with outputs at `places`, the newest first. The corrector has t itself among
/// them.
[[nodiscard]] inline SolverWeights sasolver_weights(const SASolver& how, const SolverPoint& s,
                                                    const SolverPoint& t,
                                                    std::span<const SolverPoint> places,
                                                    bool corrects) {
    const auto square = how.tau * how.tau, k = 1 + square, h = t.lambda - s.lambda;
    const auto order = places.size();
    // 1. The integrals (14).
    std::array<float, 4> integrals{};
    for (std::size_t i = 0; i < order; ++i) {
        const auto powers = detail::lagrange(places, i);
        for (std::size_t j = 0; j < order; ++j)
            integrals[i] +=
                powers[j] * detail::exponential_moment(how, order - 1 - j, s.lambda, t.lambda);
    }
    // 2. As the authors have it, for few steps: a term of order h^3 more, in the second order.
    if (how.predict_x0 && order == 2) {
        const auto rest = (h * k - 1 + std::exp(k * -h)) / (k * k);
        const auto more = std::exp(k * t.lambda) *
                          (corrects ? h / 2 - (h * k - 1 + std::exp(k * -h)) / (k * k * h)
                                    : (h * h / 2 - rest) / (s.lambda - places[1].lambda));
        integrals[0] += more, integrals[1] -= more;
    }
    // 3. What they are multiplied by, and the other weights.
    SolverWeights weights;
    const auto factor =
        how.predict_x0 ? k * t.sigma * std::exp(-square * t.lambda) : -k * t.alpha;
    for (std::size_t i = 0; i < order; ++i) weights.outputs[i] = factor * integrals[i];
    weights.start =
        how.predict_x0 ? std::exp(-square * h) * (t.sigma / s.sigma) : t.alpha / s.alpha;
    weights.noise = how.predict_x0 ? t.sigma * std::sqrt(1 - std::exp(-2 * square * h))
                                   : how.tau * t.sigma * std::sqrt(std::exp(2 * h) - 1);
    return weights;
}

} // namespace latent
