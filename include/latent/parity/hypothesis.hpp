#pragma once

#include "latent/parity/comparison.hpp"
#include "latent/parity/replay.hpp"

#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace latent {

/// A mistake that somebody may have made: what it changes, and what it would be called. Most
/// change one step.
struct Hypothesis {
    Hypothesis(Cause what, Edit edit) : cause(std::move(what)), edits{std::move(edit)} {}
    Hypothesis(Cause what, std::vector<Edit> several)
        : cause(std::move(what)), edits(std::move(several)) {}

    Cause cause;
    std::vector<Edit> edits;
};

/// What the hypotheses about one step are made from.
struct Suspect {
    const Replay* replay;
    const Region* region;
    std::string node; ///< of the region
    const Step* step; ///< the node's
};

using Hypotheses = std::vector<Hypothesis>;

namespace detail {

/// "1e-05", "0.18215".
[[nodiscard]] inline std::string figure(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", value);
    return text;
}

/// The suspect's step with one thing about it changed.
template <class Change>
[[nodiscard]] Edit changed(const Suspect& suspect, const Change& change) {
    Edit edit{.node = suspect.node, .step = *suspect.step};
    change(edit.step);
    return edit;
}

/// A step of one input that some function makes.
[[nodiscard]] inline Step function_step(Shape shape, std::function<Exact(const Exact&)> fn) {
    Step step{.op = Step::Op::function, .shape = std::move(shape)};
    step.function = [fn = std::move(fn)](std::span<const Exact* const> inputs) {
        return fn(*inputs[0]);
    };
    return step;
}

[[nodiscard]] inline std::vector<std::int64_t> divisors(std::int64_t n) {
    std::vector<std::int64_t> found;
    for (std::int64_t d = 1; d <= n; ++d) {
        if (n % d == 0) found.push_back(d);
    }
    return found;
}

} // namespace detail

} // namespace latent
