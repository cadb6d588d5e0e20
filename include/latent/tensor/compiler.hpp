#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>

/// Everything that asks the compiler for more than the standard offers. Elsewhere the library
/// is plain C++20; a compiler without these built-ins takes the portable branch.

namespace latent::compiler {

/// Translation units may be compiled for different processors. What depends on the flags takes
/// this number as a template parameter, so that none of it is shared by accident.
inline constexpr int build = 0
#if defined(__SSE4_2__)
                             + 1
#endif
#if defined(__AVX__)
                             + 2
#endif
#if defined(__AVX2__)
                             + 4
#endif
#if defined(__FMA__)
                             + 8
#endif
#if defined(__AVX512F__)
                             + 16
#endif
#if defined(__FAST_MATH__)
                             + 32
#endif
    ;

#if defined(__aarch64__) || defined(_M_ARM64)
inline constexpr std::string_view baseline_name = "NEON";
#elif defined(__x86_64__) || defined(_M_X64)
inline constexpr std::string_view baseline_name = "SSE2";
#else
inline constexpr std::string_view baseline_name = "16-byte vectors";
#endif

#if defined(__x86_64__) && defined(__GNUC__)
[[nodiscard]] inline bool processor_has_avx2() {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
[[nodiscard]] inline bool processor_has_avx512() {
    return processor_has_avx2() && __builtin_cpu_supports("avx512f");
}
#else
[[nodiscard]] inline bool processor_has_avx2() { return false; }
[[nodiscard]] inline bool processor_has_avx512() { return false; }
#endif

#if defined(__GNUC__)

/// `bytes` bytes of S that are computed at once: the vectors of g++ and clang.
template <class S, std::size_t bytes>
struct VectorOf {
    typedef S type __attribute__((vector_size(bytes)));
    typedef S unaligned __attribute__((vector_size(bytes), aligned(alignof(S)), may_alias));
};

/// Where a < b, x, else y.
template <class Vector>
[[nodiscard]] inline Vector where_less(Vector a, Vector b, Vector x, Vector y) {
    return a < b ? x : y;
}

#else

/// The same in plain loops.
template <class S, std::size_t bytes>
struct VectorOf {
    struct type {
        std::array<S, bytes / sizeof(S)> lanes;

        [[nodiscard]] S operator[](std::size_t i) const { return lanes[i]; }
        template <class Fn>
        [[nodiscard]] friend type map(type a, const type& b, Fn fn) {
            for (std::size_t i = 0; i < a.lanes.size(); ++i) a.lanes[i] = fn(a.lanes[i], b[i]);
            return a;
        }
        friend type operator+(type a, type b) { return map(a, b, std::plus<S>()); }
        friend type operator-(type a, type b) { return map(a, b, std::minus<S>()); }
        friend type operator*(type a, type b) { return map(a, b, std::multiplies<S>()); }
        friend type operator/(type a, type b) { return map(a, b, std::divides<S>()); }
        friend type operator-(S a, type b) {
            for (auto& lane : b.lanes) lane = a - lane;
            return b;
        }
        friend type operator+(type a, S b) {
            for (auto& lane : a.lanes) lane = static_cast<S>(lane + b);
            return a;
        }
        friend type operator>>(type a, int bits) {
            for (auto& lane : a.lanes) lane = static_cast<S>(lane >> bits);
            return a;
        }
        friend type operator<<(type a, int bits) {
            for (auto& lane : a.lanes) lane = static_cast<S>(lane << bits);
            return a;
        }
    };
};

template <class Vector>
[[nodiscard]] Vector where_less(const Vector& a, const Vector& b, Vector x, const Vector& y) {
    for (std::size_t i = 0; i < x.lanes.size(); ++i) {
        if (!(a[i] < b[i])) x.lanes[i] = y[i];
    }
    return x;
}

#endif

/// Asks for memory that will be read, or written, in a while.
inline void prefetch(const void* where) {
#if defined(__GNUC__)
    __builtin_prefetch(where);
#else
    (void)where;
#endif
}

template <class S, std::size_t bytes>
using vector = typename VectorOf<S, bytes>::type;
template <class S, std::size_t bytes>
using unaligned_vector = typename VectorOf<S, bytes>::unaligned;

} // namespace latent::compiler
