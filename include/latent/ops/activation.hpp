#pragma once

#include "latent/ops/activation_kind.hpp"
#include "latent/ops/simd/kernels.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/parallel.hpp"

#include <Eigen/Core>

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace latent {

namespace detail {

/// Elements that one worker takes at a time: fixed, so that results never depend on the
/// threads.
inline constexpr std::int64_t elementwise_block = 16384;

/// Calls body(first, count) over blocks of `numel` elements, in parallel.
template <class Body>
void for_blocks(std::int64_t numel, const Body& body) {
    const auto blocks = (numel + elementwise_block - 1) / elementwise_block;
    parallel_for(blocks, [&](std::int64_t block, int) {
        const auto first = block * elementwise_block;
        body(first, std::min(elementwise_block, numel - first));
    });
}

/// A run of elements as an Eigen array.
template <class S>
[[nodiscard]] auto as_array(S* data, std::int64_t count) {
    using Array = Eigen::Array<std::remove_const_t<S>, Eigen::Dynamic, 1>;
    using Mapped = std::conditional_t<std::is_const_v<S>, const Array, Array>;
    return Eigen::Map<Mapped>(data, count);
}

} // namespace detail

namespace reference {

/// Element by element, from the definition.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> activation(Activation kind, const Tensor<Cpu<S>>& x) {
    Tensor<Cpu<S>> y(x.shape());
    std::ranges::transform(x.values(), y.data(), [kind](S value) {
        return static_cast<S>(activate(kind, static_cast<double>(value)));
    });
    return y;
}

} // namespace reference

/// The activation `kind` of every element. x, any shape -> y, same shape (x's own memory).
/// Parity: torch.nn.functional.relu, silu, mish, gelu.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> activation(Activation kind, Tensor<Cpu<S>> x) {
    const auto& simd = detail::kernels<S>();
    detail::for_blocks(x.numel(), [&](std::int64_t first, std::int64_t count) {
        simd.activate_run(kind, x.data() + first, count);
    });
    return x;
}
[[nodiscard]] inline Tensor<Meta> activation(Activation, Tensor<Meta> x) { return x; }

/// max(x, 0). Parity: torch.nn.functional.relu.
template <class Device>
[[nodiscard]] Tensor<Device> relu(Tensor<Device> x) {
    return activation(Activation::relu, std::move(x));
}

/// x sigmoid(x). Parity: torch.nn.functional.silu.
template <class Device>
[[nodiscard]] Tensor<Device> silu(Tensor<Device> x) {
    return activation(Activation::silu, std::move(x));
}

} // namespace latent
