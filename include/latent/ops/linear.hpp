#pragma once

#include "latent/ops/simd/kernels.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/parallel.hpp"

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

/// Rows [count][width] of a matrix, `stride` apart, as panels [ceil(count / 8)][width][8]; what
/// is missing in the last panel is zero.
template <class S>
void pack_rows(const S* rows, std::int64_t count, std::int64_t stride, std::int64_t width,
               S* panels) {
    for (std::int64_t row = 0; row < (count + panel_rows - 1) / panel_rows * panel_rows;
         ++row) {
        S* to = panels + row / panel_rows * width * panel_rows + row % panel_rows;
        for (std::int64_t i = 0; i < width; ++i)
            to[i * panel_rows] = row < count ? rows[row * stride + i] : S{0};
    }
}

/// Rows [count][width] of a matrix, `stride` apart, as the columns [width][columns]; what is
/// missing is zero.
template <class S>
void transpose_rows(const S* rows, std::int64_t count, std::int64_t stride, std::int64_t width,
                    S* to, std::int64_t columns) {
    for (std::int64_t column = 0; column < columns; ++column) {
        for (std::int64_t i = 0; i < width; ++i)
            to[i * columns + column] = column < count ? rows[column * stride + i] : S{0};
    }
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
/// Each row has the same bits wherever it stands, for any number of threads.
/// Parity: torch.nn.functional.linear.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> linear(const Tensor<Cpu<S>>& x, const Tensor<Cpu<S>>& weight,
                                    const Tensor<Cpu<S>>& bias) {
    using detail::panel_rows;
    constexpr std::int64_t columns = 2 * detail::tile_columns; // rows of x at a time
    Tensor<Cpu<S>> y(detail::linear_shape(x, weight, bias));
    const auto K = weight.dim(0), C = weight.dim(1);
    const auto panels = (K + panel_rows - 1) / panel_rows;
    const auto rows = K > 0 ? y.numel() / K : 0;
    const auto items = (rows + columns - 1) / columns;
    Scratch<S> packed(1, panels * panel_rows * C);
    detail::pack_rows(weight.data(), K, C, C, packed.of(0));
    Scratch<S> scratch(worker_count(items), (C + panels * panel_rows) * columns);
    const auto& simd = detail::kernels<S>();
    parallel_for(items, [&](std::int64_t item, int worker) {
        const auto first = item * columns, count = std::min(columns, rows - first);
        S* in = scratch.of(worker);
        S* out = in + C * columns;
        detail::transpose_rows(x.data() + first * C, count, C, C, in, columns);
        simd.multiply_panels(packed.of(0), panels, in, columns, C, out, columns, columns,
                             false);
        for (std::int64_t row = 0; row < count; ++row) {
            for (std::int64_t k = 0; k < K; ++k) {
                const auto offset = bias.numel() ? bias.data()[k] : S{0};
                y.data()[(first + row) * K + k] = out[k * columns + row] + offset;
            }
        }
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
