/// Functions of a tile without weights, to put tiles together with.
#pragma once

#include <latent/ops/window.hpp>
#include <latent/tensor/devices.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace latent::test {

/// Each latent as 8x8 pixels.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> enlarged(const Tensor<Cpu<S>>& z) {
    Tensor<Cpu<S>> y({z.dim(0), z.dim(1), 8 * z.dim(2), 8 * z.dim(3)});
    const auto width = y.dim(3);
    for (std::int64_t i = 0; i < y.numel(); ++i) {
        y.data()[i] = z.data()[i / width / 8 * z.dim(3) + i % width / 8];
    }
    return y;
}
[[nodiscard]] inline Tensor<Meta> enlarged_shape(const Tensor<Meta>& z) {
    return Tensor<Meta>({z.dim(0), z.dim(1), 8 * z.dim(2), 8 * z.dim(3)});
}

/// The means of 8x8 pixels; what is left over at the lower and the right edge is left out.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> averaged(const Tensor<Cpu<S>>& x) {
    Tensor<Cpu<S>> y({x.dim(0), x.dim(1), x.dim(2) / 8, x.dim(3) / 8});
    const auto height = y.dim(2), width = y.dim(3);
    for (std::int64_t i = 0; i < y.numel(); ++i) {
        const auto plane = i / (height * width), row = i / width % height, column = i % width;
        double sum = 0;
        for (std::int64_t k = 0; k < 64; ++k) {
            const auto from_row = plane * x.dim(2) + 8 * row + k / 8;
            sum += x.data()[from_row * x.dim(3) + 8 * column + k % 8];
        }
        y.data()[i] = static_cast<S>(sum / 64);
    }
    return y;
}

/// The mean of each plane.
template <class S>
[[nodiscard]] std::vector<double> plane_means(const Tensor<Cpu<S>>& x) {
    std::vector<double> means;
    const auto pixels = x.dim(2) * x.dim(3);
    for (std::int64_t plane = 0; plane < x.dim(0) * x.dim(1); ++plane) {
        double sum = 0;
        for (std::int64_t k = 0; k < pixels; ++k) sum += x.data()[plane * pixels + k];
        means.push_back(sum / static_cast<double>(pixels));
    }
    return means;
}

/// x less a number for each plane.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> less(Tensor<Cpu<S>> x, const std::vector<double>& means) {
    const auto pixels = x.dim(2) * x.dim(3);
    for (std::int64_t i = 0; i < x.numel(); ++i) {
        x.data()[i] -= static_cast<S>(means[static_cast<std::size_t>(i / pixels)]);
    }
    return x;
}

/// x with this value everywhere.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> filled(Tensor<Cpu<S>> x, double value) {
    std::fill_n(x.data(), x.numel(), static_cast<S>(value));
    return x;
}

} // namespace latent::test
