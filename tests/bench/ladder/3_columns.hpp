#pragma once

#include "layer.hpp"

#include <Eigen/Core>

#include <algorithm>

/// Rung 3: a matrix product. What the window sees at one place becomes a column of C * 9
/// numbers ("im2col"); the weights are a matrix [K][C * 9] as they lie in memory, and a library
/// that multiplies matrices well does the work. Block by block, so that the nine copies of each
/// pixel stay in the cache.

namespace ladder {

/// columns [C * 9][stride]: what the window sees for `count` output pixels of image n from
/// `first` on, in reading order; 0 outside the image.
inline void gather(View<const float> x, std::int64_t n, std::int64_t first, std::int64_t count,
                   float* columns, std::int64_t stride) {
    for (std::int64_t t = 0; t < count;) { // pixels side by side in a row
        const auto i = (first + t) / x.W, j = (first + t) % x.W;
        const auto run = std::min(x.W - j, count - t);
        float* to = columns + t;
        for (std::int64_t d = 0; d < x.C * 9; ++d, to += stride) {
            const auto c = d / 9, row = i + d / 3 % 3 - 1, left = j + d % 3 - 1;
            const auto begin = std::max(left, std::int64_t{0}), end = std::min(left + run, x.W);
            std::fill_n(to, run, 0.0F);
            if (row >= 0 && row < x.H)
                std::copy(&x(n, c, row, begin), &x(n, c, row, end), to + begin - left);
        }
        t += run;
    }
}

[[nodiscard]] inline Image columns(const Image& x, const Image& weight) {
    using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const auto [N, C, H, W] = nchw(x, "columns");
    const auto K = weight.dim(0), depth = C * 9, pixels = H * W;
    constexpr std::int64_t block = 192;
    const Eigen::Map<const Matrix> factors(weight.data(), K, depth);
    Matrix seen(depth, block);
    Image y = output_of(x, weight);
    for (std::int64_t n = 0; n < N; ++n) {
        for (std::int64_t first = 0; first < pixels; first += block) {
            const auto count = std::min(block, pixels - first);
            gather(view(x), n, first, count, seen.data(), block);
            Eigen::Map<Matrix, 0, Eigen::OuterStride<>> out(
                &view(y)(n, 0, 0, 0) + first, K, count, Eigen::OuterStride<>(pixels));
            out.noalias() = factors * seen.leftCols(count);
        }
    }
    return y;
}

} // namespace ladder
