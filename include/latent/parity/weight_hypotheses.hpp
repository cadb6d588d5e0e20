#pragma once

#include "latent/parity/hypothesis.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// What goes wrong with a layer that has parameters: their order in memory, whose they are, and
/// the layer's settings.

namespace latent::detail {

[[nodiscard]] inline double largest_size(const Exact& x) {
    double largest = 0;
    for (const auto value : x.values()) largest = std::max(largest, std::abs(value));
    return largest;
}

/// Other group norms: eps, and the number of groups. `largest` is the largest input; where its
/// square is infinite, nothing is left but the bias.
inline void suspect_norm(const Suspect& suspect, double largest, Hypotheses& found) {
    const auto& step = *suspect.step;
    const auto add_eps = [&](double eps) {
        if (eps == step.eps) return;
        found.push_back(
            {{"GroupNorm eps", figure(eps) + " where " + figure(step.eps) + " is right"},
             changed(suspect, [&](Step& other) { other.eps = eps; })});
    };
    add_eps(0);
    for (int power = -12; power < 0; ++power) {
        for (const double digit : {1, 2, 5}) {
            // The number that a program with this literal has.
            add_eps(std::stod(figure(digit) + "e" + std::to_string(power)));
        }
    }
    if (largest * largest > 65504) {
        found.push_back({{"half overflow", "squares up to " + figure(largest * largest) +
                                               " inside of it, where half precision ends at "
                                               "65504"},
                         changed(suspect, [](Step& other) { other.eps = 1e300; })});
    }
    for (const auto groups : divisors(step.shape[1])) {
        if (groups == step.groups) continue;
        found.push_back({{"group count", std::to_string(groups) + " where " +
                                             std::to_string(step.groups) + " is right"},
                         changed(suspect, [&](Step& other) { other.groups = groups; })});
    }
}

[[nodiscard]] inline std::string padding_text(const Padding& p) {
    return "top " + std::to_string(p.top) + ", bottom " + std::to_string(p.bottom) + ", left " +
           std::to_string(p.left) + ", right " + std::to_string(p.right);
}

/// Zeros at other sides of the image, as many as leave the result its size.
inline void suspect_padding(const Suspect& suspect, Shape input, Hypotheses& found) {
    auto step = *suspect.step;
    const bool conv = step.op == Step::Op::conv2d;
    // Zeros that were put around the image before count as the convolution's own.
    if (const auto* const made = suspect.replay->graph().step(step.sources[0]);
        conv && made != nullptr && made->op == Step::Op::pad) {
        const auto& zeros = made->padding;
        step.sources = made->sources;
        step.padding.top += zeros.top, step.padding.bottom += zeros.bottom;
        step.padding.left += zeros.left, step.padding.right += zeros.right;
        input = suspect.replay->reference().shape(made->sources[0]);
    }
    const auto* const weight =
        conv ? suspect.replay->parameters()(step.module + ".weight") : nullptr;
    if (input.rank() != 4 || (conv && weight == nullptr)) return;
    const auto size = [&](std::size_t axis, std::int64_t zeros) {
        if (!conv) return input[axis] + zeros;
        return (input[axis] + zeros - weight->dim(axis)) / step.stride[axis - 2] + 1;
    };
    const std::int64_t most = conv ? 2 : 4;
    for (std::int64_t top = 0; top <= most; ++top) {
        for (std::int64_t bottom = 0; bottom <= most; ++bottom) {
            if (size(2, top + bottom) != step.shape[2]) continue;
            for (std::int64_t left = 0; left <= most; ++left) {
                for (std::int64_t right = 0; right <= most; ++right) {
                    const Padding padding{
                        .left = left, .right = right, .top = top, .bottom = bottom};
                    if (size(3, left + right) != step.shape[3] || padding == step.padding) {
                        continue;
                    }
                    found.push_back(
                        {{"padding side", padding_text(padding) + " where " +
                                              padding_text(step.padding) + " is right"},
                         changed(suspect, [&](Step& other) {
                             other = step;
                             other.padding = padding;
                         })});
                }
            }
        }
    }
}

[[nodiscard]] inline std::string axes_text(std::span<const std::size_t> axes) {
    std::string text;
    for (const auto axis : axes) text += "OIHW"[axis];
    return text;
}

/// The weight of a convolution with its numbers in another order.
inline void suspect_kernel(const Suspect& suspect, const Shape& weight, Hypotheses& found) {
    const auto add = [&](std::string name, std::string detail,
                         std::function<Exact(const Exact&)> change) {
        found.push_back(
            {{std::move(name), std::move(detail)},
             changed(suspect, [&](Step& step) { step.weight_change = std::move(change); })});
    };
    std::array<std::size_t, 4> axes{0, 1, 2, 3};
    while (std::ranges::next_permutation(axes).found) {
        const auto order = axes;
        std::vector<std::int64_t> dims;
        std::vector<std::size_t> back(4);
        for (std::size_t i = 0; i < 4; ++i) {
            dims.push_back(weight[order[i]]);
            back[order[i]] = i;
        }
        // Nothing moves where only axes of length 1 do.
        std::vector<std::size_t> long_axes;
        for (const auto axis : order) {
            if (weight[axis] > 1) long_axes.push_back(axis);
        }
        if (std::ranges::is_sorted(long_axes)) continue;
        const bool swap = (order[0] == 1 && order[1] == 0 && order[2] == 2) ||
                          (order[0] == 0 && order[1] == 1 && order[2] == 3) ||
                          (order[0] == 1 && order[1] == 0 && weight[2] * weight[3] == 1);
        const std::string name = swap ? "transposed weight" : "permuted weight";
        const Shape seen{std::vector<std::int64_t>(dims)};
        add(name, "its memory read as " + axes_text(order) + " where it is OIHW",
            [seen, back](const Exact& w) {
                return permuted(reshaped_copy(w, seen), back).reshaped(w.shape());
            });
        add(name, "turned to " + axes_text(order) + " and read as OIHW",
            [order](const Exact& w) { return permuted(w, order).reshaped(w.shape()); });
    }
    if (weight[2] * weight[3] > 1) {
        add("permuted weight", "the kernel turned by 180 degrees", [](const Exact& w) {
            auto turned = w.clone();
            const auto area = w.dim(2) * w.dim(3);
            for (std::int64_t i = 0; i < w.numel(); i += area) {
                std::reverse(turned.data() + i, turned.data() + i + area);
            }
            return turned;
        });
    }
}

inline void suspect_matrix(const Suspect& suspect, const Shape& weight, Hypotheses& found) {
    if (weight[0] == 1 || weight[1] == 1) return;
    found.push_back({{"transposed weight", "its memory read as [in, out]"},
                     changed(suspect, [&](Step& step) {
                         step.weight_change = [](const Exact& w) {
                             const std::vector<std::size_t> axes{1, 0};
                             return permuted(reshaped_copy(w, {w.dim(1), w.dim(0)}), axes);
                         };
                     })});
}

/// The parameters of another layer that has the same shapes.
inline void suspect_swap(const Suspect& suspect, Hypotheses& found) {
    const auto& parameters = suspect.replay->parameters();
    const auto& path = suspect.step->module;
    const auto& modules = suspect.replay->reference().modules;
    const auto* const weight = parameters(path + ".weight");
    const auto own = modules.find(path);
    if (weight == nullptr || own == modules.end()) return;
    for (const auto& entry : modules) {
        const auto& other = entry.first;
        if (other == path || entry.second.class_name != own->second.class_name) continue;
        const auto* const its = parameters(other + ".weight");
        if (its == nullptr || its->shape() != weight->shape()) continue;
        found.push_back(
            {{"swapped modules", "the parameters of " + other + " where its own are right"},
             changed(suspect, [&](Step& step) { step.module = other; })});
    }
}

/// All of it.
inline void suspect_layer(const Suspect& suspect, const Exact& x, Hypotheses& found) {
    const auto& input = x.shape();
    const auto& step = *suspect.step;
    const auto* const weight = suspect.replay->parameters()(step.module + ".weight");
    switch (step.op) {
    case Step::Op::group_norm:
        suspect_norm(suspect, largest_size(x), found);
        suspect_swap(suspect, found);
        break;
    case Step::Op::conv2d:
        suspect_padding(suspect, input, found);
        if (weight != nullptr) suspect_kernel(suspect, weight->shape(), found);
        suspect_swap(suspect, found);
        break;
    case Step::Op::linear:
        if (weight != nullptr) suspect_matrix(suspect, weight->shape(), found);
        suspect_swap(suspect, found);
        break;
    case Step::Op::pad:
        suspect_padding(suspect, input, found);
        break;
    default:
        break;
    }
}

/// All parameters of a block: those of another one of its class.
[[nodiscard]] inline Hypotheses swapped_blocks(const Replay& replay, const Region& region) {
    Hypotheses found;
    const auto& modules = replay.reference().modules;
    const auto& parameters = replay.parameters();
    for (const auto& [path, module] : modules) {
        const auto inside = path + ".";
        if (path.empty() || !path_of(region.back()).starts_with(path)) continue;
        for (const auto& [other, its] : modules) {
            if (other == path || its.class_name != module.class_name) continue;
            std::vector<Edit> edits;
            for (const auto& node : region) {
                auto step = *replay.graph().step(node);
                if (!step.module.starts_with(inside)) continue;
                step.module = other + step.module.substr(path.size());
                if (parameters(step.module + ".weight") == nullptr) continue;
                edits.push_back({.node = node, .step = std::move(step)});
            }
            if (edits.size() < 2) continue;
            found.push_back({{"swapped modules", "the parameters of " + other +
                                                     " where those of " + path + " are right"},
                             std::move(edits)});
        }
    }
    return found;
}

} // namespace latent::detail
