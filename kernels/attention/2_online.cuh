#pragma once

#include "problem.cuh"

/// Rung 2: no matrix. A warp takes a query, and goes over the keys once, its lanes side by side
/// along the channels. It keeps the largest score so far, the sum of all exp(score - largest),
/// and the sum of the values with these weights. When a larger score comes, all that was summed
/// is mended:  exp(score - new) = exp(score - old) exp(old - new).
/// Source: Milakov and Gimelshein 2018, arXiv:1805.02867.

namespace ladder::attention::online {

inline constexpr int warps = 4;      ///< of a block: a query each
inline constexpr int own = 512 / 32; ///< channels of a lane: every 32nd one

__global__ void __launch_bounds__(32 * warps) attention_online(Problem p) {
    const int lane = static_cast<int>(threadIdx.x % 32);
    const int query = static_cast<int>(blockIdx.x) * warps + static_cast<int>(threadIdx.x / 32);
    if (query >= p.tokens) return; // all of a warp
    float q[own], y[own] = {};
#pragma unroll
    for (int i = 0; i < own; ++i) {
        const int c = lane + 32 * i;
        q[i] = c < p.channels ? load(p.q + p.row(query) + c) * p.scale() : 0;
    }
    float largest = -INFINITY, sum = 0;
    for (int key = 0; key < p.tokens; ++key) {
        float part = 0;
#pragma unroll
        for (int i = 0; i < own; ++i) {
            const int c = lane + 32 * i;
            if (c < p.channels) part = fmaf(q[i], load(p.k + p.row(key) + c), part);
        }
        const float score = warp_sum(part), new_largest = fmaxf(largest, score);
        const float mend = expf(largest - new_largest), weight = expf(score - new_largest);
        largest = new_largest;
        sum = fmaf(sum, mend, weight);
#pragma unroll
        for (int i = 0; i < own; ++i) {
            const int c = lane + 32 * i;
            const float value = c < p.channels ? load(p.v + p.row(key) + c) : 0;
            y[i] = fmaf(y[i], mend, weight * value);
        }
    }
#pragma unroll
    for (int i = 0; i < own; ++i) {
        const int c = lane + 32 * i;
        if (c < p.channels) store(p.y + p.row(query) + c, y[i] / sum);
    }
}

inline void run(const Problem& p, Launcher& launch) {
    launch(attention_online, dim3(blocks(p.tokens, warps)), 32 * warps, 0, p);
}

inline constexpr Rung<Problem> rung{"2_online", "one pass over the keys, no matrix", run};

} // namespace ladder::attention::online
