/// How close a tensor is to the truth, which is always in float64.
#pragma once

#include <latent/tensor/devices.hpp>
#include <latent/tensor/tensor.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <span>
#include <string>

namespace latent::test {

/// The distance from a truth. Both numbers are NaN, which no bound accepts, where a value is
/// NaN or infinite on either side, or where the shapes differ. So tests ask `relative <=
/// bound`.
struct Closeness {
    double relative = std::numeric_limits<double>::quiet_NaN(); ///< L2 norm of error / of truth
    double largest = std::numeric_limits<double>::quiet_NaN();  ///< the largest absolute error
    std::string text; ///< both numbers, or what stood in the way
};

template <class A, class B>
[[nodiscard]] Closeness closeness(std::span<const A> got, std::span<const B> truth) {
    if (got.size() != truth.size()) {
        return {.text = std::to_string(got.size()) + " values, expected " +
                        std::to_string(truth.size())};
    }
    double error = 0, norm = 0, largest = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        const auto a = static_cast<double>(got[i]);
        const auto b = static_cast<double>(truth[i]);
        if (!std::isfinite(a) || !std::isfinite(b)) {
            return {.text = "element " + std::to_string(i) + " is " + std::to_string(a) +
                            ", expected " + std::to_string(b) + ", both finite"};
        }
        error += (a - b) * (a - b);
        norm += b * b;
        largest = std::max(largest, std::abs(a - b));
    }
    Closeness result;
    result.largest = largest;
    // Of a truth that is zero everywhere, only zero is close.
    result.relative = error == 0 ? 0 : std::sqrt(error) / std::sqrt(norm);
    char text[96];
    std::snprintf(text, sizeof text, "relative L2 error %.3g, largest error %.3g",
                  result.relative, result.largest);
    result.text = text;
    return result;
}

template <class A, class B>
[[nodiscard]] Closeness closeness(const Tensor<Cpu<A>>& got, const Tensor<Cpu<B>>& truth) {
    if (got.shape() != truth.shape()) {
        return {.text = "shape " + to_string(got.shape()) + ", expected " +
                        to_string(truth.shape())};
    }
    return closeness(got.values(), truth.values());
}

/// Whether two tensors have one shape and the same bits: NaN equals itself, 0 is not -0.
template <class S>
[[nodiscard]] bool same_bits(const Tensor<Cpu<S>>& a, const Tensor<Cpu<S>>& b) {
    const auto bytes = static_cast<std::size_t>(a.numel()) * sizeof(S);
    return a.shape() == b.shape() &&
           (bytes == 0 || std::memcmp(a.data(), b.data(), bytes) == 0);
}

/// The same values in another precision.
template <class To, class From>
[[nodiscard]] Tensor<Cpu<To>> as(const Tensor<Cpu<From>>& x) {
    Tensor<Cpu<To>> y(x.shape());
    for (std::int64_t i = 0; i < x.numel(); ++i) y.data()[i] = static_cast<To>(x.data()[i]);
    return y;
}

} // namespace latent::test
