#pragma once

#include "../ladder/rung.cuh"

#include <cmath>

/// What every rung of this ladder computes: attention of one head, in float32.
///   y = softmax(q k^T / sqrt(channels)) v,   the softmax over each row
///   q, k, v [tokens, channels]  ->  y [tokens, channels];   channels <= 512
/// Source: docs/ops/attention.md.

namespace ladder::attention {

struct Problem {
    int tokens, channels;
    const float *q, *k, *v;
    float* y;
    float* scratch; ///< for the rungs that need some

    [[nodiscard]] __host__ __device__ float scale() const {
        return 1 / sqrtf(static_cast<float>(channels));
    }
    /// Where a token's channels begin.
    [[nodiscard]] __host__ __device__ std::int64_t row(int token) const {
        return static_cast<std::int64_t>(token) * channels;
    }
};

} // namespace ladder::attention
