#pragma once

#include "latent/ops/conv2d_geometry.hpp"
#include "latent/ops/matrix_tile.hpp"
#include "latent/tensor/parallel.hpp"

#include <algorithm>
#include <cstdint>

/// Convolution with any kernel, stride and padding as a matrix product: the inputs under the
/// kernel become columns, 48 output pixels at a time, so that no whole-image matrix ever
/// exists.
/// A 1x1 kernel needs no gathering: its columns are the pixels themselves.

namespace latent::detail {

/// [panels of 8 output channels][depth][8], depth = in_channels * kernel_h * kernel_w.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> im2col_pack(const Tensor<Cpu<S>>& weight) {
    const auto K = weight.dim(0);
    const auto depth = weight.numel() / K;
    const auto panels = (K + panel_rows - 1) / panel_rows;
    Tensor<Cpu<S>> packed(Shape{panels, depth, panel_rows});
    std::ranges::fill(packed.values(), S{0});
    for (std::int64_t k = 0; k < K; ++k) {
        S* panel = packed.data() + k / panel_rows * depth * panel_rows + k % panel_rows;
        for (std::int64_t d = 0; d < depth; ++d)
            panel[d * panel_rows] = weight.data()[k * depth + d];
    }
    return packed;
}

template <class V>
struct Im2col {
    using S = typename V::scalar;

    Conv2dGeometry geometry;
    const S* x;
    std::int64_t H, W;
    const S* packed;
    const S* bias;
    S* y;
    std::int64_t OH, OW;
    const S* add;
    Activation activation;

    /// columns [depth][48]: what the kernel sees for `count` outputs from `first` on.
    void gather(std::int64_t image, std::int64_t first, std::int64_t count, S* columns) const {
        const auto [down, right] = geometry.options.stride;
        const auto& pad = geometry.options.padding;
        for (std::int64_t c = 0; c < geometry.in_channels; ++c) {
            const S* plane = x + (image * geometry.in_channels + c) * H * W;
            for (std::int64_t ky = 0; ky < geometry.kernel_h; ++ky) {
                for (std::int64_t kx = 0; kx < geometry.kernel_w;
                     ++kx, columns += tile_columns) {
                    for (std::int64_t t = 0; t < count;) {
                        const auto oy = (first + t) / OW, ox = (first + t) % OW;
                        const auto run = std::min(count - t, OW - ox);
                        const auto iy = oy * down + ky - pad.top;
                        const auto ix = ox * right + kx - pad.left;
                        gather_run(plane, iy, ix, right, run, columns + t);
                        t += run;
                    }
                }
            }
        }
    }

    /// to[i] = plane[row][column + i * step], zero outside the image.
    void gather_run(const S* plane, std::int64_t row, std::int64_t column, std::int64_t step,
                    std::int64_t count, S* to) const {
        if (row < 0 || row >= H) {
            std::fill_n(to, count, S{0});
            return;
        }
        // The first and the last index whose column lies inside.
        const auto begin = std::clamp<std::int64_t>((step - 1 - column) / step, 0, count);
        const auto end = std::clamp<std::int64_t>((W - column + step - 1) / step, begin, count);
        const S* from = plane + row * W + column;
        std::fill_n(to, begin, S{0});
        for (std::int64_t i = begin; i < end; ++i) to[i] = from[i * step];
        std::fill(to + end, to + count, S{0});
    }

    void run(std::int64_t images) const {
        const auto K = geometry.out_channels;
        const auto depth = geometry.depth();
        const auto pixels = OH * OW;
        const auto blocks = (pixels + tile_columns - 1) / tile_columns;
        Scratch<S> scratch(worker_count(images * blocks), (depth + panel_rows) * tile_columns);
        parallel_for(images * blocks, [&](std::int64_t item, int worker) {
            S* columns = scratch.of(worker);
            S* sums = columns + depth * tile_columns;
            const auto image = item / blocks;
            const auto first = item % blocks * tile_columns;
            const auto count = std::min(tile_columns, pixels - first);
            if (count < tile_columns) std::fill_n(columns, depth * tile_columns, S{0});
            gather(image, first, count, columns);
            for (std::int64_t k = 0; k < K; ++k) {
                if (k % panel_rows == 0) {
                    multiply_tile<V>(packed + k * depth, columns, depth, sums);
                }
                S* row = sums + k % panel_rows * tile_columns;
                for (std::int64_t t = 0; t < tile_columns; ++t) row[t] += bias ? bias[k] : S{0};
                const auto at = (image * K + k) * pixels + first;
                finish_run(row, add ? add + at : nullptr, activation, y + at, count);
            }
        });
    }
};

} // namespace latent::detail
