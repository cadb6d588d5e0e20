#pragma once

#include "latent/tensor/devices.hpp"
#include "latent/tensor/parallel.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace latent {

namespace detail {

[[nodiscard]] inline Shape transposed_shape(const Shape& x) {
    if (x.rank() != 3) fail("transpose", to_string(x), "a shape [N, A, B]");
    return {x[0], x[2], x[1]};
}

} // namespace detail

namespace reference {

/// y[n, b, a] = x[n, a, b].
template <class S>
[[nodiscard]] Tensor<Cpu<S>> transpose(const Tensor<Cpu<S>>& x) {
    Tensor<Cpu<S>> y(detail::transposed_shape(x.shape()));
    const auto N = x.dim(0), A = x.dim(1), B = x.dim(2);
    for (std::int64_t n = 0; n < N; ++n) {
        for (std::int64_t a = 0; a < A; ++a) {
            for (std::int64_t b = 0; b < B; ++b) {
                y.data()[(n * B + b) * A + a] = x.data()[(n * A + a) * B + b];
            }
        }
    }
    return y;
}

} // namespace reference

/// The last two dimensions change places: an image's [N, C, H W] becomes a row of C numbers a
/// pixel, which attention calls a token, and back.
///   x [N, A, B]  ->  y [N, B, A]
/// In squares of 16 x 16, so that both images are read and written in whole cache lines.
/// Parity: torch.transpose(x, 1, 2).contiguous(), exact.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> transpose(const Tensor<Cpu<S>>& x) {
    constexpr std::int64_t side = 16;
    Tensor<Cpu<S>> y(detail::transposed_shape(x.shape()));
    const auto N = x.dim(0), A = x.dim(1), B = x.dim(2);
    const auto strips = (B + side - 1) / side;
    parallel_for(N * strips, [&](std::int64_t item, int) {
        const S* from = x.data() + item / strips * A * B;
        S* to = y.data() + item / strips * A * B;
        const auto left = item % strips * side, right = std::min(left + side, B);
        for (std::int64_t top = 0; top < A; top += side) {
            const auto bottom = std::min(top + side, A);
            for (std::int64_t b = left; b < right; ++b) {
                for (std::int64_t a = top; a < bottom; ++a) to[b * A + a] = from[a * B + b];
            }
        }
    });
    return y;
}
[[nodiscard]] inline Tensor<Meta> transpose(const Tensor<Meta>& x) {
    return Tensor<Meta>(detail::transposed_shape(x.shape()));
}

} // namespace latent
