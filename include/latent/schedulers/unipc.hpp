#pragma once

#include "latent/schedulers/solver_run.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

/// The weights of UniPC's steps.
///
///   x_t = ratio x_s - base phi_1 m_0 - base B(h) sum_k rho_k (m_k - m_0) / r_k
///
/// where the rho solve, with r_k the places of the outputs in units of the step,
///   sum_k r_k^(i-1) rho_k = i! phi_(i+1) / B(h),   phi_(i+1) = (phi_i - 1 / i!) / h
///
/// The corrector has the output at t itself among them, r = 1; the predictor has not.
/// Source: Zhao et al. 2023, arXiv:2302.04867, algorithms 1 and 2.

namespace latent {

/// Which of the equations is solved.
struct UniPC {
    bool predict_x0 = true;
    std::string_view solver_type = "bh2"; ///< B(h) = e^h - 1; bh1: h
};

namespace detail {

inline constexpr std::size_t most_unipc_order = 4;

/// a x = b for n unknowns, by elimination; x stands in b.
inline void solve(std::array<std::array<float, most_unipc_order>, most_unipc_order>& a,
                  std::array<float, most_unipc_order>& b, std::size_t n) {
    for (std::size_t k = 0; k < n; ++k) {
        auto pivot = k;
        for (auto i = k + 1; i < n; ++i)
            if (std::abs(a[i][k]) > std::abs(a[pivot][k])) pivot = i;
        std::swap(a[k], a[pivot]), std::swap(b[k], b[pivot]);
        for (auto i = k + 1; i < n; ++i) {
            const auto factor = a[i][k] / a[k][k];
            for (auto j = k; j < n; ++j) a[i][j] -= factor * a[k][j];
            b[i] -= factor * b[k];
        }
    }
    for (auto k = n; k-- > 0;) {
        for (auto j = k + 1; j < n; ++j) b[k] -= a[k][j] * b[j];
        b[k] /= a[k][k];
    }
}

/// What predictor and corrector share: from points[1] to points[0], in float32 as torch has it.
struct UniPCStep {
    float ratio, base, phi_1, scale; ///< scale: B(h)
    std::array<float, most_unipc_order> r{}, rho{};

    /// `unknowns` of the rho, for the r of points[2], points[3] ... and, of a corrector, 1.
    UniPCStep(const UniPC& how, std::size_t order, std::span<const SolverPoint> points,
              bool corrects)
        : ratio(how.predict_x0 ? points[0].sigma / points[1].sigma
                               : points[0].alpha / points[1].alpha),
          base(how.predict_x0 ? points[0].alpha : points[0].sigma) {
        const auto h = points[0].lambda - points[1].lambda;
        for (std::size_t k = 0; k + 1 < order; ++k)
            r[k] = (points[k + 2].lambda - points[1].lambda) / h;
        r[order - 1] = 1;
        const auto z = how.predict_x0 ? -h : h;
        phi_1 = std::expm1(z);
        scale = how.solver_type == "bh1" ? z : phi_1;
        const auto unknowns = corrects ? order : order - 1;
        // As the authors have it: where one rho is wanted, a half serves as well.
        if (unknowns == 1) {
            rho[0] = 0.5F;
            return;
        }
        std::array<std::array<float, most_unipc_order>, most_unipc_order> rows{};
        auto phi = phi_1 / z - 1;
        float factorial = 1;
        for (std::size_t i = 0; i < unknowns; ++i) {
            for (std::size_t k = 0; k < unknowns; ++k)
                rows[i][k] = std::pow(r[k], static_cast<float>(i));
            rho[i] = phi * factorial / scale;
            factorial *= static_cast<float>(i + 2);
            phi = phi / z - 1 / factorial;
        }
        solve(rows, rho, unknowns);
    }
};

} // namespace detail

/// UniP: from points[1] to points[0], with outputs at points[1], points[2] ...: `order` of
/// them.
[[nodiscard]] inline SolverWeights unipc_predictor(const UniPC& how, std::size_t order,
                                                   std::span<const SolverPoint> points) {
    const detail::UniPCStep step(how, order, points, false);
    SolverWeights weights{.start = step.ratio};
    auto& m = weights.outputs;
    m[0] = -(step.base * step.phi_1);
    for (std::size_t k = 0; k + 1 < order; ++k) {
        const auto share = double{step.base * step.scale} * step.rho[k] / step.r[k];
        m[0] += share, m[k + 1] = -share;
    }
    return weights;
}

/// UniC: the same step again, with the output at points[0] known too, as the newest.
[[nodiscard]] inline SolverWeights unipc_corrector(const UniPC& how, std::size_t order,
                                                   std::span<const SolverPoint> points) {
    const detail::UniPCStep step(how, order, points, true);
    SolverWeights weights{.start = step.ratio};
    auto& m = weights.outputs;
    m[1] = -(step.base * step.phi_1);
    for (std::size_t k = 0; k < order; ++k) {
        const auto share = double{step.base * step.scale} * step.rho[k] / step.r[k];
        m[1] += share, m[k + 1 == order ? 0 : k + 2] = -share;
    }
    return weights;
}

} // namespace latent
