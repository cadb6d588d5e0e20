#pragma once

#include "../tile_product.cuh"
#include "problem.cuh"

/// Rung 6: fewer products. F(2x2, 3x3) makes 2 x 2 results of 16 products, where the definition
/// has 36:  Y = A^T [ (G g G^T) . (B^T d B) ] A  (docs/ops/conv2d.md has a worked example).
/// Four steps: taps g to 16 points, 4 x 4 pixels d to 16 points, 16 products of matrices (rung
/// 5's), 16 points to 2 x 2 results. Between them all goes through memory; a kernel that kept
/// it in registers would be rung 7. The factors 0, 1 and 1/2 lose no digits: the error stays
/// within the bound of the rungs before. Source: Lavin and Gray 2016, arXiv:1509.09308.

namespace ladder::conv2d::winograd {

/// Where the steps leave their points, in scratch.
struct Points {
    int across, tiles, rows;        ///< tiles of 2 x 2 results; rows: out_channels, packed
    float *weights, *inputs, *sums; ///< [16, channels, rows], [16, channels, tiles],
                                    ///< [16, out_channels, tiles]
    explicit Points(const Problem& p)
        : across((p.width + 1) / 2),
          tiles(across * ((p.height + 1) / 2)),
          rows(static_cast<int>(packed_rows(p.out_channels))),
          weights(p.scratch),
          inputs(weights + std::int64_t{16} * p.channels * rows),
          sums(inputs + std::int64_t{16} * p.channels * tiles) {}
};

/// G g = (g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2)
__device__ inline void taps_to_points(float a, float b, float c, float (&to)[4]) {
    to[0] = a, to[1] = (a + b + c) / 2, to[2] = (a - b + c) / 2, to[3] = c;
}
/// B^T d = (d0 - d2, d1 + d2, d2 - d1, d1 - d3), in place
__device__ inline void pixels_to_points(float& a, float& b, float& c, float& d) {
    const float first = a - c, second = b + c, third = c - b, fourth = b - d;
    a = first, b = second, c = third, d = fourth;
}
/// A^T m = (m0 + m1 + m2, m1 - m2 - m3), in place
__device__ inline void points_to_results(float& a, float& b, float c, float d) {
    const float first = a + (b + c), second = (b - c) - d;
    a = first, b = second;
}

__global__ void winograd_weights(Problem p, Points w) {
    const int k = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int c = static_cast<int>(blockIdx.y);
    if (k >= w.rows) return;
    float g[3][4]; // of each column of taps
#pragma unroll
    for (int v = 0; v < 3; ++v) {
        float column[3] = {}; // behind out_channels zeros
        for (int u = 0; k < p.out_channels && u < 3; ++u) column[u] = tap(p, k, c, 3 * u + v);
        taps_to_points(column[0], column[1], column[2], g[v]);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        float points[4];
        taps_to_points(g[0][i], g[1][i], g[2][i], points);
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            const auto plane = static_cast<std::int64_t>(4 * i + j) * p.channels + c;
            store(w.weights + plane * w.rows + k, points[j]);
        }
    }
}

__global__ void winograd_inputs(Problem p, Points w) {
    const int tile = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int c = static_cast<int>(blockIdx.y);
    if (tile >= w.tiles) return;
    const int row = tile / w.across * 2 - 1, column = tile % w.across * 2 - 1;
    float d[4][4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) d[i][j] = pixel(p, c, row + i, column + j);
        pixels_to_points(d[i][0], d[i][1], d[i][2], d[i][3]);
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) pixels_to_points(d[0][j], d[1][j], d[2][j], d[3][j]);
#pragma unroll
    for (int i = 0; i < 16; ++i) {
        const auto plane = static_cast<std::int64_t>(i) * p.channels + c;
        store(w.inputs + plane * w.tiles + tile, d[i / 4][i % 4]);
    }
}

__global__ void __launch_bounds__(tile_threads) winograd_products(Problem p, Points w) {
    auto& s = shared_storage<TileShared<8>>();
    const auto point = static_cast<std::int64_t>(blockIdx.z);
    const float* weights = w.weights + point * p.channels * w.rows;
    const float* inputs = w.inputs + point * p.channels * w.tiles;
    const int first_tile = static_cast<int>(blockIdx.x) * tile_right;
    const int first_channel = static_cast<int>(blockIdx.y) * tile_left<8>;
    const int own = first_tile + static_cast<int>(threadIdx.x) % tile_right;

    const auto four_weights = [&](int c, int i) {
        if (c >= p.channels || first_channel + i >= w.rows) return float4{};
        return load_four(weights + static_cast<std::int64_t>(c) * w.rows + first_channel + i);
    };
    const auto input = [&](int c) {
        if (c >= p.channels || own >= w.tiles) return 0.0F;
        return load(inputs + static_cast<std::int64_t>(c) * w.tiles + own);
    };
    float sum[8][8];
    tile_product<8>(p.channels, s, four_weights, input, sum);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
#pragma unroll
        for (int j = 0; j < 8; ++j) {
            const int k = first_channel + left_of<8>(i), tile = first_tile + right_of(j);
            if (k >= p.out_channels || tile >= w.tiles) continue;
            store(w.sums + (point * p.out_channels + k) * w.tiles + tile, sum[i][j]);
        }
    }
}

__global__ void winograd_outputs(Problem p, Points w) {
    const int tile = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int k = static_cast<int>(blockIdx.y);
    if (tile >= w.tiles) return;
    float m[4][4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            const auto plane = static_cast<std::int64_t>(4 * i + j) * p.out_channels + k;
            m[i][j] = load(w.sums + plane * w.tiles + tile);
        }
        points_to_results(m[i][0], m[i][1], m[i][2], m[i][3]);
    }
    const int row = tile / w.across * 2, column = tile % w.across * 2;
#pragma unroll
    for (int j = 0; j < 2; ++j) {
        points_to_results(m[0][j], m[1][j], m[2][j], m[3][j]);
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            if (row + i < p.height && column + j < p.width)
                write(p, k, (row + i) * p.width + column + j, m[i][j]);
        }
    }
}

[[nodiscard]] inline std::int64_t scratch_floats(const Problem& p) {
    const Points w(p);
    return 16 * (std::int64_t{p.channels} * (w.rows + w.tiles) +
                 std::int64_t{p.out_channels} * w.tiles);
}

inline void run(const Problem& p, Launcher& launch) {
    const Points w(p);
    constexpr unsigned threads = 128;
    const auto channels = static_cast<unsigned>(p.channels);
    const auto out_channels = static_cast<unsigned>(p.out_channels);
    launch(winograd_weights, dim3(blocks(w.rows, threads), channels), threads, 0, p, w);
    launch(winograd_inputs, dim3(blocks(w.tiles, threads), channels), threads, 0, p, w);
    launch(winograd_products,
           dim3(blocks(w.tiles, tile_right), blocks(p.out_channels, tile_left<8>), 16),
           tile_threads, sizeof(TileShared<8>), p, w);
    launch(winograd_outputs, dim3(blocks(w.tiles, threads), out_channels), threads, 0, p, w);
}

inline constexpr Rung<Problem> rung{"6_winograd", "16 products instead of 36", run,
                                    scratch_floats};

} // namespace ladder::conv2d::winograd
