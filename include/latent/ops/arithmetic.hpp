#pragma once

#include "latent/ops/activation.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

/// Element-wise arithmetic. Each op takes by value the operand whose memory becomes the result.

namespace latent {

namespace reference {

/// fn(x) for every element, computed in double and rounded once.
template <class S, class Fn>
[[nodiscard]] Tensor<Cpu<S>> map(const Tensor<Cpu<S>>& x, Fn fn) {
    Tensor<Cpu<S>> y(x.shape());
    std::ranges::transform(x.values(), y.data(), [&](S value) {
        return static_cast<S>(fn(static_cast<double>(value)));
    });
    return y;
}

} // namespace reference

namespace detail {

template <class S, class Fn>
[[nodiscard]] Tensor<Cpu<S>> map_in_place(Tensor<Cpu<S>> x, Fn fn) {
    for_blocks(x.numel(), [&](std::int64_t first, std::int64_t count) {
        for (auto& value : x.values().subspan(static_cast<std::size_t>(first),
                                              static_cast<std::size_t>(count))) {
            value = fn(value);
        }
    });
    return x;
}

} // namespace detail

/// x + y, element by element; both have one shape. Parity: torch.add.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> add(Tensor<Cpu<S>> x, const Tensor<Cpu<S>>& y) {
    require_same_shape("add", x, y);
    detail::for_blocks(x.numel(), [&](std::int64_t first, std::int64_t count) {
        detail::as_array(x.data() + first, count) += detail::as_array(y.data() + first, count);
    });
    return x;
}
[[nodiscard]] inline Tensor<Meta> add(Tensor<Meta> x, const Tensor<Meta>& y) {
    require_same_shape("add", x, y);
    return x;
}

/// x * y, element by element; both have one shape. Parity: torch.mul.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> multiply(Tensor<Cpu<S>> x, const Tensor<Cpu<S>>& y) {
    require_same_shape("multiply", x, y);
    detail::for_blocks(x.numel(), [&](std::int64_t first, std::int64_t count) {
        detail::as_array(x.data() + first, count) *= detail::as_array(y.data() + first, count);
    });
    return x;
}
[[nodiscard]] inline Tensor<Meta> multiply(Tensor<Meta> x, const Tensor<Meta>& y) {
    require_same_shape("multiply", x, y);
    return x;
}

/// x * factor + offset, the product rounded before the sum as torch's mul and add do it.
/// Parity: x.mul(factor).add(offset).
template <class S>
[[nodiscard]] Tensor<Cpu<S>> scale(Tensor<Cpu<S>> x, double factor, double offset = 0) {
    const auto a = static_cast<S>(factor);
    const auto b = static_cast<S>(offset);
    detail::for_blocks(x.numel(), [&](std::int64_t first, std::int64_t count) {
        detail::as_array(x.data() + first, count) *= a;
        if (offset != 0) detail::as_array(x.data() + first, count) += b;
    });
    return x;
}
[[nodiscard]] inline Tensor<Meta> scale(Tensor<Meta> x, double, double = 0) { return x; }

/// scale() into a new tensor: x stays as it is.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> scaled(const Tensor<Cpu<S>>& x, double factor, double offset = 0) {
    Tensor<Cpu<S>> y(x.shape());
    detail::for_blocks(x.numel(), [&](std::int64_t first, std::int64_t count) {
        std::copy_n(x.data() + first, count, y.data() + first);
    });
    return scale(std::move(y), factor, offset);
}
[[nodiscard]] inline Tensor<Meta> scaled(const Tensor<Meta>& x, double, double = 0) {
    return Tensor<Meta>(x.shape());
}

/// tanh(x). Parity: torch.tanh.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> tanh(Tensor<Cpu<S>> x) {
    return detail::map_in_place(std::move(x), [](S value) { return std::tanh(value); });
}
[[nodiscard]] inline Tensor<Meta> tanh(Tensor<Meta> x) { return x; }

/// The exponential function. Parity: torch.exp.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> exp(Tensor<Cpu<S>> x) {
    return detail::map_in_place(std::move(x), [](S value) { return std::exp(value); });
}
[[nodiscard]] inline Tensor<Meta> exp(Tensor<Meta> x) { return x; }

/// The square root; NaN below 0. Parity: torch.sqrt.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> sqrt(Tensor<Cpu<S>> x) {
    return detail::map_in_place(std::move(x), [](S value) { return std::sqrt(value); });
}
[[nodiscard]] inline Tensor<Meta> sqrt(Tensor<Meta> x) { return x; }

/// x limited to [low, high]; NaN stays NaN. Parity: torch.clamp.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> clamp(Tensor<Cpu<S>> x, double low, double high) {
    const auto a = static_cast<S>(low);
    const auto b = static_cast<S>(high);
    return detail::map_in_place(std::move(x), [=](S value) {
        return value < a ? a : b < value ? b : value;
    });
}
[[nodiscard]] inline Tensor<Meta> clamp(Tensor<Meta> x, double, double) { return x; }

} // namespace latent
