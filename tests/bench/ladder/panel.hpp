#pragma once

#include "layer.hpp"

#include <algorithm>
#include <cstddef>

#if defined(__AVX__)
#include <immintrin.h>
#endif

/// What rung 4 multiplies: vectors, and weights in panels.

namespace ladder {

/// The widest vector that the compiler was allowed to use: with -march=native, the machine's
/// own. (The library asks the machine when it runs: latent/ops/simd/.)
#if defined(__AVX512F__)
inline constexpr std::size_t vector_bytes = 64, registers = 32;
#elif defined(__AVX2__) && defined(__FMA__)
inline constexpr std::size_t vector_bytes = 32, registers = 16;
#elif defined(__aarch64__)
inline constexpr std::size_t vector_bytes = 16, registers = 32;
#else
inline constexpr std::size_t vector_bytes = 16, registers = 16;
#endif
inline constexpr std::size_t width = vector_bytes / sizeof(float);

using Vector [[gnu::vector_size(vector_bytes)]] = float;

[[nodiscard]] inline Vector multiply_add(float a, Vector b, Vector c) {
#if defined(__AVX512F__) // by name, else clang takes two vectors of half the width
    return _mm512_fmadd_ps(_mm512_set1_ps(a), b, c);
#else
    return a * b + c;
#endif
}

/// Weights in the order in which they are read: [K / 8 panels][C * 9][8 output channels].
[[nodiscard]] inline Image pack(const Image& weight) {
    const auto K = weight.dim(0), depth = weight.numel() / K;
    Image packed({(K + 7) / 8, depth, 8});
    std::ranges::fill(packed.values(), 0.0F);
    for (std::int64_t k = 0; k < K; ++k)
        for (std::int64_t d = 0; d < depth; ++d)
            packed.data()[(k / 8 * depth + d) * 8 + k % 8] = weight.data()[k * depth + d];
    return packed;
}

} // namespace ladder
