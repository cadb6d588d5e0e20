#pragma once

#include "latent/tensor/simd.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

/// The innermost loop of the library: the product of a narrow panel of weights with a tile of columns.

namespace latent::detail {

/// Rows in a panel of weights, and columns in a tile: fixed, so that memory layouts do not depend on
/// the processor. 48 columns are 3 registers of AVX-512, or two times 3 of AVX.
inline constexpr std::int64_t panel_rows = 8;
inline constexpr std::int64_t tile_columns = 48;

/// Sums are taken over at most this many products, and those sums then added: rounding errors grow
/// with the length of a chain of additions.
inline constexpr std::int64_t chain_length = 256;

/// c[Rows x 3 registers] = a[depth][panel_rows] ^T  b[depth][tile_columns], all in registers: the
/// compiler must see every index of `sum`, hence the folds over I.
template <class V, std::size_t... I>
void multiply_registers(const typename V::scalar* a, const typename V::scalar* b,
                        std::int64_t depth, typename V::scalar* c, std::index_sequence<I...>) {
    std::array<V, sizeof...(I)> sum{((void)I, V::broadcast(0))...};
    for (std::int64_t k = 0; k < depth; ++k) {
        const std::array<V, 3> columns{V::load(b), V::load(b + V::width), V::load(b + 2 * V::width)};
        ((sum[I] = multiply_add(V::broadcast(a[I / 3]), columns[I % 3], sum[I])), ...);
        a += panel_rows;
        b += tile_columns;
    }
    (sum[I].store(c + std::int64_t{I / 3} * tile_columns + std::int64_t{I % 3} * V::width), ...);
}

/// c [panel_rows][tile_columns] = a [depth][panel_rows] ^T  b [depth][tile_columns].
template <class V>
void multiply_chain(const typename V::scalar* a, const typename V::scalar* b, std::int64_t depth,
                    typename V::scalar* c) {
    constexpr std::int64_t rows = V::registers >= 32 ? 8 : 4;
    constexpr auto indices = std::make_index_sequence<static_cast<std::size_t>(rows * 3)>();
    for (std::int64_t column = 0; column < tile_columns; column += 3 * V::width) {
        for (std::int64_t row = 0; row < panel_rows; row += rows) {
            multiply_registers<V>(a + row, b + column, depth, c + row * tile_columns + column,
                                  indices);
        }
    }
}

/// The same for any depth, in chains of bounded length. `partial` is scratch of c's size.
template <class V>
void multiply_tile(const typename V::scalar* a, const typename V::scalar* b, std::int64_t depth,
                   typename V::scalar* c, typename V::scalar* partial) {
    multiply_chain<V>(a, b, std::min(depth, chain_length), c);
    for (std::int64_t k = chain_length; k < depth; k += chain_length) {
        multiply_chain<V>(a + k * panel_rows, b + k * tile_columns,
                          std::min(depth - k, chain_length), partial);
        for (std::int64_t i = 0; i < panel_rows * tile_columns; ++i) c[i] += partial[i];
    }
}

} // namespace latent::detail
