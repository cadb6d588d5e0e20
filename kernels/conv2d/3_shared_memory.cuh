#pragma once

#include "problem.cuh"

/// Rung 3: what a block reads, it reads once. A block makes 8 x 32 pixels of one output
/// channel; they look at 10 x 34 pixels of each channel. These go into shared memory, which
/// lies beside the arithmetic, four channels at a time; each is read nine times from there.

namespace ladder::conv2d::shared_memory {

inline constexpr int tile_rows = 8, tile_columns = 32, channels_at_once = 4;
inline constexpr int seen_rows = tile_rows + 2, seen_columns = tile_columns + 2;

struct Tile {
    Shared<float, channels_at_once * seen_rows, seen_columns> pixels;
    Shared<float, channels_at_once, 9> taps;
};

__global__ void conv2d_shared_memory(Problem p) {
    auto& s = shared_storage<Tile>();
    const int thread = static_cast<int>(threadIdx.x);
    const int first_row = static_cast<int>(blockIdx.y) * tile_rows;
    const int first_column = static_cast<int>(blockIdx.x) * tile_columns;
    const int down = thread / tile_columns, right = thread % tile_columns;
    const int k = static_cast<int>(blockIdx.z);

    float sum = 0;
    for (int first = 0; first < p.channels; first += channels_at_once) {
        const int left = p.channels - first;
        const int channels = left < channels_at_once ? left : channels_at_once;
        // All threads fetch, whatever comes to them.
        for (int i = thread; i < channels * seen_rows * seen_columns;
             i += tile_rows * tile_columns) {
            const int line = i / seen_columns, column = i % seen_columns;
            s.pixels(line, column) =
                pixel(p, first + line / seen_rows, first_row + line % seen_rows - 1,
                      first_column + column - 1);
        }
        if (thread < 9 * channels)
            s.taps(thread / 9, thread % 9) = tap(p, k, first + thread / 9, thread % 9);
        __syncthreads(); // all is there
        for (int c = 0; c < channels; ++c) {
            for (int i = 0; i < 9; ++i)
                sum += s.taps(c, i) * s.pixels(c * seen_rows + down + i / 3, right + i % 3);
        }
        __syncthreads(); // all is read, and may be overwritten
    }
    const int row = first_row + down, column = first_column + right;
    if (row < p.height && column < p.width) write(p, k, row * p.width + column, sum);
}

inline void run(const Problem& p, Launcher& launch) {
    const dim3 grid(blocks(p.width, tile_columns), blocks(p.height, tile_rows),
                    static_cast<unsigned>(p.out_channels));
    launch(conv2d_shared_memory, grid, tile_rows * tile_columns, sizeof(Tile), p);
}

inline constexpr Rung<Problem> rung{"3_shared_memory", "what a block reads, it reads once",
                                    run};

} // namespace ladder::conv2d::shared_memory
