#pragma once

#include "latent/tensor/devices.hpp"
#include "latent/tensor/parallel.hpp"

#include <Eigen/Core>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace latent {

namespace detail {

template <class Device>
[[nodiscard]] Shape linear_shape(const Tensor<Device>& x, const Tensor<Device>& weight,
                                 const Tensor<Device>& bias) {
    const auto& shape = x.shape();
    if (weight.shape().rank() != 2 || shape.rank() < 1 ||
        shape[shape.rank() - 1] != weight.dim(1)) {
        fail("linear", to_string(shape) + " by " + to_string(weight.shape()),
             "x [..., in_features] and weight [out_features, in_features]");
    }
    if (bias.numel() != 0 && bias.shape() != Shape{weight.dim(0)}) {
        fail("linear bias", to_string(bias.shape()),
             "shape " + to_string(Shape{weight.dim(0)}) + " or empty");
    }
    std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
    dims.back() = weight.dim(0);
    return Shape(std::move(dims));
}

} // namespace detail

namespace reference {

/// The definition, with double sums.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> linear(const Tensor<Cpu<S>>& x, const Tensor<Cpu<S>>& weight,
                                    const Tensor<Cpu<S>>& bias) {
    Tensor<Cpu<S>> y(detail::linear_shape(x, weight, bias));
    const auto K = weight.dim(0), C = weight.dim(1);
    for (std::int64_t row = 0; row < y.numel() / std::max<std::int64_t>(K, 1); ++row) {
        for (std::int64_t k = 0; k < K; ++k) {
            double sum = bias.numel() ? static_cast<double>(bias.data()[k]) : 0.0;
            for (std::int64_t c = 0; c < C; ++c) {
                sum += static_cast<double>(x.data()[row * C + c]) *
                       static_cast<double>(weight.data()[k * C + c]);
            }
            y.data()[row * K + k] = static_cast<S>(sum);
        }
    }
    return y;
}

} // namespace reference

/// y = x weight^T + bias, the matrix product over the last dimension.
///   x [..., in_features], weight [out_features, in_features], bias [out_features] or empty
///   ->  y [..., out_features]
/// Cut into blocks of 64 rows, so the bits do not depend on the number of threads, and those of
/// an image [L, in_features] not on the batch that it is in. (Rows without a batch are one such
/// image.)
/// Parity: torch.nn.functional.linear.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> linear(const Tensor<Cpu<S>>& x, const Tensor<Cpu<S>>& weight,
                                    const Tensor<Cpu<S>>& bias) {
    using Matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    using RowVector = Eigen::Matrix<S, 1, Eigen::Dynamic>;
    constexpr std::int64_t block_rows = 64;
    constexpr std::int64_t chain = 256; // rounding errors grow with the length of a sum

    Tensor<Cpu<S>> y(detail::linear_shape(x, weight, bias));
    const auto K = weight.dim(0), C = weight.dim(1);
    // Of [N, L, C] each of the N on its own, so that its bits do not depend on the others.
    const auto rank = x.shape().rank();
    const auto L = rank > 1 ? x.dim(rank - 2) : 1;
    const auto items = y.numel() > 0 ? y.numel() / (L * K) : 0;
    const auto blocks = (L + block_rows - 1) / block_rows;
    const Eigen::Map<const Matrix> w(weight.data(), K, C);
    parallel_for(items * blocks, [&](std::int64_t index, int) {
        const auto block = index % blocks * block_rows;
        const auto first = index / blocks * L + block;
        const auto count = std::min(block_rows, L - block);
        const Eigen::Map<const Matrix> in(x.data() + first * C, count, C);
        Eigen::Map<Matrix> out(y.data() + first * K, count, K);
        out.setZero();
        for (std::int64_t c = 0; c < C; c += chain) {
            const auto depth = std::min(chain, C - c);
            out.noalias() += in.middleCols(c, depth) * w.middleCols(c, depth).transpose();
        }
        if (bias.numel()) out.rowwise() += Eigen::Map<const RowVector>(bias.data(), K);
    });
    return y;
}

[[nodiscard]] inline Tensor<Meta> linear(const Tensor<Meta>& x, const Tensor<Meta>& weight,
                                         const Tensor<Meta>& bias) {
    Tensor<Meta> y(detail::linear_shape(x, weight, bias));
    if (auto* run = Workspace::current())
        run->report().multiply_adds += y.numel() * weight.dim(1);
    return y;
}

} // namespace latent
