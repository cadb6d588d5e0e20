#pragma once

#include "latent/cuda/transfer.hpp"
#include "latent/ops/attention.hpp"
#include "latent/ops/concat.hpp"
#include "latent/ops/group_norm.hpp"
#include "latent/ops/interpolate.hpp"
#include "latent/ops/linear.hpp"
#include "latent/ops/transpose.hpp"
#include "latent/ops/upsample_nearest.hpp"
#include "latent/ops/window.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// The other operations on a GPU, each as its header in ops/ tells.

namespace latent {

template <class S>
[[nodiscard]] Tensor<Cuda<S>>
group_norm(const Tensor<Cuda<S>>& x, const Tensor<Cuda<S>>& weight, const Tensor<Cuda<S>>& bias,
           std::int64_t groups, double eps, Activation after = Activation::none) {
    detail::check_group_norm(x, weight, bias, groups);
    Tensor<Cuda<S>> y(x.shape());
    kernels::GroupNorm what{.scalar = Cuda<S>::kind,
                            .images = x.dim(0),
                            .channels = x.dim(1),
                            .pixels = x.dim(2) * x.dim(3),
                            .groups = groups,
                            .eps = static_cast<float>(eps),
                            .x = detail::memory(x),
                            .weight = detail::memory(weight),
                            .bias = detail::memory(bias),
                            .after = static_cast<kernels::Activation>(after),
                            .y = detail::memory(y),
                            .scratch = nullptr};
    const Tensor<Cuda<float>> scratch({kernels::group_norm_scratch(what)});
    what.scratch = static_cast<float*>(detail::memory(scratch));
    kernels::group_norm(what, detail::stream(x));
    return y;
}

template <class S>
[[nodiscard]] Tensor<Cuda<S>> linear(const Tensor<Cuda<S>>& x, const Tensor<Cuda<S>>& weight,
                                     const Tensor<Cuda<S>>& bias) {
    Tensor<Cuda<S>> y(detail::linear_shape(x, weight, bias));
    const auto in_features = weight.dim(1);
    kernels::linear({.scalar = Cuda<S>::kind,
                     .rows = x.numel() / in_features,
                     .in_features = in_features,
                     .out_features = weight.dim(0),
                     .x = detail::memory(x),
                     .weight = detail::memory(weight),
                     .bias = bias.numel() > 0 ? detail::memory(bias) : nullptr,
                     .y = detail::memory(y)},
                    detail::stream(x));
    return y;
}

/// Throws Error for heads of more than 512 channels.
template <class S>
[[nodiscard]] Tensor<Cuda<S>>
scaled_dot_product_attention(const Tensor<Cuda<S>>& q, const Tensor<Cuda<S>>& k,
                             const Tensor<Cuda<S>>& v, std::int64_t heads) {
    detail::check_attention(q, k, v, heads);
    if (q.dim(2) / heads > 512) {
        fail("attention", "heads of " + std::to_string(q.dim(2) / heads) + " channels",
             "at most 512 on a GPU");
    }
    Tensor<Cuda<S>> y(q.shape());
    kernels::attention({.scalar = Cuda<S>::kind,
                        .images = q.dim(0),
                        .tokens = q.dim(1),
                        .keys = k.dim(1),
                        .channels = q.dim(2),
                        .heads = heads,
                        .q = detail::memory(q),
                        .k = detail::memory(k),
                        .v = detail::memory(v),
                        .y = detail::memory(y)},
                       detail::stream(q));
    return y;
}

template <class S>
[[nodiscard]] Tensor<Cuda<S>> transpose(const Tensor<Cuda<S>>& x) {
    Tensor<Cuda<S>> y(detail::transposed_shape(x.shape()));
    kernels::transpose(Cuda<S>::kind, detail::memory(x), x.dim(0), x.dim(1), x.dim(2),
                       detail::memory(y), detail::stream(x));
    return y;
}

template <class S>
[[nodiscard]] Tensor<Cuda<S>> upsample_nearest(const Tensor<Cuda<S>>& x, std::int64_t factor) {
    Tensor<Cuda<S>> y(detail::upsampled_shape(x.shape(), factor));
    kernels::upsample_nearest(Cuda<S>::kind, detail::memory(x), x.dim(0) * x.dim(1), x.dim(2),
                              x.dim(3), factor, detail::memory(y), detail::stream(x));
    return y;
}

template <class S>
[[nodiscard]] Tensor<Cuda<S>> interpolate(const Tensor<Cuda<S>>& x, std::int64_t factor,
                                          Interpolation mode) {
    if (mode == Interpolation::nearest) return upsample_nearest(x, factor);
    Tensor<Cuda<S>> y(detail::upsampled_shape(x.shape(), factor));
    kernels::interpolate(Cuda<S>::kind, detail::memory(x), x.dim(0) * x.dim(1), x.dim(2),
                         x.dim(3), static_cast<int>(factor), mode == Interpolation::bicubic,
                         detail::memory(y), detail::stream(x));
    return y;
}

namespace detail {

/// Numbers from the `offset`-th on.
template <class S>
[[nodiscard]] void* memory_at(const Tensor<Cuda<S>>& x, std::int64_t offset) {
    return static_cast<S*>(memory(x)) + offset;
}

/// `rows` runs of `columns` numbers, the strides between their beginnings.
template <class S>
void copy_runs(const Tensor<Cuda<S>>& x, std::int64_t from, std::int64_t x_stride,
               const Tensor<Cuda<S>>& y, std::int64_t at, std::int64_t y_stride,
               std::int64_t rows, std::int64_t columns) {
    kernels::window({.scalar = Cuda<S>::kind,
                     .planes = 1,
                     .rows = rows,
                     .columns = columns,
                     .x = memory_at(x, from),
                     .x_plane = 0,
                     .x_row = x_stride,
                     .y = memory_at(y, at),
                     .y_plane = 0,
                     .y_row = y_stride,
                     .down = nullptr,
                     .across = nullptr},
                    stream(x));
}

/// Of images [images, C, rows, columns], a window of y to one of x.
template <class S>
void run_window(Tensor<Cuda<S>>& y, const Window& at, const Tensor<Cuda<S>>& tile,
                const Window& from, const float* down, const float* across) {
    for (std::int64_t n = 0; n < at.images.size(); ++n) {
        const auto begin = [&](const Tensor<Cuda<S>>& x, const Window& window) {
            const auto row =
                (window.images.begin + n) * x.dim(1) * x.dim(2) + window.rows.begin;
            return row * x.dim(3) + window.columns.begin;
        };
        kernels::window({.scalar = Cuda<S>::kind,
                         .planes = y.dim(1),
                         .rows = at.rows.size(),
                         .columns = at.columns.size(),
                         .x = memory_at(tile, begin(tile, from)),
                         .x_plane = tile.dim(2) * tile.dim(3),
                         .x_row = tile.dim(3),
                         .y = memory_at(y, begin(y, at)),
                         .y_plane = y.dim(2) * y.dim(3),
                         .y_row = y.dim(3),
                         .down = down,
                         .across = across},
                        stream(y));
    }
}

} // namespace detail

template <class S>
[[nodiscard]] Tensor<Cuda<S>> cat(const Tensor<Cuda<S>>& a, const Tensor<Cuda<S>>& b,
                                  std::size_t axis) {
    Tensor<Cuda<S>> y(detail::cat_shape(a.shape(), b.shape(), axis));
    const detail::AxisRuns first(a.shape(), axis), second(b.shape(), axis);
    const auto stride = first.run + second.run;
    detail::copy_runs(a, 0, first.run, y, 0, stride, first.outer, first.run);
    detail::copy_runs(b, 0, second.run, y, first.run, stride, second.outer, second.run);
    return y;
}

template <class S>
void chunk(const Tensor<Cuda<S>>& x, std::int64_t count, std::size_t axis,
           std::vector<Tensor<Cuda<S>>>& parts) {
    const auto shape = detail::chunk_shape(x.shape(), count, axis);
    const detail::AxisRuns whole(x.shape(), axis), part(shape, axis);
    detail::make_parts(parts, shape, count);
    std::int64_t first = 0;
    for (auto& y : parts) {
        detail::copy_runs(x, first, whole.run, y, 0, part.run, whole.outer, part.run);
        first += part.run;
    }
}

template <class S>
void paste(Tensor<Cuda<S>>& y, const Window& at, const Tensor<Cuda<S>>& tile,
           const Window& from) {
    detail::require_fitting("paste", y, at, tile, from);
    detail::run_window(y, at, tile, from, nullptr, nullptr);
}

template <class S>
void blend(Tensor<Cuda<S>>& y, const Window& at, const Tensor<Cuda<S>>& tile,
           std::span<const double> down, std::span<const double> across) {
    detail::require_fitting("blend", y, at, tile, whole_window(tile));
    detail::require_weights(at, down, across);
    const auto there = [](std::span<const double> numbers) {
        Tensor<Cuda<float>> x({std::ssize(numbers)});
        const std::vector<float> values(numbers.begin(), numbers.end());
        upload(x, std::span<const float>(values));
        return x;
    };
    const auto rows = there(down), columns = there(across);
    detail::run_window(y, at, tile, whole_window(tile),
                       static_cast<const float*>(detail::memory(rows)),
                       static_cast<const float*>(detail::memory(columns)));
}

} // namespace latent
