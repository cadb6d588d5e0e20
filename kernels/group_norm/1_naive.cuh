#pragma once

#include "problem.cuh"

/// Rung 1: the definition, a thread to a group: the mean, the variance around it, the results.
/// 32 groups are 32 threads, on a GPU that has room for a quarter of a million, and what the
/// threads of a warp read lies a whole group apart: 32 sectors for 32 numbers.

namespace ladder::group_norm::naive {

/// number(0) + ... + number(count - 1), in parts of 256: in one chain of all of them, each
/// addition would round to the size of the whole sum.
template <class Number>
[[nodiscard]] __device__ float sum_of(std::int64_t count, const Number& number) {
    float sum = 0;
    for (std::int64_t first = 0; first < count; first += 256) {
        float part = 0;
        for (auto i = first; i < count && i < first + 256; ++i) part += number(i);
        sum += part;
    }
    return sum;
}

__global__ void group_norm_naive(Problem p) {
    const int group = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (group >= p.groups) return;
    const float* x = p.x + group * p.count();
    const auto count = static_cast<float>(p.count());
    const float mean = sum_of(p.count(), [&](std::int64_t i) { return load(x + i); }) / count;
    const auto square = [&](std::int64_t i) {
        const float distance = load(x + i) - mean;
        return distance * distance;
    };
    const float variance = sum_of(p.count(), square) / count;
    const float factor = rsqrtf(variance + p.eps);
    for (std::int64_t i = 0; i < p.count(); ++i) write(p, group, i, mean, factor);
}

inline void run(const Problem& p, Launcher& launch) {
    launch(group_norm_naive, dim3(blocks(p.groups, 32)), 32, 0, p);
}

inline constexpr Rung<Problem> rung{"1_naive", "the definition, a thread to a group", run};

} // namespace ladder::group_norm::naive
