#pragma once

#include "latent/ops/conv2d_geometry.hpp"
#include "latent/ops/simd/kernels.hpp"
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

template <class S>
struct Im2col {
    Conv2dGeometry geometry;
    ImageRows<const S> x; ///< of image 0
    const S* packed;
    const S* bias;
    S* y; ///< rows y_begin .. y_end - 1
    std::int64_t y_begin, y_end, OW;
    const S* add; ///< laid out as y
    Activation activation;

    /// Tiles of 48 outputs that are gathered together: their columns fill half of an L2 cache
    /// at most. A channel's values for one tile alone are a few cache lines, and the next
    /// channel's are megabytes away.
    [[nodiscard]] std::int64_t tiles_at_once() const {
        constexpr std::int64_t most = 8, cache = std::int64_t{1} << 19;
        const auto bytes = geometry.depth() * tile_columns * std::int64_t{sizeof(S)};
        return std::clamp<std::int64_t>(cache / bytes, 1, most);
    }

    /// columns [depth][tiles x 48]: what the kernel sees for `count` outputs from `first` on.
    void gather(std::int64_t image, std::int64_t first, std::int64_t count, S* columns) const {
        const auto [down, right] = geometry.options.stride;
        const auto& pad = geometry.options.padding;
        for (std::int64_t c = 0; c < geometry.in_channels; ++c) {
            const auto plane = image * geometry.in_channels + c;
            for (std::int64_t ky = 0; ky < geometry.kernel_h; ++ky) {
                for (std::int64_t kx = 0; kx < geometry.kernel_w; ++kx) {
                    for (std::int64_t t = 0; t < count;) {
                        const auto oy = y_begin + (first + t) / OW, ox = (first + t) % OW;
                        const auto run = std::min(count - t, OW - ox);
                        gather_run(plane, oy * down + ky - pad.top, ox * right + kx - pad.left,
                                   right, run, columns + t);
                        t += run;
                    }
                    // The last tile's idle columns are finite.
                    const auto used = (count + tile_columns - 1) / tile_columns * tile_columns;
                    std::fill(columns + count, columns + used, S{0});
                    columns += tiles_at_once() * tile_columns;
                }
            }
        }
    }

    /// to[i] = plane[row][column + i * step], zero outside the image.
    void gather_run(std::int64_t plane, std::int64_t row, std::int64_t column,
                    std::int64_t step, std::int64_t count, S* to) const {
        if (row < 0 || row >= x.height) {
            std::fill_n(to, count, S{0});
            return;
        }
        // The first and the last index whose column lies inside.
        const auto begin = std::clamp<std::int64_t>((step - 1 - column) / step, 0, count);
        const auto end =
            std::clamp<std::int64_t>((x.width - column + step - 1) / step, begin, count);
        const S* from = x.row(plane, row) + column;
        std::fill_n(to, begin, S{0});
        auto i = begin;
        if (step == 1) {
            std::copy_n(from + i, end - i, to + i);
            i = end;
        }
        for (; i < end; ++i) to[i] = from[i * step];
        std::fill(to + end, to + count, S{0});
    }

    void run(std::int64_t images) const {
        const auto depth = geometry.depth(), pixels = (y_end - y_begin) * OW;
        const auto wide = tiles_at_once() * tile_columns;
        const auto blocks = (pixels + wide - 1) / wide;
        const auto& simd = kernels<S>();
        Scratch<S> scratch(worker_count(images * blocks), (depth + panel_rows) * wide);
        parallel_for(images * blocks, [&](std::int64_t item, int worker) {
            S* columns = scratch.of(worker);
            S* sums = columns + depth * wide;
            const auto image = item / blocks;
            const auto first = item % blocks * wide;
            const auto count = std::min(wide, pixels - first);
            const auto used = (count + tile_columns - 1) / tile_columns;
            gather(image, first, count, columns);
            for (std::int64_t k = 0; k < geometry.out_channels; k += panel_rows) {
                simd.multiply_panels(packed + k * depth, 1, columns, wide, depth, sums, wide,
                                     used * tile_columns, false);
                write(simd, image, k, first, count, sums);
            }
        });
    }

    /// The sums of up to 8 output channels from k on, for `count` outputs from `first` on.
    void write(const Kernels<S>& simd, std::int64_t image, std::int64_t k, std::int64_t first,
               std::int64_t count, S* sums) const {
        const auto pixels = (y_end - y_begin) * OW;
        const auto channels = std::min(panel_rows, geometry.out_channels - k);
        for (std::int64_t row = 0; row < channels; ++row) {
            if (bias) {
                for (std::int64_t i = 0; i < count; ++i) sums[i] += bias[k + row];
            }
            const auto at = (image * geometry.out_channels + k + row) * pixels + first;
            simd.finish_run(sums, add ? add + at : nullptr, activation, y + at, count);
            sums += tiles_at_once() * tile_columns;
        }
    }
};

} // namespace latent::detail
