#pragma once

#include "latent/tensor/simd.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

/// The innermost loop of the library: the product of a narrow panel of weights with a tile of
/// columns.

namespace latent::detail {

/// Rows in a panel of weights, and columns in a tile: fixed, so that memory layouts do not
/// depend on the processor. 48 columns are 3 registers of AVX-512, or two times 3 of AVX.
inline constexpr std::int64_t panel_rows = 8;
inline constexpr std::int64_t tile_columns = 48;

/// Sums are taken over at most this many products, and those sums then added: rounding errors
/// grow with the length of a chain of additions.
inline constexpr std::int64_t chain_length = 32;

/// c[Rows x 3 registers] = a[depth][panel_rows] ^T  b[depth][tile_columns], or += when `more`;
/// all in registers: the compiler must see every index of `sum`, hence the folds over I.
template <class V, std::size_t... I>
void multiply_registers(const typename V::scalar* a, const typename V::scalar* b,
                        std::int64_t depth, typename V::scalar* c, bool more,
                        std::index_sequence<I...>) {
    constexpr auto at = [](std::size_t i) {
        return static_cast<std::int64_t>(i / 3) * tile_columns +
               static_cast<std::int64_t>(i % 3) * V::width;
    };
    std::array<V, sizeof...(I)> sum{((void)I, V::broadcast(0))...};
    for (std::int64_t k = 0; k < depth; ++k) {
        const std::array<V, 3> columns{V::load(b), V::load(b + V::width),
                                       V::load(b + 2 * V::width)};
        ((sum[I] = multiply_add(V::broadcast(a[I / 3]), columns[I % 3], sum[I])), ...);
        a += panel_rows;
        b += tile_columns;
    }
    if (more) ((sum[I] = sum[I] + V::load(c + at(I))), ...);
    (sum[I].store(c + at(I)), ...);
}

/// c [panel_rows][tile_columns] = a [depth][panel_rows] ^T  b [depth][tile_columns].
template <class V>
void multiply_tile(const typename V::scalar* a, const typename V::scalar* b, std::int64_t depth,
                   typename V::scalar* c) {
    constexpr std::int64_t rows = V::registers >= 32 ? 8 : 4;
    constexpr auto indices = std::make_index_sequence<static_cast<std::size_t>(rows * 3)>();
    for (std::int64_t column = 0; column < tile_columns; column += 3 * V::width) {
        for (std::int64_t row = 0; row < panel_rows; row += rows) {
            for (std::int64_t k = 0; k < depth; k += chain_length) {
                multiply_registers<V>(a + k * panel_rows + row, b + k * tile_columns + column,
                                      std::min(depth - k, chain_length),
                                      c + row * tile_columns + column, k > 0, indices);
            }
        }
    }
}

} // namespace latent::detail
