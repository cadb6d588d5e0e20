#pragma once

#include "layer.hpp"

#include <algorithm>

/// Rung 2: the same products in another order. The innermost loop runs along a row, one weight
/// times all its pixels, so the compiler computes a whole vector at once; where the window
/// leaves the image is asked once a row. The loop over output channels is inside the one over
/// rows, so that the three input rows are read again from the cache.

namespace ladder {

[[nodiscard]] inline Image rows(const Image& x, const Image& weight) {
    const auto [N, C, H, W] = nchw(x, "rows");
    const auto K = weight.dim(0);
    Image y = output_of(x, weight);
    const auto in = view(x), factor = view(weight);
    const auto out = view(y);
    for (std::int64_t n = 0; n < N; ++n) {
        for (std::int64_t i = 0; i < H; ++i) {
            for (std::int64_t k = 0; k < K; ++k) {
                float* sums = &out(n, k, i, 0);
                std::fill_n(sums, W, 0.0F);
                for (std::int64_t c = 0; c < C; ++c) {
                    for (std::int64_t u = 0; u < 3; ++u) {
                        if (i + u < 1 || i + u > H) continue;
                        for (std::int64_t v = 0; v < 3; ++v) {
                            const float* row = &in(n, c, i + u - 1, 0);
                            const float weight_here = factor(k, c, u, v);
                            const std::int64_t begin = v == 0 ? 1 : 0, end = v == 2 ? W - 1 : W;
                            for (std::int64_t j = begin; j < end; ++j)
                                sums[j] += weight_here * row[j + v - 1];
                        }
                    }
                }
            }
        }
    }
    return y;
}

} // namespace ladder
