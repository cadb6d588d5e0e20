#pragma once

#include "latent/parity/hypothesis.hpp"

#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

/// A factor, or a factor and a shift, that is not right: found by least squares, because it may
/// be any number.

namespace latent::detail {

[[nodiscard]] inline double dot(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

[[nodiscard]] inline std::vector<double> minus(std::span<const double> a,
                                               std::span<const double> b) {
    std::vector<double> difference(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) difference[i] = a[i] - b[i];
    return difference;
}

[[nodiscard]] inline Step affine_step(const Shape& shape, double factor, double offset) {
    return {.op = Step::Op::affine, .shape = shape, .factor = factor, .offset = offset};
}

/// The step's input, or its output, times the one number (plus another) that fits best.
[[nodiscard]] inline Hypotheses scalings(const Suspect& suspect,
                                         std::map<std::string, Exact>& kept,
                                         std::span<const std::int64_t> places,
                                         std::span<const double> target) {
    Hypotheses found;
    const auto& step = *suspect.step;
    const auto input =
        suspect.replay->source(step.sources.front(), *suspect.region, {}, kept).shape();
    // What comes of it is b0 + factor b1 + offset b2, if all that follows is linear.
    const auto fit = [&](bool at_input) {
        const auto& shape = at_input ? input : step.shape;
        const auto edit_of = [&](double factor, double offset) {
            auto edit = changed(suspect, [](Step&) {});
            (at_input ? edit.before : edit.after) = {affine_step(shape, factor, offset)};
            return edit;
        };
        const auto run = [&](double factor, double offset) {
            const std::vector<Edit> edits{edit_of(factor, offset)};
            return suspect.replay->run_at(*suspect.region, edits, places, kept);
        };
        const auto b0 = run(0, 0);
        const auto b1 = minus(run(1, 0), b0), b2 = minus(run(0, 1), b0);
        const auto wanted = minus(target, b0);
        const auto a11 = dot(b1, b1), a12 = dot(b1, b2), a22 = dot(b2, b2);
        const auto y1 = dot(b1, wanted), y2 = dot(b2, wanted);
        const auto add = [&](double factor, double offset) {
            // A sign, and nothing at all, are other mistakes.
            if (!std::isfinite(factor) || !std::isfinite(offset) || factor < 1e-3) return;
            std::string detail = at_input ? "its input times " : "its output times ";
            detail += figure(factor);
            if (offset != 0) detail += " plus " + figure(offset);
            found.push_back({{"scaling factor", detail}, edit_of(factor, offset)});
        };
        if (a11 > 0) add(y1 / a11, 0);
        const auto determinant = a11 * a22 - a12 * a12;
        const bool from_outside =
            suspect.replay->graph().is_root.contains(step.sources.front());
        if ((!at_input || from_outside) && determinant > 1e-12 * a11 * a22) {
            add((y1 * a22 - y2 * a12) / determinant, (y2 * a11 - y1 * a12) / determinant);
        }
    };
    fit(true);
    fit(false);
    return found;
}

} // namespace latent::detail
