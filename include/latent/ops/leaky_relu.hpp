#pragma once

#include "latent/ops/activation.hpp"

#include <algorithm>
#include <cstdint>

namespace latent {

namespace reference {

/// y = x where x > 0, else x negative_slope. The slope is of the tensor's own precision, as
/// torch has it: 0.1 in float is not quite a tenth.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> leaky_relu(const Tensor<Cpu<S>>& x, double negative_slope) {
    Tensor<Cpu<S>> y(x.shape());
    const auto slope = static_cast<double>(static_cast<S>(negative_slope));
    std::ranges::transform(x.values(), y.data(), [slope](S value) {
        return value > 0 ? value : static_cast<S>(static_cast<double>(value) * slope);
    });
    return y;
}

} // namespace reference

/// max(x, 0) + negative_slope min(x, 0), element by element: relu that lets a little of what is
/// negative through. x, any shape -> y, same shape (x's own memory). NaN stays NaN.
/// Source: Maas et al. 2013, "Rectifier nonlinearities improve neural network acoustic models".
/// Parity: torch.nn.functional.leaky_relu, whose default slope is 0.01; the same bits.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> leaky_relu(Tensor<Cpu<S>> x, double negative_slope = 0.01) {
    const auto slope = static_cast<S>(negative_slope);
    detail::for_blocks(x.numel(), [&](std::int64_t first, std::int64_t count) {
        S* const run = x.data() + first;
        for (std::int64_t i = 0; i < count; ++i) run[i] *= run[i] > 0 ? S{1} : slope;
    });
    return x;
}
[[nodiscard]] inline Tensor<Meta> leaky_relu(Tensor<Meta> x, double = 0.01) { return x; }

} // namespace latent
