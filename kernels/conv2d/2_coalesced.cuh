#pragma once

#include "problem.cuh"

/// Rung 2: neighbouring threads take neighbouring pixels. Nothing else is different. Now the 32
/// pixels that a warp reads lie side by side, in 4 or 5 sectors of which all is used, and its
/// threads want one weight together, which is one sector: the reads are coalesced.

namespace ladder::conv2d::coalesced {

__global__ void conv2d_coalesced(Problem p) {
    const int at = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int k = static_cast<int>(blockIdx.y);
    if (at >= p.pixels()) return;
    const int row = at / p.width, column = at % p.width;
    float sum = 0;
    for (int c = 0; c < p.channels; ++c) {
        for (int i = 0; i < 9; ++i)
            sum += tap(p, k, c, i) * pixel(p, c, row + i / 3 - 1, column + i % 3 - 1);
    }
    write(p, k, at, sum);
}

inline void run(const Problem& p, Launcher& launch) {
    constexpr unsigned threads = 128;
    const dim3 grid(blocks(p.pixels(), threads), static_cast<unsigned>(p.out_channels));
    launch(conv2d_coalesced, grid, threads, 0, p);
}

inline constexpr Rung<Problem> rung{"2_coalesced",
                                    "neighbouring threads read neighbouring numbers", run};

} // namespace ladder::conv2d::coalesced
