#pragma once

#include "3_columns.hpp"
#include "panel.hpp"

#include <array>
#include <cstring>
#include <utility>
#include <vector>

/// Rung 4: the matrix product by hand. A panel of 8 output channels meets 48 pixels, and all
/// their sums stay in registers; weights and columns lie in the order in which they are read.

namespace ladder {

/// sums [rows x 3 vectors] = panel [depth][8]^T columns [depth][48]. The compiler sees every
/// index I, so that each sum has a register of its own.
template <std::size_t... I>
void multiply(const float* panel, const float* columns, std::int64_t depth, float* sums,
              std::index_sequence<I...>) {
    std::array<Vector, sizeof...(I)> sum{};
    for (std::int64_t d = 0; d < depth; ++d, panel += 8, columns += 48) {
        std::array<Vector, 3> column;
        std::memcpy(&column, columns, sizeof(column));
        ((sum[I] = multiply_add(panel[I / 3], column[I % 3], sum[I])), ...);
    }
    (std::memcpy(sums + I / 3 * 48 + I % 3 * width, &sum[I], vector_bytes), ...);
}

/// 48 output pixels of image n from `first` on, one panel of their channels after the other.
inline void tile(const Image& x, const Image& packed, std::int64_t n, std::int64_t first,
                 std::vector<float>& columns, Image& y) {
    constexpr std::size_t rows = registers == 32 ? 8 : 4; // rows * 3 sums, room for the rest
    const auto depth = packed.dim(1), pixels = x.dim(2) * x.dim(3);
    const auto count = std::min<std::int64_t>(48, pixels - first);
    columns.resize(static_cast<std::size_t>(depth) * 48);
    gather(view(x), n, first, count, columns.data(), 48);
    std::array<float, 8 * 48> sums;
    for (std::int64_t k = 0; k < y.dim(1); ++k) {
        for (std::size_t row = 0; k % 8 == 0 && row < 8; row += rows)
            for (std::size_t column = 0; column < 48; column += 3 * width)
                multiply(packed.data() + k * depth + row, columns.data() + column, depth,
                         &sums[row * 48 + column], std::make_index_sequence<rows * 3>());
        std::copy_n(&sums[k % 8 * 48], count, &view(y)(n, k, 0, 0) + first);
    }
}

[[nodiscard]] inline Image register_tile(const Image& x, const Image& packed, std::int64_t K) {
    Image y({x.dim(0), K, x.dim(2), x.dim(3)});
    std::vector<float> columns;
    for (std::int64_t n = 0; n < x.dim(0); ++n)
        for (std::int64_t first = 0; first < x.dim(2) * x.dim(3); first += 48)
            tile(x, packed, n, first, columns, y);
    return y;
}

} // namespace ladder
