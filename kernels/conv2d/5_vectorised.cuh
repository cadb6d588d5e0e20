#pragma once

#include "../elementwise.cuh"
#include "../tile_product.cuh"
#include "problem.cuh"

/// Rung 5: 16 bytes at a time. Rung 4 reads shared memory number by number; here a thread makes
/// 8 x 8 results, and reads their 16 numbers in four pieces. For that the weights are turned
/// first: four neighbours in memory are four output channels. And while one step is multiplied,
/// the next is on its way into registers. Both are in ../tile_product.cuh.
/// The library's own kernel (../conv2d.cuh) is this one, for any window, stride and type.

namespace ladder::conv2d::vectorised {

__global__ void __launch_bounds__(tile_threads) conv2d_vectorised(Problem p, int rows) {
    auto& s = shared_storage<TileShared<8>>();
    const int depth = 9 * p.channels;
    const int first_pixel = static_cast<int>(blockIdx.x) * tile_right;
    const int first_channel = static_cast<int>(blockIdx.y) * tile_left<8>;
    const int own = first_pixel + static_cast<int>(threadIdx.x) % tile_right;
    const int row = own / p.width, column = own % p.width;

    const auto four_taps = [&](int d, int i) {
        if (d >= depth || first_channel + i >= rows) return float4{};
        return load_four(p.scratch + static_cast<std::int64_t>(d) * rows + first_channel + i);
    };
    const auto look = [&](int d) {
        if (d >= depth || own >= p.pixels()) return 0.0F;
        return pixel(p, d / 9, row + d % 9 / 3 - 1, column + d % 3 - 1);
    };
    float sum[8][8];
    tile_product<8>(depth, s, four_taps, look, sum);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
#pragma unroll
        for (int j = 0; j < 8; ++j) {
            const int k = first_channel + left_of<8>(i), at = first_pixel + right_of(j);
            if (k < p.out_channels && at < p.pixels()) write(p, k, at, sum[i][j]);
        }
    }
}

/// The turned weights: [9 channels, out_channels rounded up to a multiple of 4].
[[nodiscard]] inline std::int64_t scratch_floats(const Problem& p) {
    return 9 * p.channels * packed_rows(p.out_channels);
}

inline void run(const Problem& p, Launcher& launch) {
    const std::int64_t depth = 9 * p.channels, rows = packed_rows(p.out_channels);
    launch(transpose_kernel<float>, dim3(blocks(depth, 32), blocks(rows, 32)), element_threads,
           sizeof(TransposeShared), p.weight, std::int64_t{p.out_channels}, depth, rows,
           p.scratch);
    launch(conv2d_vectorised,
           dim3(blocks(p.pixels(), tile_right), blocks(p.out_channels, tile_left<8>)),
           tile_threads, sizeof(TileShared<8>), p, static_cast<int>(rows));
}

inline constexpr Rung<Problem> rung{
    "5_vectorised", "16 bytes at a time, and the next step early", run, scratch_floats};

} // namespace ladder::conv2d::vectorised
