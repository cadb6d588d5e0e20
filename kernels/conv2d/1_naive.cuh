#pragma once

#include "problem.cuh"

/// Rung 1: the definition, a thread to a result. Neighbouring threads take neighbouring output
/// channels, as the formula begins with k. But memory moves in sectors of 32 bytes, and the
/// weights of neighbouring k lie 9 channels apart: when a warp reads its 32 weights, 32 sectors
/// move, and of each 4 bytes are used.

namespace ladder::conv2d::naive {

__global__ void conv2d_naive(Problem p) {
    const int k = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int row = static_cast<int>(blockIdx.z), column = static_cast<int>(blockIdx.y);
    if (k >= p.out_channels) return;
    float sum = 0;
    for (int c = 0; c < p.channels; ++c) {
        for (int i = 0; i < 9; ++i)
            sum += tap(p, k, c, i) * pixel(p, c, row + i / 3 - 1, column + i % 3 - 1);
    }
    write(p, k, row * p.width + column, sum);
}

inline void run(const Problem& p, Launcher& launch) {
    constexpr unsigned threads = 128;
    const dim3 grid(blocks(p.out_channels, threads), static_cast<unsigned>(p.width),
                    static_cast<unsigned>(p.height));
    launch(conv2d_naive, grid, threads, 0, p);
}

inline constexpr Rung<Problem> rung{"1_naive", "the definition, a thread to a result", run};

} // namespace ladder::conv2d::naive
