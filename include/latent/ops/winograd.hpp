#pragma once

#include "latent/ops/conv2d_geometry.hpp"
#include "latent/ops/matrix_tile.hpp"
#include "latent/tensor/parallel.hpp"
#include "latent/tensor/simd.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

/// 3x3 convolution with stride 1 by Winograd's minimal filtering F(2x2, 3x3): 2x2 outputs come
/// from 4x4 inputs d and the 3x3 filter g with 16 products instead of 36,
///   Y = A^T [ (G g G^T) . (B^T d B) ] A,
///       B^T = | 1  0 -1  0 |    G = |  1    0    0  |    A^T = | 1  1  1  0 |
///             | 0  1  1  0 |        | 1/2  1/2  1/2 |          | 0  1 -1 -1 |
///             | 0 -1  1  0 |        | 1/2 -1/2  1/2 |
///             | 0  1  0 -1 |        |  0    0    1  |
/// and for each of the 16 points the sum over channels is a matrix product.
/// After nearest upsampling by 2 the two middle inputs are equal, so the third row of B^T d is
/// zero:
/// 9 products are left of the 16, and the large image is never made.
/// Source: Lavin and Gray 2016, arXiv:1509.09308.

namespace latent::detail {

/// [16 points][panels of 8 output channels][in_channels][8]: G g G^T in double, rounded once.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> winograd_pack(const Tensor<Cpu<S>>& weight) {
    constexpr std::array<std::array<double, 3>, 4> G{
        {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}}};
    const auto [K, C, kernel_h, kernel_w] = nchw(weight, "conv2d weight");
    const auto panels = (K + panel_rows - 1) / panel_rows;
    Tensor<Cpu<S>> packed(Shape{16, panels, C, panel_rows});
    std::ranges::fill(packed.values(), S{0});
    for (std::int64_t k = 0; k < K; ++k) {
        for (std::int64_t c = 0; c < C; ++c) {
            const S* g = weight.data() + (k * C + c) * 9;
            for (std::size_t i = 0; i < 4; ++i) {
                for (std::size_t j = 0; j < 4; ++j) {
                    double sum = 0;
                    for (std::size_t y = 0; y < 3; ++y) {
                        for (std::size_t x = 0; x < 3; ++x) {
                            sum += G[i][y] * G[j][x] * static_cast<double>(g[y * 3 + x]);
                        }
                    }
                    const auto point = static_cast<std::int64_t>(i * 4 + j);
                    const auto at = ((point * panels + k / panel_rows) * C + c) * panel_rows;
                    packed.data()[at + k % panel_rows] = static_cast<S>(sum);
                }
            }
        }
    }
    return packed;
}

/// One convolution of this kind. Work is cut into blocks of 48 tiles (of 2x2 outputs) in
/// reading order; a block goes through three steps that stay in the cache: inputs to points,
/// products, points to outputs.
template <class V, bool Upsampled>
struct Winograd {
    using S = typename V::scalar;
    static constexpr std::int64_t points = Upsampled ? 3 : 4; // each way
    static constexpr std::array<std::int64_t, 4> packed_row{0, 1, Upsampled ? 3 : 2, 3};
    static constexpr std::int64_t tiles = tile_columns;
    static constexpr std::int64_t row_stride = tiles + 16; // vectors may overrun a run of tiles
    static constexpr std::int64_t line_length = 2 * row_stride + 16;
    static_assert(V::width <= 16 && tiles % V::width == 0);

    const S* x;
    std::int64_t C, H, W; // of x as it is stored
    const S* packed;
    const S* bias;
    std::int64_t K;
    Padding padding;
    S* y;
    std::int64_t OH, OW;
    const S* add;
    Activation activation;

    [[nodiscard]] std::int64_t tiles_across() const { return (OW + 1) / 2; }
    [[nodiscard]] std::int64_t blocks() const {
        return (tiles_across() * ((OH + 1) / 2) + tiles - 1) / tiles;
    }

    // A worker's memory: inputs at the points, products at the points for one panel, and lines.
    [[nodiscard]] std::int64_t scratch_size() const {
        return points * points * (C + panel_rows) * tiles + 16 * row_stride + 2 * line_length;
    }

    /// Calls body(offset, tile_row, tile_column, count) for each run of tiles side by side.
    template <class Body>
    void for_runs(std::int64_t block, const Body& body) const {
        const auto across = tiles_across();
        const auto total = across * ((OH + 1) / 2);
        const auto end = std::min(total, (block + 1) * tiles);
        for (auto tile = block * tiles; tile < end;) {
            const auto count = std::min(across - tile % across, end - tile);
            body(tile - block * tiles, tile / across, tile % across, count);
            tile += count;
        }
    }

    /// `count` values of a row from column `first` on (zeros outside the image), with room
    /// behind them for whole vectors. Points into the image where it can.
    [[nodiscard]] const S* line_of(const S* plane, std::int64_t row, std::int64_t first,
                                   std::int64_t count, S* line) const {
        if (row < 0 || row >= H) {
            std::fill_n(line, line_length, S{0});
            return line;
        }
        const S* from = plane + row * W;
        if (first >= 0 && first + count + 2 * V::width <= W) return from + first;
        const auto begin = std::clamp<std::int64_t>(-first, 0, count);
        const auto end = std::clamp<std::int64_t>(W - first, begin, count);
        std::fill_n(line, begin, S{0});
        std::copy_n(from + first + begin, end - begin, line + begin);
        std::fill(line + end, line + line_length, S{0});
        return line;
    }

    // One dimension of B^T d. Upsampled inputs are d0, d1, d1, d2.
    [[nodiscard]] static std::array<V, 4> to_points(V d0, V d1, V d2, V d3) {
        if constexpr (Upsampled) return {d0 - d1, d1 + d1, d1 - d2, d3};
        return {d0 - d2, d1 + d2, d2 - d1, d1 - d3};
    }
    // One dimension of A^T m; where upsampled, the point between m1 and m2 is zero.
    [[nodiscard]] static std::array<V, 2> to_outputs(V m0, V m1, V m2, V m3) {
        if constexpr (Upsampled) return {m0 + m1, m1 - m2};
        return {m0 + (m1 + m2), (m1 - m2) - m3};
    }

    /// Step 1: inputs [points x points][C][tiles] = B^T d B.
    void read_inputs(std::int64_t image, std::int64_t block, S* inputs, S* rows,
                     S* line) const {
        constexpr std::int64_t taps = points; // rows of x that a tile row reads
        for (std::int64_t c = 0; c < C; ++c) {
            const S* plane = x + (image * C + c) * H * W;
            for_runs(block, [&](std::int64_t offset, std::int64_t tile_row,
                                std::int64_t tile_column, std::int64_t count) {
                for (std::int64_t i = 0; i < taps; ++i) {
                    S* to = rows + i * 4 * row_stride + offset;
                    const auto row =
                        Upsampled ? tile_row - 1 + i : 2 * tile_row - padding.top + i;
                    const auto first =
                        Upsampled ? tile_column - 1 : 2 * tile_column - padding.left;
                    const S* from =
                        line_of(plane, row, first, Upsampled ? count + 2 : 2 * count + 2, line);
                    for (std::int64_t t = 0; t < count; t += V::width) {
                        std::array<V, 4> d;
                        if constexpr (Upsampled) {
                            d = {V::load(from + t), V::load(from + t + 1),
                                 V::load(from + t + 2), V::broadcast(0)};
                        } else {
                            const S* pair = from + 2 * t;
                            const auto [d0, d1] =
                                deinterleave(V::load(pair), V::load(pair + V::width));
                            const auto [d2, d3] =
                                deinterleave(V::load(pair + 2), V::load(pair + 2 + V::width));
                            d = {d0, d1, d2, d3};
                        }
                        const auto h = to_points(d[0], d[1], d[2], d[3]);
                        for (std::size_t j = 0; j < points; ++j) {
                            h[j].store(to + static_cast<std::int64_t>(j) * row_stride + t);
                        }
                    }
                }
            });
            for (std::int64_t j = 0; j < points; ++j) {
                for (std::int64_t t = 0; t < tiles; t += V::width) {
                    const auto at = [&](std::int64_t i) {
                        return V::load(rows + (i * 4 + j) * row_stride + t);
                    };
                    const auto v = to_points(at(0), at(1), at(2), at(points - 1));
                    for (std::size_t i = 0; i < points; ++i) {
                        const auto point = static_cast<std::int64_t>(i) * points + j;
                        v[i].store(inputs + (point * C + c) * tiles + t);
                    }
                }
            }
        }
    }

    /// Step 2: products [points x points][8][tiles] of one panel of output channels.
    void multiply(std::int64_t panel, const S* inputs, S* products) const {
        const auto panels = (K + panel_rows - 1) / panel_rows;
        for (std::int64_t i = 0; i < points; ++i) {
            for (std::int64_t j = 0; j < points; ++j) {
                const auto row = packed_row[static_cast<std::size_t>(i)] * 4 +
                                 packed_row[static_cast<std::size_t>(j)];
                const auto point = i * points + j;
                multiply_tile<V>(packed + (row * panels + panel) * C * panel_rows,
                                 inputs + point * C * tiles, C,
                                 products + point * panel_rows * tiles);
            }
        }
    }

    /// Step 3: one output channel of the block, A^T m A + bias, into two lines and from there
    /// to y.
    void write_outputs(std::int64_t image, std::int64_t block, std::int64_t k,
                       const S* products, S* lines) const {
        const auto offset_bias = V::broadcast(bias ? bias[k] : S{0});
        const S* channel = products + (k % panel_rows) * tiles;
        for (std::int64_t t = 0; t < tiles; t += V::width) {
            std::array<std::array<V, 4>, 2> z;
            for (std::int64_t j = 0; j < points; ++j) {
                const auto at = [&](std::int64_t i) {
                    return V::load(channel + (i * points + j) * panel_rows * tiles + t);
                };
                const auto pair = to_outputs(at(0), at(1), at(2), at(points - 1));
                z[0][static_cast<std::size_t>(j)] = pair[0];
                z[1][static_cast<std::size_t>(j)] = pair[1];
            }
            for (std::size_t a = 0; a < 2; ++a) {
                const auto last = static_cast<std::size_t>(points - 1);
                const auto pair = to_outputs(z[a][0], z[a][1], z[a][2], z[a][last]);
                const auto [left, right] =
                    interleave(pair[0] + offset_bias, pair[1] + offset_bias);
                S* line = lines + static_cast<std::int64_t>(a) * line_length + 2 * t;
                left.store(line);
                right.store(line + V::width);
            }
        }
        for_runs(block, [&](std::int64_t offset, std::int64_t tile_row,
                            std::int64_t tile_column, std::int64_t count) {
            for (std::int64_t a = 0; a < 2 && 2 * tile_row + a < OH; ++a) {
                const auto at =
                    ((image * K + k) * OH + 2 * tile_row + a) * OW + 2 * tile_column;
                const auto length = std::min(2 * count, OW - 2 * tile_column);
                finish_run(lines + a * line_length + 2 * offset, add ? add + at : nullptr,
                           activation, y + at, length);
            }
        });
    }

    void run(std::int64_t images) const {
        const auto items = images * blocks();
        Scratch<S> scratch(worker_count(items), scratch_size());
        parallel_for(items, [&](std::int64_t item, int worker) {
            S* inputs = scratch.of(worker);
            S* products = inputs + points * points * C * tiles;
            S* rows = products + points * points * panel_rows * tiles;
            S* lines = rows + 16 * row_stride;
            const auto image = item / blocks();
            const auto block = item % blocks();
            std::fill_n(rows, 16 * row_stride, S{0});
            read_inputs(image, block, inputs, rows, lines);
            for (std::int64_t k = 0; k < K; ++k) {
                if (k % panel_rows == 0) multiply(k / panel_rows, inputs, products);
                write_outputs(image, block, k, products, lines);
            }
        });
    }
};

} // namespace latent::detail
