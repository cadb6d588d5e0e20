#pragma once

#include "latent/ops/attention.hpp"
#include "latent/ops/conv2d.hpp"
#include "latent/ops/group_norm.hpp"
#include "latent/ops/interpolate.hpp"
#include "latent/ops/leaky_relu.hpp"
#include "latent/ops/linear.hpp"
#include "latent/ops/pad.hpp"
#include "latent/ops/upsample_nearest.hpp"
#include "latent/tensor/devices.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// The steps that a network's values are made by, as data: so that they can be computed again
/// on other values, and with one thing about them changed.

namespace latent {

/// A value of float64, which all comparing is done in.
using Exact = Tensor<Cpu<double>>;

/// A parameter by its full name, or nullptr where there is none.
using Parameters = std::function<const Exact*(const std::string&)>;

/// One step: from the values named `sources` to another. Which of the fields below count, the
/// operation says.
struct Step {
    enum class Op {
        pass,       ///< the value itself, in another shape
        activation, ///< act
        leaky_relu, ///< slope
        affine,     ///< factor x + offset
        limit,      ///< 3 tanh(x / 3), as AutoencoderTiny begins
        permute,    ///< seen as `view`, its axes in the order `axes`
        upsample,   ///< times `times`, by `mode`
        pad,        ///< zeros, `padding`
        sum,        ///< of two sources
        attention,  ///< of q, k, v: `heads`, `factor` for the scale
        group_norm, ///< `groups`, `eps`; parameters of `module`
        conv2d,     ///< `stride`, `padding`; parameters of `module`
        linear,     ///< parameters of `module`
        function    ///< `function` of the sources: what only mistakes do
    };

    Op op = Op::pass;
    std::vector<std::string> sources = {};
    Shape shape = {}; ///< of the result
    std::string module = {};

    Activation act = Activation::none;
    double slope = 0, factor = 1, offset = 0, eps = 0;
    Shape view = {};
    std::vector<std::size_t> axes = {};
    Interpolation mode = Interpolation::nearest;
    std::int64_t times = 1, heads = 1, groups = 1;
    std::array<std::int64_t, 2> stride{1, 1};
    Padding padding{};
    /// How the weight of a convolution or a linear layer is looked at, when it is not as it is.
    std::function<Exact(const Exact&)> weight_change = {};
    std::function<Exact(std::span<const Exact* const>)> function = {};

    [[nodiscard]] bool is_product() const { return op == Op::conv2d || op == Op::linear; }
};

namespace detail {

[[nodiscard]] inline Exact reshaped_copy(const Exact& x, Shape shape) {
    return x.clone().reshaped(std::move(shape));
}

/// x with its axes in another order: y's axis i is x's axes[i].
[[nodiscard]] inline Exact permuted(const Exact& x, std::span<const std::size_t> axes) {
    const auto rank = axes.size();
    std::vector<std::int64_t> strides(rank, 1), dims, steps;
    for (std::size_t axis = rank; axis-- > 1;) strides[axis - 1] = strides[axis] * x.dim(axis);
    for (const auto axis : axes) {
        dims.push_back(x.dim(axis));
        steps.push_back(strides[axis]);
    }
    Exact y(Shape{std::vector<std::int64_t>(dims)});
    std::vector<std::int64_t> index(rank, 0);
    std::int64_t from = 0;
    for (auto& value : y.values()) {
        value = x.data()[from];
        for (std::size_t axis = rank; axis-- > 0;) {
            from += steps[axis];
            if (++index[axis] < dims[axis]) break;
            from -= steps[axis] * dims[axis];
            index[axis] = 0;
        }
    }
    return y;
}

[[nodiscard]] inline Exact step_weight(const Step& step, const Parameters& parameters) {
    const auto* const weight = parameters(step.module + ".weight");
    if (weight == nullptr) fail(step.module, "no weight", "a recording with parameters");
    return step.weight_change ? step.weight_change(*weight) : weight->clone();
}
[[nodiscard]] inline std::optional<Exact> step_bias(const Step& step,
                                                    const Parameters& parameters) {
    const auto* const bias = parameters(step.module + ".bias");
    if (bias == nullptr) return std::nullopt;
    return bias->clone();
}

[[nodiscard]] inline Exact normed(const Step& step, const Exact& x,
                                  const Parameters& parameters) {
    const auto* const weight = parameters(step.module + ".weight");
    const auto* const bias = parameters(step.module + ".bias");
    if (x.shape().rank() < 2) fail(step.module, to_string(x.shape()), "a shape [N, C, ...]");
    const auto channels = x.dim(1);
    Exact ones({channels}), zeros({channels});
    std::ranges::fill(ones.values(), 1);
    std::ranges::fill(zeros.values(), 0);
    const auto pixels = x.numel() / std::max<std::int64_t>(x.dim(0) * channels, 1);
    return group_norm(reshaped_copy(x, {x.dim(0), channels, pixels, 1}),
                      weight ? *weight : ones, bias ? *bias : zeros, step.groups, step.eps);
}

} // namespace detail

/// Computes the step.
[[nodiscard]] inline Exact compute(const Step& step, std::span<const Exact* const> inputs,
                                   const Parameters& parameters) {
    const auto& x = *inputs[0];
    auto result = [&]() -> Exact {
        switch (step.op) {
        case Step::Op::pass:
            return x.clone();
        case Step::Op::activation:
            return activation(step.act, x.clone());
        case Step::Op::leaky_relu:
            return leaky_relu(x.clone(), step.slope);
        case Step::Op::affine:
            return scaled(x, step.factor, step.offset);
        case Step::Op::limit:
            return scale(tanh(scaled(x, 1.0 / 3)), 3);
        case Step::Op::permute:
            return detail::permuted(detail::reshaped_copy(x, step.view), step.axes);
        case Step::Op::upsample:
            return interpolate(x, step.times, step.mode);
        case Step::Op::pad:
            return pad(x, step.padding);
        case Step::Op::sum:
            return add(x.clone(), *inputs[1]);
        case Step::Op::attention: {
            const auto width = static_cast<double>(x.dim(2) / step.heads);
            const auto q = scaled(x, step.factor * std::sqrt(width));
            return scaled_dot_product_attention(q, *inputs[1], *inputs[2], step.heads);
        }
        case Step::Op::group_norm:
            return detail::normed(step, x, parameters);
        case Step::Op::conv2d:
            return conv2d(
                x, Conv2dKernel<Cpu<double>>(detail::step_weight(step, parameters),
                                             detail::step_bias(step, parameters),
                                             {.stride = step.stride, .padding = step.padding}));
        case Step::Op::linear: {
            auto bias = detail::step_bias(step, parameters);
            return linear(x, detail::step_weight(step, parameters),
                          bias ? std::move(*bias) : Exact());
        }
        case Step::Op::function:
            return step.function(inputs);
        }
        return x.clone();
    }();
    return std::move(result).reshaped(step.shape);
}

/// One element of a product, and how large its parts are: what rounding works on.
struct ProductElement {
    double value = 0, sum_of_sizes = 0, sum_of_squares = 0;
};

namespace detail {

/// Throws Error unless the shapes of a product are those of its step: a recording may say
/// anything.
inline void require_product(const Step& step, const Exact& x, const Exact& weight,
                            const Exact* bias) {
    auto fits =
        weight.shape().rank() > 0 && (bias == nullptr || bias->shape() == Shape{weight.dim(0)});
    if (step.op == Step::Op::linear) {
        fits = fits && weight.shape().rank() == 2 && x.shape().rank() > 0 &&
               x.dim(x.shape().rank() - 1) == weight.dim(1) && weight.dim(1) > 0 &&
               step.shape.numel() == x.numel() / weight.dim(1) * weight.dim(0);
    } else {
        const Conv2dGeometry geometry(weight.shape(),
                                      {.stride = step.stride, .padding = step.padding});
        fits = fits && geometry.output_shape(x.shape(), 1) == step.shape;
    }
    if (fits) return;
    fail(step.module, to_string(x.shape()) + " and a weight " + to_string(weight.shape()),
         "shapes that give " + to_string(step.shape));
}

} // namespace detail

/// The elements of a convolution or a linear layer at some places of its result, by the
/// definition: so that trying a change costs little, however large the image is.
[[nodiscard]] inline std::vector<ProductElement>
compute_at(const Step& step, const Exact& x, const Exact& weight, const Exact* bias,
           std::span<const std::int64_t> places) {
    detail::require_product(step, x, weight, bias);
    std::vector<ProductElement> elements;
    elements.reserve(places.size());
    const auto outputs = weight.dim(0), inputs = weight.dim(1);
    const auto take = [](ProductElement& e, double product) {
        e.value += product;
        e.sum_of_sizes += std::abs(product);
        e.sum_of_squares += product * product;
    };
    for (const auto place : places) {
        ProductElement e;
        std::int64_t out = 0;
        if (step.op == Step::Op::linear) {
            out = place % outputs;
            const auto* const row = x.data() + place / outputs * inputs;
            for (std::int64_t i = 0; i < inputs; ++i) {
                take(e, row[i] * weight.data()[out * inputs + i]);
            }
        } else {
            const auto H = x.dim(2), W = x.dim(3), KH = weight.dim(2), KW = weight.dim(3);
            const auto OH = step.shape[2], OW = step.shape[3];
            const auto column = place % OW, row = place / OW % OH;
            const auto image = place / (OW * OH * outputs);
            out = place / (OW * OH) % outputs;
            const auto top = row * step.stride[0] - step.padding.top;
            const auto left = column * step.stride[1] - step.padding.left;
            for (std::int64_t c = 0; c < inputs; ++c) {
                const auto* const plane = x.data() + (image * inputs + c) * H * W;
                const auto* const kernel = weight.data() + (out * inputs + c) * KH * KW;
                for (std::int64_t i = 0; i < KH; ++i) {
                    for (std::int64_t j = 0; j < KW; ++j) {
                        const auto h = top + i, w = left + j;
                        if (h < 0 || h >= H || w < 0 || w >= W) continue;
                        take(e, plane[h * W + w] * kernel[i * KW + j]);
                    }
                }
            }
        }
        if (bias != nullptr) take(e, bias->data()[out]);
        elements.push_back(e);
    }
    return elements;
}

} // namespace latent
