#pragma once

#include <array>
#include <cstddef>
#include <utility>

/// Everything that asks the compiler for more than the standard offers. Elsewhere the library
/// is plain C++20; a compiler without these built-ins takes the portable branch.

namespace latent::compiler {

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector) && !defined(_MSC_VER)
inline constexpr bool has_shuffle = true;

/// The elements of the two vectors at the given indices, the second's counted on from the
/// first's.
template <class Vector, std::size_t... Index>
[[nodiscard]] Vector shuffle(Vector a, Vector b, std::index_sequence<Index...>) {
    return __builtin_shufflevector(a, b, static_cast<int>(Index)...);
}
#else
inline constexpr bool has_shuffle = false;
#endif
#else
inline constexpr bool has_shuffle = false;
#endif

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__ARM_NEON)
inline constexpr bool has_fma = true;
#else
inline constexpr bool has_fma = false;
#endif

} // namespace latent::compiler
