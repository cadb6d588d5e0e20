#pragma once

#include "latent/tensor/devices.hpp"
#include "latent/tensor/parallel.hpp"

#include <cstdint>
#include <string>

namespace latent {

namespace detail {

[[nodiscard]] inline Shape upsampled_shape(const Shape& x, std::int64_t factor) {
    if (x.rank() != 4) fail("upsample_nearest", to_string(x), "a shape [N, C, H, W]");
    if (factor < 1) fail("upsample_nearest", std::to_string(factor), "a factor of at least 1");
    return {x[0], x[1], x[2] * factor, x[3] * factor};
}

} // namespace detail

namespace reference {

/// y[.., i, j] = x[.., floor(i / factor), floor(j / factor)].
template <class S>
[[nodiscard]] Tensor<Cpu<S>> upsample_nearest(const Tensor<Cpu<S>>& x, std::int64_t factor) {
    Tensor<Cpu<S>> y(detail::upsampled_shape(x.shape(), factor));
    const auto [N, C, H, W] = nchw(y, "upsample_nearest");
    for (std::int64_t plane = 0; plane < N * C; ++plane) {
        for (std::int64_t i = 0; i < H; ++i) {
            for (std::int64_t j = 0; j < W; ++j) {
                y.data()[(plane * H + i) * W + j] =
                    x.data()[(plane * (H / factor) + i / factor) * (W / factor) + j / factor];
            }
        }
    }
    return y;
}

} // namespace reference

/// Each pixel becomes a square of factor x factor equal pixels.
///   x [N, C, H, W]  ->  y [N, C, H * factor, W * factor]
/// Parity: torch.nn.Upsample(scale_factor=factor, mode="nearest"), exact.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> upsample_nearest(const Tensor<Cpu<S>>& x, std::int64_t factor) {
    Tensor<Cpu<S>> y(detail::upsampled_shape(x.shape(), factor));
    const auto [N, C, H, W] = nchw(x, "upsample_nearest");
    const auto width = W * factor;
    parallel_for(N * C * H, [&, W = W](std::int64_t row, int) {
        const S* from = x.data() + row * W;
        S* to = y.data() + row * factor * width;
        for (std::int64_t j = 0; j < W; ++j) std::fill_n(to + j * factor, factor, from[j]);
        for (std::int64_t i = 1; i < factor; ++i) std::copy_n(to, width, to + i * width);
    });
    return y;
}
[[nodiscard]] inline Tensor<Meta> upsample_nearest(const Tensor<Meta>& x, std::int64_t factor) {
    return Tensor<Meta>(detail::upsampled_shape(x.shape(), factor));
}

} // namespace latent
