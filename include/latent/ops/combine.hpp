#pragma once

#include "latent/ops/activation.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>

/// Two weighted sums in one pass over memory: what a step of a scheduler is made of.

namespace latent {

/// An operand, and what it adds to either sum.
template <class Device>
struct CombineTerm {
    const Tensor<Device>* x;
    double to_p = 0, to_y = 0;
};
/// As many as a step needs: sample, model output, noise, and what is remembered.
inline constexpr std::size_t most_terms = 8;

namespace detail {

template <class Device>
void check_combine(const Tensor<Device>& p, const Tensor<Device>& y,
                   std::span<const CombineTerm<Device>> terms) {
    require_same_shape("combine", p, y);
    for (const auto& term : terms) require_same_shape("combine", *term.x, y);
    if (terms.size() <= most_terms) return;
    fail("combine", std::to_string(terms.size()) + " terms",
         "at most " + std::to_string(most_terms));
}

} // namespace detail

namespace reference {

/// Number by number, from the definition below: in double, and rounded once.
template <class S>
void combine(Tensor<Cpu<S>>& p, Tensor<Cpu<S>>& y, std::span<const CombineTerm<Cpu<S>>> terms,
             double p_to_y, double limit = std::numeric_limits<double>::infinity()) {
    latent::detail::check_combine(p, y, terms);
    for (std::int64_t i = 0; i < y.numel(); ++i) {
        double sum_p = 0, sum_y = 0;
        for (const auto& term : terms) {
            const auto x = static_cast<double>(term.x->data()[i]);
            if (term.to_p != 0) sum_p += term.to_p * x;
            if (term.to_y != 0) sum_y += term.to_y * x;
        }
        const auto limited = sum_p < -limit ? -limit : limit < sum_p ? limit : sum_p;
        p.data()[i] = static_cast<S>(limited);
        y.data()[i] = static_cast<S>(sum_y + (p_to_y != 0 ? p_to_y * limited : 0));
    }
}

} // namespace reference

/// p = limit(sum_i to_p[i] x_i),  y = sum_i to_y[i] x_i + p_to_y p
/// limit(v) = clamp(v, -limit, limit); infinity leaves v alone, NaN stays NaN. All tensors have
/// one shape, and p and y may each be one of the x, in whose memory the result then stands;
/// where they are one tensor, y is what it holds. An x with the weight 0 is not looked at: NaN
/// there stays there. Sums are made in float, or in double, term by term. Throws Error for
/// other shapes.
template <class S>
void combine(Tensor<Cpu<S>>& p, Tensor<Cpu<S>>& y, std::span<const CombineTerm<Cpu<S>>> terms,
             double p_to_y, double limit = std::numeric_limits<double>::infinity()) {
    detail::check_combine(p, y, terms);
    constexpr std::int64_t lanes = 64; // short enough for the first level of the cache
    const auto most = static_cast<S>(limit), factor = static_cast<S>(p_to_y);
    detail::for_blocks(y.numel(), [&](std::int64_t first, std::int64_t count) {
        for (auto at = first; at < first + count; at += lanes) {
            const auto here = std::min(lanes, first + count - at);
            // All operands are read before either result is written: they may be one tensor.
            std::array<S, lanes> sum_p{}, sum_y{};
            for (const auto& term : terms) {
                const auto to_p = static_cast<S>(term.to_p), to_y = static_cast<S>(term.to_y);
                const auto* const x = term.x->data() + at;
                for (std::int64_t i = 0; i < here; ++i) {
                    const auto lane = static_cast<std::size_t>(i);
                    if (to_p != 0) sum_p[lane] += to_p * x[i];
                    if (to_y != 0) sum_y[lane] += to_y * x[i];
                }
            }
            for (std::int64_t i = 0; i < here; ++i) {
                const auto lane = static_cast<std::size_t>(i);
                const S v = sum_p[lane], limited = v < -most ? -most : most < v ? most : v;
                p.data()[at + i] = limited;
                y.data()[at + i] = sum_y[lane] + (factor != 0 ? factor * limited : S{0});
            }
        }
    });
}
inline void combine(Tensor<Meta>& p, Tensor<Meta>& y, std::span<const CombineTerm<Meta>> terms,
                    double, double = 0) {
    detail::check_combine(p, y, terms);
}

} // namespace latent
