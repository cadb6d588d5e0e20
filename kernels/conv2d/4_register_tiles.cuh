#pragma once

#include "problem.cuh"

/// Rung 4: what a thread reads from shared memory, it uses often. In rung 3 each multiply-add
/// needs two reads, and these set the pace, not the arithmetic. Here a thread makes 8 output
/// channels of 4 pixels, in 32 registers: 12 reads feed 32 multiply-adds.
/// The convolution becomes a product of matrices,
///   y [out_channels, pixels] = weight [out_channels, depth] columns [depth, pixels]
/// with depth = 9 channels, whose right side is never made: it is looked up in the image.

namespace ladder::conv2d::register_tiles {

inline constexpr int tile_channels = 64, tile_pixels = 128, tile_depth = 8;
inline constexpr int own_channels = 8, own_pixels = 4, threads = 256;

struct Tile {
    // Four columns more than are used: 8 lanes that write one below the other would all meet
    // the same of the 32 banks.
    Shared<float, tile_depth, tile_channels + 4> taps;
    Shared<float, tile_depth, tile_pixels> pixels;
};

__global__ void __launch_bounds__(threads) conv2d_register_tiles(Problem p) {
    auto& s = shared_storage<Tile>();
    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
    const int first_pixel = static_cast<int>(blockIdx.x) * tile_pixels;
    const int first_channel = static_cast<int>(blockIdx.y) * tile_channels;
    const int depth = 9 * p.channels;

    float sum[own_channels][own_pixels] = {};
    for (int first = 0; first < depth; first += tile_depth) {
        for (int i = thread; i < tile_depth * tile_channels; i += threads) {
            const int d = first + i % tile_depth, k = first_channel + i / tile_depth;
            s.taps(i % tile_depth, i / tile_depth) =
                d < depth && k < p.out_channels ? tap(p, k, d / 9, d % 9) : 0;
        }
        for (int i = thread; i < tile_depth * tile_pixels; i += threads) {
            const int d = first + i / tile_pixels, at = first_pixel + i % tile_pixels;
            s.pixels(i / tile_pixels, i % tile_pixels) =
                d < depth && at < p.pixels()
                    ? pixel(p, d / 9, at / p.width + d % 9 / 3 - 1, at % p.width + d % 3 - 1)
                    : 0;
        }
        __syncthreads();
#pragma unroll
        for (int d = 0; d < tile_depth; ++d) {
            float taps[own_channels], pixels[own_pixels];
#pragma unroll
            for (int i = 0; i < own_channels; ++i) taps[i] = s.taps(d, own_channels * warp + i);
#pragma unroll
            for (int j = 0; j < own_pixels; ++j) pixels[j] = s.pixels(d, lane + 32 * j);
#pragma unroll
            for (int i = 0; i < own_channels; ++i) {
#pragma unroll
                for (int j = 0; j < own_pixels; ++j)
                    sum[i][j] = fmaf(taps[i], pixels[j], sum[i][j]);
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < own_channels; ++i) {
#pragma unroll
        for (int j = 0; j < own_pixels; ++j) {
            const int k = first_channel + own_channels * warp + i;
            const int at = first_pixel + lane + 32 * j;
            if (k < p.out_channels && at < p.pixels()) write(p, k, at, sum[i][j]);
        }
    }
}

inline void run(const Problem& p, Launcher& launch) {
    const dim3 grid(blocks(p.pixels(), tile_pixels), blocks(p.out_channels, tile_channels));
    launch(conv2d_register_tiles, grid, threads, sizeof(Tile), p);
}

inline constexpr Rung<Problem> rung{"4_register_tiles",
                                    "what a thread reads, it uses for many results", run};

} // namespace ladder::conv2d::register_tiles
