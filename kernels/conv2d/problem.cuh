#pragma once

#include "../ladder/rung.cuh"

/// What every rung of this ladder computes: a 3x3 convolution with stride 1 and a padding of 1,
/// in float32.
///   y[k, i, j] = bias[k] + sum over c, u, v of weight[k, c, u, v] x[c, i + u - 1, j + v - 1]
///   x [channels, height, width], weight [out_channels, channels, 3, 3], bias [out_channels]
///   ->  y [out_channels, height, width]
/// x is 0 outside. Source: docs/ops/conv2d.md, which climbs a ladder of its own, on the CPU.

namespace ladder::conv2d {

struct Problem {
    int channels, out_channels, height, width;
    const float *x, *weight, *bias;
    float* y;
    float* scratch; ///< for the rungs that need some

    [[nodiscard]] __host__ __device__ int pixels() const { return height * width; }
};

/// x[channel, row, column], or 0 outside. There a pixel of the border is read, and dropped: all
/// lanes of a warp read together, and none goes another way.
[[nodiscard]] __device__ inline float pixel(const Problem& p, int channel, int row,
                                            int column) {
    const auto nearest = [](int at, int size) {
        return at < 0 ? 0 : at < size ? at : size - 1;
    };
    const int i = nearest(row, p.height), j = nearest(column, p.width);
    const auto line = static_cast<std::int64_t>(channel) * p.height + i;
    const float value = load(p.x + line * p.width + j);
    return i == row && j == column ? value : 0;
}

/// weight[k, channel, i / 3, i % 3]
[[nodiscard]] __device__ inline float tap(const Problem& p, int k, int channel, int i) {
    return load(p.weight + (static_cast<std::int64_t>(k) * p.channels + channel) * 9 + i);
}

/// y[k, at / width, at % width]
__device__ inline void write(const Problem& p, int k, int at, float sum) {
    store(p.y + static_cast<std::int64_t>(k) * p.pixels() + at, sum + load(p.bias + k));
}

} // namespace ladder::conv2d
