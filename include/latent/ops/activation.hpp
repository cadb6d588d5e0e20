#pragma once

#include "latent/tensor/devices.hpp"
#include "latent/tensor/parallel.hpp"

#include <Eigen/Core>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace latent {

/// The activation functions that config.json can name in `act_fn`, and none.
/// Parity: diffusers.models.activations.get_activation.
enum class Activation { none, relu, silu, mish, gelu };

/// The activation that a config's `act_fn` names: relu, silu (or swish), mish, gelu.
[[nodiscard]] inline Activation activation_named(std::string_view name) {
    if (name == "relu") return Activation::relu;
    if (name == "silu" || name == "swish") return Activation::silu;
    if (name == "mish") return Activation::mish;
    if (name == "gelu") return Activation::gelu;
    fail("act_fn", "'" + std::string(name) + "'", "relu, silu, swish, mish or gelu");
}

/// One value through an activation, in double precision: the definition.
///   relu  max(x, 0)          silu  x / (1 + exp(-x))       (torch.nn.SiLU, "swish")
///   mish  x tanh(ln(1 + exp(x)))                            (Misra 2019, arXiv:1908.08681)
///   gelu  x/2 (1 + erf(x / sqrt 2))                         (Hendrycks 2016, arXiv:1606.08415)
/// NaN stays NaN.
[[nodiscard]] inline double activate(Activation kind, double x) {
    switch (kind) {
    case Activation::relu:
        return x < 0 ? 0 : x;
    case Activation::silu:
        return x / (1 + std::exp(-x));
    case Activation::mish:
        return x * std::tanh(std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))));
    case Activation::gelu:
        return x / 2 * (1 + std::erf(x * std::numbers::sqrt2 / 2));
    case Activation::none:
        break;
    }
    return x;
}

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

/// silu of `count` elements, in place. Whole registers at a time to the very end: were the last
/// few computed one by one, with another exp, a value's bits would depend on where it stands.
template <class S>
void silu_run(S* data, std::int64_t count) {
    // Below this exp(-x) overflows, and Eigen's exp may give a large number in place of
    // infinity.
    constexpr S lowest = sizeof(S) == 4 ? S{-104} : S{-746};
    constexpr std::int64_t block = 256;
    alignas(64) std::array<S, block> exponential;
    for (std::int64_t first = 0; first < count; first += block) {
        const auto size = std::min(block, count - first);
        const auto padded = (size + 15) / 16 * 16;
        S* x = data + first;
        std::copy_n(x, size, exponential.data());
        std::fill(exponential.data() + size, exponential.data() + padded, S{0});
        auto e = as_array(exponential.data(), padded);
        e = (-e).exp();
        for (std::int64_t i = 0; i < size; ++i) {
            x[i] = x[i] < lowest ? x[i] * S{0} : x[i] / (S{1} + e[i]);
        }
    }
}

/// `count` elements through an activation, in place.
template <class S>
void activate_run(Activation kind, S* data, std::int64_t count) {
    switch (kind) {
    case Activation::none:
        return;
    case Activation::relu:
        for (std::int64_t i = 0; i < count; ++i) data[i] = data[i] < S{0} ? S{0} : data[i];
        return;
    case Activation::silu:
        silu_run(data, count);
        return;
    case Activation::mish:
    case Activation::gelu:
        for (std::int64_t i = 0; i < count; ++i) {
            data[i] = static_cast<S>(activate(kind, static_cast<double>(data[i])));
        }
        return;
    }
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
    detail::for_blocks(x.numel(), [&](std::int64_t first, std::int64_t count) {
        detail::activate_run(kind, x.data() + first, count);
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
