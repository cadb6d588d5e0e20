#pragma once

#include "latent/ops/conv2d_geometry.hpp"
#include "latent/ops/window.hpp"

#include <algorithm>
#include <cstdint>

namespace latent {

namespace detail {

[[nodiscard]] inline Shape padded_shape(const Shape& x, const Padding& by) {
    if (x.rank() != 4) fail("pad", to_string(x), "a shape [N, C, H, W]");
    if (std::min({by.left, by.right, by.top, by.bottom}) < 0)
        fail("pad", "a negative side", "at least 0 on every side");
    return {x[0], x[1], by.top + x[2] + by.bottom, by.left + x[3] + by.right};
}

} // namespace detail

/// Rows and columns of zeros around an image.
///   x [N, C, H, W]  ->  y [N, C, top + H + bottom, left + W + right]
/// A convolution pads by itself (Conv2dOptions), without another image; this is for looking.
/// Parity: torch.nn.functional.pad(x, (left, right, top, bottom)), exact.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> pad(const Tensor<Cpu<S>>& x, const Padding& by) {
    Tensor<Cpu<S>> y(detail::padded_shape(x.shape(), by));
    std::ranges::fill(y.values(), S{0});
    paste(y, {{0, x.dim(0)}, {by.top, by.top + x.dim(2)}, {by.left, by.left + x.dim(3)}}, x,
          whole_window(x));
    return y;
}
[[nodiscard]] inline Tensor<Meta> pad(const Tensor<Meta>& x, const Padding& by) {
    return Tensor<Meta>(detail::padded_shape(x.shape(), by));
}

} // namespace latent
