#pragma once

#include "latent/parity/hypothesis.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// What goes wrong in attention: the heads, the scale of q k^T, and who is who.

namespace latent::detail {

inline void suspect_heads(const Suspect& suspect, Hypotheses& found) {
    const auto& step = *suspect.step;
    const auto channels = step.shape[2];
    const auto usual = [&](std::int64_t heads) {
        return 1 / std::sqrt(static_cast<double>(channels / heads));
    };
    for (const auto heads : divisors(channels)) {
        if (heads == step.heads) continue;
        for (const double scale : {usual(heads), step.factor}) {
            found.push_back({{"head count", std::to_string(heads) + " where " +
                                                std::to_string(step.heads) + " is right"},
                             changed(suspect, [&](Step& other) {
                                 other.heads = heads;
                                 other.factor = scale;
                             })});
        }
    }
    // Heads whose channels are interleaved: channel c belongs to head c mod heads.
    if (step.heads > 1 && step.heads < channels) {
        auto edit = changed(suspect, [&](Step& other) {
            const auto right = step;
            other.op = Step::Op::function;
            other.function = [right](std::span<const Exact* const> qkv) {
                const auto width = right.shape[2] / right.heads;
                std::vector<Exact> parts;
                std::vector<const Exact*> pointers;
                const std::vector<std::size_t> axes{0, 1, 3, 2};
                for (const auto* const x : qkv) {
                    parts.push_back(
                        permuted(reshaped_copy(*x, {x->dim(0), x->dim(1), width, right.heads}),
                                 axes)
                            .reshaped(x->shape()));
                }
                for (const auto& part : parts) pointers.push_back(&part);
                const auto y = compute(right, pointers, [](const std::string&) {
                    return static_cast<const Exact*>(nullptr);
                });
                return permuted(reshaped_copy(y, {y.dim(0), y.dim(1), right.heads, width}),
                                axes)
                    .reshaped(y.shape());
            };
        });
        found.push_back(
            {{"wrong layout", "the channels of the heads are interleaved"}, std::move(edit)});
    }
}

inline void suspect_scale_of_attention(const Suspect& suspect, Hypotheses& found) {
    const auto& step = *suspect.step;
    const auto C = static_cast<double>(step.shape[2]);
    const auto d = C / static_cast<double>(step.heads);
    for (const double scale :
         {1.0, 1 / d, 1 / std::sqrt(C), 1 / C, std::pow(d, -0.25), std::pow(d, -1.5),
          1 / std::sqrt(static_cast<double>(step.heads)), 2 / std::sqrt(d), 0.5 / std::sqrt(d),
          std::sqrt(d), 1 / std::sqrt(static_cast<double>(step.shape[1])), 0.0}) {
        if (std::abs(scale - step.factor) <= 1e-9 * step.factor) continue;
        found.push_back(
            {{"attention scale", figure(scale) + " where " + figure(step.factor) + " is right"},
             changed(suspect, [&](Step& other) { other.factor = scale; })});
    }
}

/// q, k and v in another order.
inline void suspect_roles(const Suspect& suspect, Hypotheses& found) {
    std::array<std::size_t, 3> order{0, 1, 2};
    while (std::ranges::next_permutation(order).found) {
        std::string detail;
        for (const auto role : order) detail += "qkv"[role];
        found.push_back({{"swapped modules", "its q, k, v are " + detail},
                         changed(suspect, [&](Step& other) {
                             for (std::size_t i = 0; i < 3; ++i) {
                                 other.sources[i] = suspect.step->sources[order[i]];
                             }
                         })});
    }
}

inline void suspect_attention(const Suspect& suspect, Hypotheses& found) {
    if (suspect.step->op != Step::Op::attention) return;
    suspect_heads(suspect, found);
    suspect_scale_of_attention(suspect, found);
    suspect_roles(suspect, found);
}

} // namespace latent::detail
