#pragma once

#include <cstddef>
#include <string_view>

/// Everything that asks the compiler for more than the standard offers. Elsewhere the library
/// is plain C++20.

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
#if defined(__ARM_FEATURE_SVE)
                             + 64
#endif
    ;

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool address_sanitizer = true;
#elif defined(__has_feature)
inline constexpr bool address_sanitizer = __has_feature(address_sanitizer);
#else
inline constexpr bool address_sanitizer = false;
#endif

#if defined(__SANITIZE_THREAD__)
inline constexpr bool thread_sanitizer = true;
#elif defined(__has_feature)
inline constexpr bool thread_sanitizer = __has_feature(thread_sanitizer);
#else
inline constexpr bool thread_sanitizer = false;
#endif

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

#if !defined(__GNUC__)
#error "Latent's kernels are written over the vectors of g++ and clang; got another compiler"
#endif

/// `bytes` bytes of S that are computed at once.
template <class S, std::size_t bytes>
struct VectorOf {
    typedef S type __attribute__((vector_size(bytes)));
    typedef S unaligned __attribute__((vector_size(bytes), aligned(alignof(S)), may_alias));
};
template <class S, std::size_t bytes>
using vector = typename VectorOf<S, bytes>::type;
template <class S, std::size_t bytes>
using unaligned_vector = typename VectorOf<S, bytes>::unaligned;

/// Asks for memory that will be read, or written, in a while.
inline void prefetch(const void* where) { __builtin_prefetch(where); }

} // namespace latent::compiler
