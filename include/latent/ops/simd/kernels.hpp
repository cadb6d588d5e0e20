#pragma once

#include "latent/ops/simd/blocks.hpp"
#include "latent/tensor/compiler.hpp"
#include "latent/tensor/processor.hpp"
#include "latent/tensor/workspace.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/// The kernels: what depends on the processor's vectors. They are written once, in files *.inc,
/// and compiled here once for each set of instructions, whatever processor the rest of the
/// program is compiled for; which of them runs is decided when it runs.

namespace latent::detail {

/// The kernels for one set of instructions, scalar S. Contracts stand beside the code.
template <class S>
struct Kernels {
    using ReadInputs = void(const WinogradBlock<S>& block, S* inputs, S* scratch);
    using WriteOutputs = void(const WinogradBlock<S>& block, std::int64_t k, const S* products,
                              S* lines);

    void (*multiply_panels)(const S* a, std::int64_t panels, const S* b, std::int64_t b_stride,
                            std::int64_t depth, S* c, std::int64_t c_stride,
                            std::int64_t columns, bool more); // matrix.inc
    std::array<ReadInputs*, 3> read_inputs;                   // winograd.inc, by WinogradForm
    std::array<WriteOutputs*, 3> write_outputs;
    void (*normalise_run)(const S* from, const ChannelNorm<S>& norm, S* to,
                          std::int64_t count); // elementwise.inc
    void (*activate_run)(Activation kind, S* data, std::int64_t count);
    void (*finish_run)(const S* from, const S* add, Activation activation, S* to,
                       std::int64_t count);
    std::array<double, 2> (*row_moments)(const S* x, std::int64_t count);
    void (*softmax_block)(S* scores, std::int64_t keys, std::int64_t columns, S scale,
                          S* largest, S* total, S* shrink); // attention.inc
    void (*scale_columns)(S* rows, std::int64_t count, std::int64_t columns, const S* factors);
};

namespace baseline {
inline constexpr std::size_t register_bytes = 16;
#if defined(__aarch64__)
inline constexpr int registers = 32;
[[nodiscard, gnu::always_inline]] inline float32x4_t fused(float32x4_t a, float32x4_t b,
                                                           float32x4_t c) {
    return vfmaq_f32(c, a, b);
}
[[nodiscard, gnu::always_inline]] inline float64x2_t fused(float64x2_t a, float64x2_t b,
                                                           float64x2_t c) {
    return vfmaq_f64(c, a, b);
}
#else
inline constexpr int registers = 16;
template <class Native>
[[nodiscard, gnu::always_inline]] inline Native fused(Native a, Native b, Native c) {
    return a * b + c;
}
#endif
#include "latent/ops/simd/kernels.inc"
} // namespace baseline

#if defined(__x86_64__) && defined(__GNUC__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
namespace avx2 {
inline constexpr std::size_t register_bytes = 32;
inline constexpr int registers = 16;
[[nodiscard, gnu::always_inline]] inline __m256 fused(__m256 a, __m256 b, __m256 c) {
    return _mm256_fmadd_ps(a, b, c);
}
[[nodiscard, gnu::always_inline]] inline __m256d fused(__m256d a, __m256d b, __m256d c) {
    return _mm256_fmadd_pd(a, b, c);
}
#include "latent/ops/simd/kernels.inc"
} // namespace avx2
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx2,fma"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma")
#endif
namespace avx512 {
inline constexpr std::size_t register_bytes = 64;
inline constexpr int registers = 32;
[[nodiscard, gnu::always_inline]] inline __m512 fused(__m512 a, __m512 b, __m512 c) {
    return _mm512_fmadd_ps(a, b, c);
}
[[nodiscard, gnu::always_inline]] inline __m512d fused(__m512d a, __m512d b, __m512d c) {
    return _mm512_fmadd_pd(a, b, c);
}
#include "latent/ops/simd/kernels.inc"
} // namespace avx512
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif

/// The kernels of one set of instructions, which the processor must have.
template <class S>
[[nodiscard]] const Kernels<S>& kernels(Instructions instructions) {
#if defined(__x86_64__) && defined(__GNUC__)
    if (instructions == Instructions::avx512) return avx512::kernels_of<S>;
    if (instructions == Instructions::avx2) return avx2::kernels_of<S>;
#endif
    (void)instructions;
    return baseline::kernels_of<S>;
}

/// The kernels of the open Workspace, or the fastest.
template <class S>
[[nodiscard]] const Kernels<S>& kernels() {
    const auto* run = Workspace::current();
    return kernels<S>(run ? run->instructions() : best_instructions());
}

} // namespace latent::detail
