#pragma once

#include "latent/tensor/devices.hpp"

#include <cstdint>

/// What the rungs of the ladder share: how they see images and weights.

namespace ladder {

/// Images [N, C, H, W] and weights [K, C, 3, 3].
using Image = latent::Tensor<latent::Cpu<float>>;

/// A tensor of four dimensions that is read as the formulas write it: x(n, c, i, j).
template <class Scalar>
struct View {
    Scalar* data;
    std::int64_t C, H, W;

    Scalar& operator()(std::int64_t n, std::int64_t c, std::int64_t i, std::int64_t j) const {
        return data[((n * C + c) * H + i) * W + j];
    }
};

[[nodiscard]] inline View<float> view(Image& x) {
    return {x.data(), x.dim(1), x.dim(2), x.dim(3)};
}
[[nodiscard]] inline View<const float> view(const Image& x) {
    return {x.data(), x.dim(1), x.dim(2), x.dim(3)};
}

/// The output of a 3x3 convolution with stride 1 and padding 1: as large as its input.
[[nodiscard]] inline Image output_of(const Image& x, const Image& weight) {
    return Image({x.dim(0), weight.dim(0), x.dim(2), x.dim(3)});
}

} // namespace ladder
