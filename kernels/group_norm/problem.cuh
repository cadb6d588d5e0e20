#pragma once

#include "../ladder/rung.cuh"

/// What every rung of this ladder computes: the group norm of one image, in float32.
///   y[c, i] = (x[c, i] - mean) / sqrt(variance + eps) weight[c] + bias[c]
///   x [channels, pixels], weight and bias [channels]  ->  y [channels, pixels]
/// Mean and variance are those of c's group: channels / groups channels, which lie together in
/// memory. There is next to no arithmetic: memory sets the pace.
/// Source: docs/ops/group_norm.md.

namespace ladder::group_norm {

struct Problem {
    int channels, pixels, groups;
    float eps;
    const float *x, *weight, *bias;
    float* y;
    float* scratch; ///< for the rungs that need some

    /// The numbers of a group.
    [[nodiscard]] __host__ __device__ std::int64_t count() const {
        return static_cast<std::int64_t>(channels / groups) * pixels;
    }
};

/// The result for the i-th number of a group; factor = 1 / sqrt(variance + eps).
__device__ inline void write(const Problem& p, int group, std::int64_t i, float mean,
                             float factor) {
    const auto at = group * p.count() + i, channel = at / p.pixels;
    store(p.y + at, fmaf((load(p.x + at) - mean) * factor, load(p.weight + channel),
                         load(p.bias + channel)));
}

} // namespace ladder::group_norm
