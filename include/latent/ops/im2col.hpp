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

    /// Tiles of 48 outputs that are gathered together: their columns fill half of an L2 cache
    /// at most. A channel's values for one tile alone are a few cache lines, and the next
    /// channel's are megabytes away.
    [[nodiscard]] std::int64_t tiles_at_once() const {
        constexpr std::int64_t most = 8, cache = std::int64_t{1} << 19;
        const auto bytes = geometry.depth() * tile_columns * std::int64_t{sizeof(S)};
        return std::clamp<std::int64_t>(cache / bytes, 1, most);
    }

    /// columns [tiles][depth][48]: what the kernel sees for `count` outputs from `first` on.
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
                        const auto in_tile = t % tile_columns;
                        const auto run = std::min({count - t, OW - ox, tile_columns - in_tile});
                        const auto iy = oy * down + ky - pad.top;
                        const auto ix = ox * right + kx - pad.left;
                        gather_run(plane, iy, ix, right, run,
                                   columns + t / tile_columns * tile_size() + in_tile);
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
        auto i = begin;
        if (step == 1) {
            std::copy_n(from + i, end - i, to + i);
            i = end;
        }
        // Every second value, while two whole vectors lie in the row.
        for (; step == 2 && column + 2 * (i + V::width) <= W && i + V::width <= end;
             i += V::width) {
            deinterleave(V::load(from + 2 * i), V::load(from + 2 * i + V::width))[0].store(to +
                                                                                           i);
        }
        for (; i < end; ++i) to[i] = from[i * step];
        std::fill(to + end, to + count, S{0});
    }

    [[nodiscard]] std::int64_t tile_size() const { return geometry.depth() * tile_columns; }

    void run(std::int64_t images) const {
        const auto depth = geometry.depth(), pixels = OH * OW;
        const auto tiles = tiles_at_once();
        const auto blocks = (pixels + tiles * tile_columns - 1) / (tiles * tile_columns);
        Scratch<S> scratch(worker_count(images * blocks),
                           tiles * tile_size() + panel_rows * tile_columns);
        parallel_for(images * blocks, [&](std::int64_t item, int worker) {
            S* columns = scratch.of(worker);
            S* sums = columns + tiles * tile_size();
            const auto image = item / blocks;
            const auto first = item % blocks * tiles * tile_columns;
            const auto count = std::min(tiles * tile_columns, pixels - first);
            const auto used = (count + tile_columns - 1) / tile_columns;
            if (count % tile_columns != 0) // the last tile's idle columns are finite
                std::fill_n(columns + (used - 1) * tile_size(), tile_size(), S{0});
            gather(image, first, count, columns);
            for (std::int64_t k = 0; k < geometry.out_channels; k += panel_rows) {
                for (std::int64_t tile = 0; tile < used; ++tile) {
                    multiply_tile<V>(packed + k * depth, columns + tile * tile_size(), depth,
                                     sums);
                    write(image, k, first + tile * tile_columns, sums);
                }
            }
        });
    }

    /// The sums [8][48] of up to 8 output channels from k on, for the outputs from `first` on.
    void write(std::int64_t image, std::int64_t k, std::int64_t first, S* sums) const {
        const auto pixels = OH * OW;
        const auto count = std::min(tile_columns, pixels - first);
        const auto channels = std::min(panel_rows, geometry.out_channels - k);
        for (std::int64_t row = 0; row < channels; ++row, sums += tile_columns) {
            if (bias) as_array(sums, tile_columns) += bias[k + row];
            const auto at = (image * geometry.out_channels + k + row) * pixels + first;
            finish_run(sums, add ? add + at : nullptr, activation, y + at, count);
        }
    }
};

} // namespace latent::detail
