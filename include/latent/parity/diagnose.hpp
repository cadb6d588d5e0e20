#pragma once

#include "latent/parity/attention_hypotheses.hpp"
#include "latent/parity/scale_hypotheses.hpp"
#include "latent/parity/value_hypotheses.hpp"
#include "latent/parity/weight_hypotheses.hpp"
#include "latent/tensor/half.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

/// Why a module errs: each mistake that people make is tried, and the one that gives the
/// subject's own numbers is the cause.

namespace latent {

namespace detail {

/// Places to look at: half of them where the error is largest, the others all over.
[[nodiscard]] inline std::vector<std::int64_t> telling_places(const Exact& right,
                                                              const Exact& got) {
    constexpr std::int64_t count = 160;
    std::vector<std::int64_t> all(static_cast<std::size_t>(right.numel()));
    std::iota(all.begin(), all.end(), 0);
    const auto error = [&](std::int64_t i) {
        return std::abs(got.data()[i] - right.data()[i]);
    };
    const auto most = std::min(count, right.numel());
    std::ranges::partial_sort(all, all.begin() + most,
                              [&](auto a, auto b) { return error(a) > error(b); });
    all.resize(static_cast<std::size_t>(most));
    std::set<std::int64_t> places(all.begin(), all.end());
    for (const auto place : sample_places(right.numel(), count)) places.insert(place);
    return {places.begin(), places.end()};
}

/// Whether values were too large for half precision: infinite, or cut, where the right ones
/// are beyond 65504.
[[nodiscard]] inline bool is_overflow(const Statistics& s) {
    constexpr double largest_single = 3e38; // beyond, float32 overflows as well
    if (s.reference_max <= largest_half || s.reference_max > largest_single) return false;
    if (!s.finite()) return s.value_max <= largest_half;
    return std::abs(s.value_max - largest_half) <= 32;
}

/// The largest number inside of a step that half precision may have been asked to hold: a
/// square in a norm, a product of q and k before it is scaled.
[[nodiscard]] inline double largest_inside(const Replay& replay, const Region& region,
                                           const std::map<std::string, Exact>& kept) {
    double largest = 0;
    for (const auto& node : region) {
        const auto& step = *replay.graph().step(node);
        if (step.op != Step::Op::group_norm && step.op != Step::Op::attention) continue;
        const auto x = replay.source(step.sources[0], region, {}, kept);
        const auto y = step.op == Step::Op::group_norm
                           ? x.clone()
                           : replay.source(step.sources[1], region, {}, kept);
        largest = std::max(largest, largest_size(x) * largest_size(y));
    }
    return largest;
}

/// All mistakes that may have been made in one step.
[[nodiscard]] inline Hypotheses hypotheses_about(const Suspect& suspect,
                                                 const std::map<std::string, Exact>& kept) {
    Hypotheses found;
    if (suspect.step->sources.empty()) return found;
    const auto x =
        suspect.replay->source(suspect.step->sources.front(), *suspect.region, {}, kept);
    const auto& input = x.shape();
    suspect_layer(suspect, x, found);
    suspect_attention(suspect, found);
    suspect_activation(suspect, input, found);
    suspect_upsampling(suspect, input, found);
    suspect_layout(suspect, input, found);
    suspect_order(suspect, found);
    return found;
}

} // namespace detail

/// The cause of what the subject has at the end of a region, which differs from `right`, what
/// should be there. `tolerance` is the relative error that rounding explains; `half` tells that
/// the subject works in half precision.
[[nodiscard]] inline Cause diagnose(const Replay& replay, const Region& region,
                                    const Exact& right, const Exact& got, double tolerance,
                                    bool half) {
    const Cause unknown{"unknown", "no single change of a step gives these numbers"};
    const auto all = statistics(right, got, Precision::f64);
    if (detail::is_overflow(all)) {
        return {"half overflow", "up to " + detail::figure(all.reference_max) +
                                     " where half precision ends at 65504"};
    }
    std::map<std::string, Exact> kept;
    (void)replay.run(region, {}, kept);
    if (!all.finite()) {
        const auto inside = detail::largest_inside(replay, region, kept);
        if (!half || inside <= largest_half) return unknown;
        return {"half overflow", "products up to " + detail::figure(inside) +
                                     " inside of it, where half precision ends at 65504"};
    }
    const auto places = detail::telling_places(right, got);
    const auto target = at_places(got, places);
    const auto now = relative_error(at_places(right, places), target);
    // Rounding, or a hundredth of what there is to be explained.
    const auto enough = std::min(std::max(2 * tolerance, 0.01 * now), 0.15 * now);

    std::optional<Hypothesis> best;
    auto best_error = enough;
    const auto consider = [&](Hypothesis& hypothesis, double limit) {
        try {
            const auto values = replay.run_at(region, hypothesis.edits, places, kept);
            const auto error = relative_error(values, target);
            // Of two that explain it alike, the one that was thought of first.
            if (error < limit && error < (best ? 0.5 * best_error : best_error)) {
                best_error = error;
                best = std::move(hypothesis);
            }
        } catch (const Error&) {
            // An edit that cannot be made, such as swapped axes of unequal length.
        }
    };
    for (auto node = region.rbegin(); node != region.rend(); ++node) {
        const Suspect suspect{&replay, &region, *node, replay.graph().step(*node)};
        for (auto& hypothesis : detail::hypotheses_about(suspect, kept)) {
            consider(hypothesis, enough);
        }
        // Some factor always fits best, so it has to fit better.
        for (auto& hypothesis : detail::scalings(suspect, kept, places, target)) {
            consider(hypothesis, std::min(enough, 0.05 * now));
        }
    }
    for (auto& hypothesis : detail::swapped_blocks(replay, region)) {
        consider(hypothesis, enough);
    }
    if (!best) return unknown;
    auto cause = best->cause;
    const auto& at = best->edits.front().node;
    if (best->edits.size() == 1 && at != region.back()) cause.detail += " (at " + at + ")";
    return cause;
}

/// The same where the reference does not tell how the value is made: what can be seen from two
/// tensors alone. `name` is the output's.
[[nodiscard]] inline Cause diagnose(const Recording& reference, const std::string& name,
                                    const Exact& right, const Exact& got) {
    const auto all = statistics(right, got, Precision::f64);
    if (detail::is_overflow(all)) {
        return {"half overflow", "up to " + detail::figure(all.reference_max) +
                                     " where half precision ends at 65504"};
    }
    const Cause unknown{"unknown", "nothing can be seen from the two values alone"};
    if (!all.finite() || all.relative_l2 == 0) return unknown;
    const auto enough = std::min(0.01 * all.relative_l2, 1e-3);
    const auto is = [&](const Exact& a, const Exact& b) {
        return relative_error(a.values(), b.values()) <= enough;
    };
    for (const auto& way : detail::misreadings(right.shape())) {
        if (is(way.change(right), got)) return {"wrong layout", way.detail};
    }
    for (const auto act : {Activation::silu, Activation::relu, Activation::gelu}) {
        const auto called = detail::name_of(act);
        if (is(activation(act, right.clone()), got)) {
            return {"doubled activation", "a " + called + " too many"};
        }
        if (is(activation(act, got.clone()), right)) {
            return {"missing activation", "no " + called};
        }
    }
    const auto factor =
        detail::dot(right.values(), got.values()) / detail::dot(right.values(), right.values());
    if (factor >= 1e-3 && is(scaled(right, factor), got)) {
        return {"scaling factor", "times " + detail::figure(factor)};
    }
    for (const auto& other : reference.order) {
        if (other == name || reference.precision(other) == Precision::other ||
            reference.shape(other) != right.shape()) {
            continue;
        }
        const auto its = reference.read(other);
        if (!is(right, its) && is(its, got)) return {"swapped modules", "it is " + other};
    }
    return unknown;
}

} // namespace latent
