#pragma once

#include "problem.cuh"

/// Rung 2: a block to a group. Its 256 threads read neighbouring numbers, and keep a sum each.
/// The lanes of a warp add theirs up by handing numbers to each other, without memory; the
/// warps do it by way of shared memory (block_sum, ../device.cuh).

namespace ladder::group_norm::block {

inline constexpr int threads = 256;

struct Sums {
    Shared<float, 1, threads / 32> places;
};

__global__ void __launch_bounds__(threads) group_norm_block(Problem p) {
    auto& s = shared_storage<Sums>();
    const int group = static_cast<int>(blockIdx.x);
    const float* x = p.x + group * p.count();
    const auto count = static_cast<float>(p.count());
    float sum = 0, squares = 0;
    for (std::int64_t i = threadIdx.x; i < p.count(); i += threads) sum += load(x + i);
    const float mean = block_sum(sum, s.places) / count;
    for (std::int64_t i = threadIdx.x; i < p.count(); i += threads) {
        const float distance = load(x + i) - mean;
        squares = fmaf(distance, distance, squares);
    }
    const float factor = rsqrtf(block_sum(squares, s.places) / count + p.eps);
    for (std::int64_t i = threadIdx.x; i < p.count(); i += threads)
        write(p, group, i, mean, factor);
}

inline void run(const Problem& p, Launcher& launch) {
    launch(group_norm_block, dim3(static_cast<unsigned>(p.groups)), threads, sizeof(Sums), p);
}

inline constexpr Rung<Problem> rung{"2_block", "a block to a group, sums by shuffles", run};

} // namespace ladder::group_norm::block
