#pragma once

#include "latent/ops/conv2d_geometry.hpp"
#include "latent/ops/simd/kernels.hpp"
#include "latent/tensor/parallel.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

/// 3x3 convolution with stride 1 by Winograd's minimal filtering F(2x2, 3x3): 2x2 outputs come
/// from 4x4 inputs d and the 3x3 filter g with 16 products instead of 36,
///   Y = A^T [ (G g G^T) . (B^T d B) ] A,
///       B^T = | 1  0 -1  0 |    G = |  1    0    0  |    A^T = | 1  1  1  0 |
///             | 0  1  1  0 |        | 1/2  1/2  1/2 |          | 0  1 -1 -1 |
///             | 0 -1  1  0 |        | 1/2 -1/2  1/2 |
///             | 0  1  0 -1 |        |  0    0    1  |
/// and for each of the 16 points the sum over channels is a matrix product.
/// After nearest upsampling by 2 the two middle inputs are equal, so the third row of B^T d is
/// zero: 9 products are left of the 16, and the large image is never made.
/// F(4x4, 3x3) makes 4x4 outputs from 36 products where the definition needs 144, and rounds
/// worse: it is `fast`, for those who ask for it.
/// Source: Lavin and Gray 2016, arXiv:1509.09308.

namespace latent::detail {

/// The rows of G, which take a filter to its values at the points. Those of F(4x4, 3x3) are 0,
/// +-2/3, +-3/2 and infinity, whose rounding errors are half of those of 0, +-1, +-2.
[[nodiscard]] inline std::vector<std::array<double, 3>> filter_rows(WinogradForm form) {
    if (form != WinogradForm::f4) {
        return {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
    }
    constexpr double p = 32.0 / 585, q = 16.0 / 195, r = 8.0 / 65;
    return {{4.0 / 9, 0, 0}, {-r, -q, -p}, {-r, q, -p}, {p, q, r}, {p, -q, r}, {0, 0, 4.0 / 9}};
}

/// Filters [panels of 8 output channels][channels][3x3][8] to the points at which they are
/// multiplied, [points][panels][channels][8]: G g G^T in double, rounded once.
template <class S>
void winograd_pack(const S* filters, std::int64_t panels, std::int64_t channels,
                   WinogradForm form, S* packed) {
    using Rows = std::array<double, panel_rows>;
    const auto G = filter_rows(form);
    const auto plane = panels * channels * panel_rows;
    parallel_for(panels, [&](std::int64_t panel, int) {
        for (auto c = panel * channels; c < (panel + 1) * channels; ++c) {
            std::array<Rows, 9> g;
            for (std::size_t i = 0; i < 9; ++i) {
                const S* from = filters + (c * 9 + static_cast<std::int64_t>(i)) * panel_rows;
                std::ranges::copy_n(from, panel_rows, g[i].begin());
            }
            S* to = packed + c * panel_rows;
            for (const auto& down : G) {
                std::array<Rows, 3> column;
                for (std::size_t x = 0; x < 3; ++x) {
                    for (std::size_t k = 0; k < panel_rows; ++k) {
                        column[x][k] =
                            down[0] * g[x][k] + down[1] * g[x + 3][k] + down[2] * g[x + 6][k];
                    }
                }
                for (const auto& across : G) {
                    for (std::size_t k = 0; k < panel_rows; ++k) {
                        to[k] =
                            static_cast<S>(across[0] * column[0][k] + across[1] * column[1][k] +
                                           across[2] * column[2][k]);
                    }
                    to += plane;
                }
            }
        }
    });
}

/// How the tiles of an image are cut into blocks: `across` x `down` tiles in each.
struct TileGrid {
    std::int64_t across = 0, down = 0; ///< tiles of a block
    std::int64_t blocks_across = 0, blocks_down = 0;

    /// The cut into the fewest blocks of at most `columns` tiles.
    TileGrid(std::int64_t tiles_across, std::int64_t tiles_down, std::int64_t columns) {
        std::int64_t fewest = 0;
        for (auto wide = std::min(tiles_across, columns); wide >= 1; --wide) {
            const auto high = std::min(tiles_down, columns / wide);
            const auto across_count = (tiles_across + wide - 1) / wide;
            const auto down_count = (tiles_down + high - 1) / high;
            if (fewest != 0 && across_count * down_count >= fewest) continue;
            fewest = across_count * down_count;
            across = wide, down = high;
            blocks_across = across_count, blocks_down = down_count;
        }
    }
    [[nodiscard]] std::int64_t blocks() const { return blocks_across * blocks_down; }
};

/// One convolution of this kind. A task is a block of tiles, which goes through three steps
/// that stay in the cache: inputs to points, products, points to outputs.
template <class S>
struct Winograd {
    WinogradForm form;
    WinogradBlock<S> image; ///< of the first image; a block's place is filled in
    const S* packed;
    Padding padding;

    struct Sizes {
        std::int64_t outputs, points, taps, step;
    };
    [[nodiscard]] Sizes sizes() const {
        const auto of = []<class F>(F) {
            return Sizes{F::outputs, F::points, F::taps, F::step};
        };
        if (form == WinogradForm::f4) return of(WinogradSizes<WinogradForm::f4>());
        if (form == WinogradForm::f2) return of(WinogradSizes<WinogradForm::f2>());
        return of(WinogradSizes<WinogradForm::f2_upsampled>());
    }
    [[nodiscard]] std::int64_t panels() const {
        return (image.y_channels + panel_rows - 1) / panel_rows;
    }

    /// The products of some panels at all points: 2 MiB. Fewer would read the inputs again and
    /// again.
    [[nodiscard]] std::int64_t panels_at_once(std::int64_t columns) const {
        const auto points = sizes().points * sizes().points;
        const auto bytes = points * panel_rows * columns * std::int64_t{sizeof(S)};
        return std::clamp<std::int64_t>((std::int64_t{1} << 21) / bytes, 1, panels());
    }

    void run(std::int64_t images) const {
        const auto n = sizes();
        const auto tiles_across = (image.y.width + n.outputs - 1) / n.outputs;
        const auto tiles_down = (image.y.height - image.y.first + n.outputs - 1) / n.outputs;
        const auto columns = 2 * tile_columns;
        const TileGrid grid(tiles_across, tiles_down, columns);
        const auto items = images * grid.blocks();

        auto task = image;
        task.columns = columns;
        // Points that stood a power of two apart would meet in one place of the cache.
        task.input_stride = task.channels * columns + 16;
        const auto group = panels_at_once(columns);
        task.product_stride = group * panel_rows * columns + 16;
        task.across = grid.across, task.down = grid.down;
        const auto points = n.points * n.points;
        const auto lines = n.step * (task.down - 1) + n.taps;
        const auto read_scratch =
            task.line_length(n.step) + n.step * task.pitch() + lines * n.points * task.pitch();
        const auto write_scratch = n.outputs * n.outputs * columns;
        const auto& simd = kernels<S>();
        Scratch<S> scratch(worker_count(items),
                           points * (task.input_stride + task.product_stride) + 16 +
                               std::max(read_scratch, write_scratch));
        parallel_for(items, [&](std::int64_t item, int worker) {
            auto block = task;
            const auto index = item / grid.blocks();
            place(block, grid, item % grid.blocks(), tiles_across, tiles_down);
            block.x.data += index * block.channels * block.x.plane_stride;
            block.y.data += index * block.y_channels * block.y.plane_stride;
            if (block.add) block.add += index * block.y_channels * block.y.plane_stride;
            block.norm = image.norm.from(index * block.channels);
            S* inputs = scratch.of(worker);
            S* products = inputs + points * block.input_stride;
            S* lines_of = products + points * block.product_stride;
            simd.read_inputs[static_cast<std::size_t>(form)](block, inputs, lines_of);
            for (std::int64_t first = 0; first < panels(); first += group) {
                const auto count = std::min(group, panels() - first);
                multiply(simd, block, first, count, inputs, products);
                const auto end = std::min(block.y_channels, (first + count) * panel_rows);
                for (auto k = first * panel_rows; k < end; ++k) {
                    simd.write_outputs[static_cast<std::size_t>(form)](
                        block, k, products + (k - first * panel_rows) * columns, lines_of);
                }
            }
        });
    }

    /// Where a block of the grid stands, and how much of it is inside.
    void place(WinogradBlock<S>& block, const TileGrid& grid, std::int64_t index,
               std::int64_t tiles_across, std::int64_t tiles_down) const {
        const auto n = sizes();
        const auto column = index % grid.blocks_across * grid.across;
        const auto row = index / grid.blocks_across * grid.down;
        block.across = std::min(grid.across, tiles_across - column);
        block.down = std::min(grid.down, tiles_down - row);
        block.y_column = n.outputs * column;
        block.y_row = image.y.first + n.outputs * row;
        const bool upsampled = form == WinogradForm::f2_upsampled;
        block.first_column = upsampled ? column - 1 : block.y_column - padding.left;
        block.first_row = upsampled ? block.y_row / 2 - 1 : block.y_row - padding.top;
    }

    /// Step 2: products [points][panels of a group x 8][columns].
    void multiply(const Kernels<S>& simd, const WinogradBlock<S>& block, std::int64_t first,
                  std::int64_t count, const S* inputs, S* products) const {
        const auto n = sizes();
        const auto columns =
            (block.across * block.down + tile_columns - 1) / tile_columns * tile_columns;
        for (std::int64_t point = 0; point < n.points * n.points; ++point) {
            const S* weights = packed + row_of(point) * panels() * block.channels * panel_rows;
            simd.multiply_panels(weights + first * block.channels * panel_rows, count,
                                 inputs + point * block.input_stride, block.columns,
                                 block.channels, products + point * block.product_stride,
                                 block.columns, columns, false);
        }
    }

    /// Where the packed weights of a point stand: upsampled, it is one of F(2x2, 3x3)'s.
    [[nodiscard]] std::int64_t row_of(std::int64_t point) const {
        if (form != WinogradForm::f2_upsampled) return point;
        constexpr std::array<std::int64_t, 3> kept{0, 1, 3};
        return kept[static_cast<std::size_t>(point / 3)] * 4 +
               kept[static_cast<std::size_t>(point % 3)];
    }
};

} // namespace latent::detail
