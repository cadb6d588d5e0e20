/// The stored cases of reference_data/ops/conv2d.safetensors, and their inputs.
#pragma once

#include "support/golden.hpp"

#include <latent/ops/conv2d.hpp>

#include <optional>
#include <string>
#include <vector>

namespace latent::test {

/// A row `NAME.case` of generate/ops.py.
struct Conv2dCase {
    std::string name;
    Shape x, weight;
    Conv2dOptions options;
    bool bias = false, add = false;
    std::int64_t upsample = 1;
    Activation activation = Activation::none;
    std::uint64_t seed = 0;
};

[[nodiscard]] inline std::vector<Conv2dCase> conv2d_cases(const Golden& golden) {
    std::vector<Conv2dCase> cases;
    for (const auto& name : golden.cases()) {
        const auto n = golden.numbers(name + ".case");
        if (n.size() != 18) fail("conv2d cases", name, "18 numbers");
        cases.push_back(
            {.name = name,
             .x = {n[0], n[1], n[2], n[3]},
             .weight = {n[4], n[1], n[5], n[6]},
             .options = {.stride = {n[7], n[8]}, .padding = {n[9], n[10], n[11], n[12]}},
             .bias = n[13] != 0,
             .add = n[15] != 0,
             .upsample = n[14],
             .activation = static_cast<Activation>(n[16]),
             .seed = static_cast<std::uint64_t>(n[17])});
    }
    return cases;
}

/// The tensors of a case, in the order in which they are drawn.
template <class S>
struct Conv2dInputs {
    Tensor<Cpu<S>> x, weight, bias, add;

    explicit Conv2dInputs(const Conv2dCase& c) {
        Generator random(c.seed);
        const auto draw = [&](const Shape& shape) { return as<S>(uniform(random, shape)); };
        x = draw(c.x), weight = draw(c.weight);
        if (c.bias) bias = draw({c.weight[0]});
        const Conv2dGeometry geometry(c.weight, c.options);
        if (c.add) add = draw(geometry.output_shape(c.x, c.upsample));
    }

    [[nodiscard]] Conv2dKernel<Cpu<S>> kernel(const Conv2dCase& c) const {
        std::optional<Tensor<Cpu<S>>> own;
        if (c.bias) own = bias.clone();
        return {weight, std::move(own), c.options};
    }
    /// In one call.
    [[nodiscard]] Tensor<Cpu<S>> fused(const Conv2dCase& c) const {
        return conv2d(x, kernel(c),
                      {.upsample = c.upsample,
                       .add = c.add ? &add : nullptr,
                       .activation = c.activation});
    }
    /// Step by step, after `convolution(x)`.
    template <class Convolution>
    [[nodiscard]] Tensor<Cpu<S>> composed(const Conv2dCase& c,
                                          const Convolution& convolution) const {
        auto y = convolution(upsample_nearest(x, c.upsample));
        if (c.add) y = latent::add(std::move(y), add);
        return activation(c.activation, std::move(y));
    }
};

} // namespace latent::test
