#pragma once

#include "latent/parity/hypothesis.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// What goes wrong between layers: activations, enlarging, the order of the axes, the order of
/// the modules.

namespace latent::detail {

[[nodiscard]] inline std::string name_of(Activation act) {
    switch (act) {
    case Activation::relu:
        return "ReLU";
    case Activation::silu:
        return "SiLU";
    case Activation::mish:
        return "Mish";
    case Activation::gelu:
        return "GELU";
    case Activation::none:
        break;
    }
    return "activation";
}

/// An activation that is not there, or twice, or where there should be none.
inline void suspect_activation(const Suspect& suspect, const Shape& input, Hypotheses& found) {
    const auto& step = *suspect.step;
    if (step.op == Step::Op::activation || step.op == Step::Op::leaky_relu) {
        const auto name =
            step.op == Step::Op::activation ? name_of(step.act) : std::string("LeakyReLU");
        found.push_back({{"missing activation", "no " + name + " in front of it"},
                         changed(suspect, [](Step& other) { other.op = Step::Op::pass; })});
        auto twice = changed(suspect, [](Step&) {});
        twice.after = {step};
        found.push_back({{"doubled activation", name + " twice"}, std::move(twice)});
        return;
    }
    for (const auto act : {Activation::silu, Activation::relu, Activation::gelu}) {
        const auto name = name_of(act);
        auto behind = changed(suspect, [](Step&) {});
        behind.after = {{.op = Step::Op::activation, .shape = step.shape, .act = act}};
        found.push_back({{"doubled activation", "a " + name + " too many behind it"}, behind});
        if (!step.is_product()) continue;
        auto before = changed(suspect, [](Step&) {});
        before.before = {{.op = Step::Op::activation, .shape = input, .act = act}};
        found.push_back({{"doubled activation", "a " + name + " too many in front of it"},
                         std::move(before)});
    }
}

/// Other ways to enlarge an image. `at` tells which pixel of the small image is shown at y, x.
template <class At>
[[nodiscard]] Exact enlarged(const Exact& x, std::int64_t times, const At& at) {
    const auto H = x.dim(2), W = x.dim(3);
    Exact y({x.dim(0), x.dim(1), times * H, times * W});
    for (std::int64_t plane = 0; plane < x.dim(0) * x.dim(1); ++plane) {
        for (std::int64_t i = 0; i < times * H; ++i) {
            for (std::int64_t j = 0; j < times * W; ++j) {
                y.data()[(plane * times * H + i) * times * W + j] =
                    at(x.data() + plane * H * W, i, j);
            }
        }
    }
    return y;
}

inline void suspect_upsampling(const Suspect& suspect, const Shape& input, Hypotheses& found) {
    const auto& step = *suspect.step;
    if (step.op != Step::Op::upsample || input.rank() != 4) return;
    const auto H = input[2], W = input[3], times = step.times;
    const auto add = [&](const std::string& detail, Edit edit) {
        found.push_back({{"wrong upsampling", detail}, std::move(edit)});
    };
    const auto add_pixels = [&](const std::string& detail, auto at) {
        auto edit = changed(suspect, [&](Step& other) {
            const auto sources = other.sources;
            other = function_step(
                step.shape, [times, at](const Exact& x) { return enlarged(x, times, at); });
            other.sources = sources;
        });
        add(detail, std::move(edit));
    };
    for (const auto mode :
         {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic}) {
        if (mode == step.mode) continue;
        const auto* const name = mode == Interpolation::nearest    ? "nearest"
                                 : mode == Interpolation::bilinear ? "bilinear"
                                                                   : "bicubic";
        add(name, changed(suspect, [&](Step& other) { other.mode = mode; }));
    }
    const auto corners = [H, W, times](const double* plane, std::int64_t i, std::int64_t j) {
        const auto part = [](std::int64_t at, std::int64_t size, std::int64_t large) {
            return size < 2
                       ? 0.0
                       : static_cast<double>(at * (size - 1)) / static_cast<double>(large - 1);
        };
        const auto y = part(i, H, times * H), x = part(j, W, times * W);
        const auto top =
            std::min(static_cast<std::int64_t>(y), std::max<std::int64_t>(H - 2, 0));
        const auto left =
            std::min(static_cast<std::int64_t>(x), std::max<std::int64_t>(W - 2, 0));
        const auto below = std::min(top + 1, H - 1), right = std::min(left + 1, W - 1);
        const auto dy = y - static_cast<double>(top), dx = x - static_cast<double>(left);
        return (1 - dy) * ((1 - dx) * plane[top * W + left] + dx * plane[top * W + right]) +
               dy * ((1 - dx) * plane[below * W + left] + dx * plane[below * W + right]);
    };
    add_pixels("bilinear with align_corners", corners);
    add_pixels("the whole image side by side",
               [H, W](const double* p, auto i, auto j) { return p[i % H * W + j % W]; });
    add_pixels("zeros between the pixels", [W, times](const double* p, auto i, auto j) {
        return i % times == 0 && j % times == 0 ? p[i / times * W + j / times] : 0.0;
    });
    add_pixels("nearest, half a pixel later", [H, W, times](const double* p, auto i, auto j) {
        return p[std::min((i + times / 2) / times, H - 1) * W +
                 std::min((j + times / 2) / times, W - 1)];
    });
    add_pixels("nearest, half a pixel earlier", [W, times](const double* p, auto i, auto j) {
        return p[std::max<std::int64_t>(i - times / 2, 0) / times * W +
                 std::max<std::int64_t>(j - times / 2, 0) / times];
    });
}

/// A tensor whose memory is taken for that of another layout.
struct Misreading {
    std::string detail;
    std::function<Exact(const Exact&)> change;
};

[[nodiscard]] inline Misreading misread(std::string detail, std::vector<std::int64_t> view,
                                        std::vector<std::size_t> axes) {
    return {std::move(detail),
            [view = std::move(view), axes = std::move(axes)](const Exact& x) {
                return permuted(reshaped_copy(x, Shape(view)), axes).reshaped(x.shape());
            }};
}

[[nodiscard]] inline std::vector<Misreading> misreadings(const Shape& shape) {
    std::vector<Misreading> ways;
    if (shape.rank() == 4) {
        const auto N = shape[0], C = shape[1], H = shape[2], W = shape[3];
        ways.push_back(misread("memory in nhwc read as nchw", {N, C, H, W}, {0, 2, 3, 1}));
        ways.push_back(misread("memory in nchw read as nhwc", {N, H, W, C}, {0, 3, 1, 2}));
        ways.push_back(
            misread("height and width have changed places", {N, C, H, W}, {0, 1, 3, 2}));
        ways.push_back(misread("rows and columns of the memory have changed places",
                               {N, C, W, H}, {0, 1, 3, 2}));
        ways.push_back(
            misread("channels and height have changed places", {N, C, H, W}, {0, 2, 1, 3}));
    } else if (shape.rank() == 3) {
        const auto N = shape[0], A = shape[1], B = shape[2];
        ways.push_back(misread("its last two axes have changed places", {N, A, B}, {0, 2, 1}));
        ways.push_back(
            misread("its memory read with the last two axes changed", {N, B, A}, {0, 2, 1}));
        for (const auto rows : divisors(A)) {
            if (rows == 1 || rows == A) continue;
            ways.push_back(
                misread("tokens column by column", {N, rows, A / rows, B}, {0, 2, 1, 3}));
        }
        for (const auto rows : divisors(B)) {
            if (rows == 1 || rows == B) continue;
            ways.push_back(misread("the last axis in another order", {N, A, rows, B / rows},
                                   {0, 1, 3, 2}));
        }
    }
    return ways;
}

inline void suspect_layout(const Suspect& suspect, const Shape& input, Hypotheses& found) {
    const auto& step = *suspect.step;
    const auto add = [&](const std::string& detail, Edit edit) {
        found.push_back({{"wrong layout", detail}, std::move(edit)});
    };
    if (step.op == Step::Op::permute) {
        add("its memory is taken as it lies",
            changed(suspect, [](Step& other) { other.op = Step::Op::pass; }));
    }
    for (const auto& way : misreadings(input)) {
        auto edit = changed(suspect, [](Step&) {});
        edit.before = {function_step(input, way.change)};
        add("of its input: " + way.detail, std::move(edit));
    }
    for (const auto& way : misreadings(step.shape)) {
        auto edit = changed(suspect, [](Step&) {});
        edit.after = {function_step(step.shape, way.change)};
        add("of its output: " + way.detail, std::move(edit));
    }
}

/// Modules in another order: the step works on what should come later.
inline void suspect_order(const Suspect& suspect, Hypotheses& found) {
    const auto& order = suspect.replay->reference().order;
    const auto& graph = suspect.replay->graph();
    constexpr std::size_t furthest = 32;
    for (std::size_t i = 0; i < suspect.step->sources.size(); ++i) {
        const auto& right = suspect.step->sources[i];
        const auto at = std::ranges::find(order, right);
        if (at == order.end()) continue;
        const auto shape = suspect.replay->reference().shape(right);
        std::size_t passed = 0;
        for (auto later = at + 1; later != order.end() && passed < furthest;
             ++later, ++passed) {
            const auto& name = *later;
            const auto* const made = graph.step(name);
            const bool twin = made != nullptr && made->op == Step::Op::pass;
            if (name == suspect.region->back() || twin || !suspect.replay->has(name) ||
                suspect.replay->reference().shape(name) != shape) {
                continue;
            }
            found.push_back(
                {{"swapped modules", "works on the output of " + name + " where that of " +
                                         path_of(right) + " is right"},
                 changed(suspect, [&](Step& other) { other.sources[i] = name; })});
        }
    }
}

} // namespace latent::detail
