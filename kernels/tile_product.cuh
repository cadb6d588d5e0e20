#pragma once

#include "device.cuh"

/// A product of two matrices, a tile of the result to a block of 256 threads: conv2d and linear
/// are made of it.
///   y [left, right] = sum over k < depth of l [k, left] r [k, right]
/// Steps of 8 in k go through shared memory; while one is multiplied, the next is on its way
/// from global memory into registers. A thread makes PerThread x 8 results: of each 16 numbers
/// that it reads from shared memory it makes 64 products.
/// Sums are taken over 32 products, and those then added: rounding errors grow with the length
/// of a chain.

namespace latent::kernels {

inline constexpr int tile_threads = 256, tile_right = 128, tile_depth = 8;

/// PerThread 8: 128 rows to the left; 1: 16.
template <int PerThread>
inline constexpr int tile_left = 16 * PerThread;

template <int PerThread>
struct TileShared {
    Shared<float, tile_depth, tile_left<PerThread>> left;
    Shared<float, tile_depth, tile_right> right;
};

/// Where the thread's results stand in the tile: fours, 64 apart, so that neighbouring threads
/// read neighbouring fours.
template <int PerThread>
[[nodiscard]] __device__ int left_of(int i) {
    const int row = static_cast<int>(threadIdx.x) / 16;
    if constexpr (PerThread == 1) return row;
    return i / 4 * 64 + 4 * row + i % 4;
}
[[nodiscard]] __device__ inline int right_of(int j) {
    const int column = static_cast<int>(threadIdx.x) % 16;
    return j / 4 * 64 + 4 * column + j % 4;
}

/// `left(k, i)` is four numbers from l [k, i] on, `right(k)` the one in the thread's column,
/// threadIdx.x % 128. Behind depth both give zeros.
template <int PerThread, class Left, class Right>
__device__ void tile_product(int depth, TileShared<PerThread>& s, const Left& left,
                             const Right& right, float (&y)[PerThread][8]) {
    constexpr int fours = tile_left<PerThread> / 4, chain = 32;
    constexpr int rights = tile_depth * tile_right / tile_threads;
    const int thread = static_cast<int>(threadIdx.x);
    const bool loads_left = thread < tile_depth * fours;
    const int left_k = thread / fours, left_i = thread % fours * 4;
    const int right_k = thread / tile_right, right_i = thread % tile_right;

    float4 next_left{};
    float next_right[rights];
    const auto fetch = [&](int first) {
        if (loads_left) next_left = left(first + left_k, left_i);
#pragma unroll
        for (int i = 0; i < rights; ++i) next_right[i] = right(first + right_k + 2 * i);
    };
    float sums[PerThread][8] = {};
#pragma unroll
    for (int i = 0; i < PerThread; ++i) {
#pragma unroll
        for (int j = 0; j < 8; ++j) y[i][j] = 0;
    }
    fetch(0);
    for (int first = 0; first < depth; first += tile_depth) {
        if (loads_left) s.left.four(left_k, left_i) = next_left;
#pragma unroll
        for (int i = 0; i < rights; ++i) s.right(right_k + 2 * i, right_i) = next_right[i];
        __syncthreads();
        if (first + tile_depth < depth) fetch(first + tile_depth);
#pragma unroll
        for (int k = 0; k < tile_depth; ++k) {
            float l[PerThread], r[8];
            if constexpr (PerThread == 1) {
                l[0] = s.left(k, left_of<1>(0));
            } else {
#pragma unroll
                for (int i = 0; i < PerThread; i += 4) {
                    const auto four = s.left.four(k, left_of<PerThread>(i));
                    l[i] = four.x, l[i + 1] = four.y, l[i + 2] = four.z, l[i + 3] = four.w;
                }
            }
#pragma unroll
            for (int j = 0; j < 8; j += 4) {
                const auto four = s.right.four(k, right_of(j));
                r[j] = four.x, r[j + 1] = four.y, r[j + 2] = four.z, r[j + 3] = four.w;
            }
#pragma unroll
            for (int i = 0; i < PerThread; ++i) {
#pragma unroll
                for (int j = 0; j < 8; ++j) sums[i][j] = fmaf(l[i], r[j], sums[i][j]);
            }
        }
        __syncthreads();
        if ((first + tile_depth) % chain != 0 && first + tile_depth < depth) continue;
#pragma unroll
        for (int i = 0; i < PerThread; ++i) {
#pragma unroll
            for (int j = 0; j < 8; ++j) y[i][j] += sums[i][j], sums[i][j] = 0;
        }
    }
}

} // namespace latent::kernels
