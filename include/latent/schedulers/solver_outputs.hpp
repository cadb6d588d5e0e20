#pragma once

#include "latent/schedulers/solver_sigmas.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>

namespace latent {

/// What a step of a solver is made of: y = sample x + start s + sum_i outputs[i] m_i + noise z
struct SolverWeights {
    double sample = 0;
    double start = 0;                ///< of a sample kept from before
    std::array<double, 5> outputs{}; ///< of the converted outputs, the newest first
    double noise = 0;
};

/// The converted outputs m_0, m_1, ... of a solver, the newest first, and the sum that a step
/// makes of them.
template <class Device>
class SolverOutputs {
public:
    explicit SolverOutputs(std::int64_t most = 1) : kept_(static_cast<std::size_t>(most)) {}

    /// m_0 = the conversion of `out` at `x`, limited where that is asked for
    /// y   = weights of x, `start`, all m and `noise`; it may be x or start
    /// In one pass; in three at most where a quantile is wanted.
    void step(Tensor<Device>& y, const Tensor<Device>& x, const Tensor<Device>& out,
              const SolverConversion& how, const SolverWeights& weights,
              const Tensor<Device>* start = nullptr, const Tensor<Device>* noise = nullptr) {
        check(weights, how);
        auto& newest = kept_.push(x.shape());
        const auto limited = how.threshold.thresholding;
        if (limited) convert(newest, x, out, how);
        // The newest counts as the first sum itself, or as an operand where that is made.
        Terms terms;
        terms.add(x, limited ? 0 : how.converted.sample, weights.sample);
        if (!limited) terms.add(out, how.converted.output, 0);
        if (start) terms.add(*start, 0, weights.start);
        add_outputs(terms, weights, limited ? 0 : 1);
        if (noise) terms.add(*noise, 0, weights.noise);
        if (limited) {
            combine(y, y, terms.used(), 0.0);
        } else {
            combine(newest, y, terms.used(), weights.outputs[0]);
        }
    }
    /// y = weights of `start`, all m and `noise`.
    void sum(Tensor<Device>& y, const SolverWeights& weights, const Tensor<Device>& start,
             const Tensor<Device>* noise = nullptr) const {
        check(weights, {});
        Terms terms;
        terms.add(start, 0, weights.start);
        add_outputs(terms, weights, 0);
        if (noise) terms.add(*noise, 0, weights.noise);
        combine(y, y, terms.used(), 0.0);
    }

    [[nodiscard]] std::size_t size() const { return kept_.size(); }
    void clear() { kept_.clear(); }

private:
    struct Terms {
        std::array<CombineTerm<Device>, most_terms> all{};
        std::size_t count = 0;

        void add(const Tensor<Device>& x, double to_p, double to_y) {
            if (to_p != 0 || to_y != 0) all.at(count++) = {&x, to_p, to_y};
        }
        [[nodiscard]] std::span<const CombineTerm<Device>> used() const {
            return std::span(all).first(count);
        }
    };
    /// Throws Error where a step has no finite weights.
    static void check(const SolverWeights& weights, const SolverConversion& how) {
        const auto& m = weights.outputs;
        // 0 of what is finite; of all else it is NaN.
        const auto zero = 0 * (weights.sample + weights.start + weights.noise +
                               std::accumulate(m.begin(), m.end(), 0.0) + how.converted.sample +
                               how.converted.output);
        if (zero == 0) return;
        fail("step", "a weight that is not finite", "a step from a sigma to a smaller one",
             "sigmas that repeat, and those of a flow beyond 1, are no way to go");
    }
    void add_outputs(Terms& terms, const SolverWeights& weights, std::size_t first) const {
        for (auto i = first; i < kept_.size(); ++i) terms.add(kept_[i], 0, weights.outputs[i]);
    }
    static void convert(Tensor<Device>& to, const Tensor<Device>& x, const Tensor<Device>& out,
                        const SolverConversion& how) {
        detail::weigh<Device>(to,
                              {{&x, 0, how.original.sample}, {&out, 0, how.original.output}});
        threshold(to, how.threshold);
        if (!how.to_noise) return;
        const double alpha = how.at.alpha, sigma = how.at.sigma;
        detail::weigh<Device>(to, {{&x, 0, 1 / sigma}, {&to, 0, -alpha / sigma}});
    }

    History<Device> kept_;
};

} // namespace latent
