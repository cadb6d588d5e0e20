#pragma once

#include "latent/tensor/processor.hpp"
#include "latent/tensor/workspace.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// What this machine can do at most, measured: the yardsticks that the benchmarks are held
/// against. Other programs take their share while this one runs: ask twice, keep the larger.

namespace peak {

struct Peak {
    double gflops = 0;          ///< multiply-adds in registers alone, each two operations
    double triad_gigabytes = 0; ///< GB/s of a[i] = b[i] + 3 c[i] far beyond the caches
    double read_gigabytes = 0;  ///< GB/s of a sum over an array far beyond the caches
};

namespace detail {

// So many multiply-adds that do not wait for each other keep every unit busy: about 4 cycles of
// latency times 2 units; and they fit into the registers. The sums tend to 1 and stay normal.
// One function for each set of instructions: a vector is lowered with its own function's.
inline float multiply_adds(std::int64_t turns, float half) {
    using Vector [[gnu::vector_size(16)]] = float;
    Vector sum[12];
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) sum[i] = Vector{} + half * static_cast<float>(i);
    const Vector factor = Vector{} + half;
    for (std::int64_t turn = 0; turn < turns; ++turn) {
#pragma GCC unroll 12
        for (int i = 0; i < 12; ++i) sum[i] = sum[i] * factor + factor;
    }
#pragma GCC unroll 12
    for (int i = 1; i < 12; ++i) sum[0] += sum[i];
    return sum[0][0];
}

#if defined(__x86_64__)
[[gnu::target("avx2,fma")]] inline float multiply_adds_avx2(std::int64_t turns, float half) {
    using Vector [[gnu::vector_size(32)]] = float;
    Vector sum[12];
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) sum[i] = Vector{} + half * static_cast<float>(i);
    const Vector factor = Vector{} + half;
    for (std::int64_t turn = 0; turn < turns; ++turn) {
#pragma GCC unroll 12
        for (int i = 0; i < 12; ++i) sum[i] = _mm256_fmadd_ps(sum[i], factor, factor);
    }
#pragma GCC unroll 12
    for (int i = 1; i < 12; ++i) sum[0] += sum[i];
    return sum[0][0];
}

[[gnu::target("avx512f")]] inline float multiply_adds_avx512(std::int64_t turns, float half) {
    using Vector [[gnu::vector_size(64)]] = float;
    Vector sum[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) sum[i] = Vector{} + half * static_cast<float>(i);
    const Vector factor = Vector{} + half;
    for (std::int64_t turn = 0; turn < turns; ++turn) {
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) sum[i] = _mm512_fmadd_ps(sum[i], factor, factor);
    }
#pragma GCC unroll 16
    for (int i = 1; i < 16; ++i) sum[0] += sum[i];
    return sum[0][0];
}
#endif

struct Chains {
    std::int64_t operations; ///< of one turn
    float (*run)(std::int64_t turns, float half);
};

[[nodiscard]] inline Chains chains(latent::Instructions instructions) {
#if defined(__x86_64__)
    if (instructions == latent::Instructions::avx512)
        return {2 * 16 * 16, multiply_adds_avx512};
    if (instructions == latent::Instructions::avx2) return {2 * 12 * 8, multiply_adds_avx2};
#endif
    return {2 * 12 * 4, multiply_adds};
}

/// The shortest of a few times that `work(thread)` takes on all threads together, in seconds.
inline double shortest(int threads, int runs, const std::function<void(int)>& work) {
    latent::Workspace run({.threads = threads});
    double best = 1e30;
    for (int i = 0; i < runs; ++i) {
        const auto start = std::chrono::steady_clock::now();
        run.execute(threads, work);
        const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
        best = std::min(best, time.count());
    }
    return best;
}

} // namespace detail

/// GFLOP/s of the fastest instructions that this program may use when it runs, all threads
/// together.
[[nodiscard]] inline double gflops(int threads, latent::Instructions instructions) {
    const auto chains = detail::chains(instructions);
    constexpr std::int64_t turns = 1'000'000;
    volatile float half = 0.5F;
    std::vector<float> results(static_cast<std::size_t>(threads));
    const auto seconds = detail::shortest(threads, 30, [&](int thread) {
        results[static_cast<std::size_t>(thread)] = chains.run(turns, half);
    });
    volatile float kept = results.front();
    (void)kept;
    return 1e-9 * static_cast<double>(turns * chains.operations * threads) / seconds;
}
[[nodiscard]] inline double gflops(int threads) {
    return gflops(threads, latent::best_instructions());
}

/// The whole of Peak, with so many threads; it takes about a second.
[[nodiscard]] inline Peak measure(int threads) {
    const std::int64_t count = 16'000'000; // 64 MB an array
    std::vector<float> a(count, 1.0F), b(count, 2.0F), c(count, 3.0F);
    const auto part = [&](int thread) { return count * thread / threads; };
    const auto triad = detail::shortest(threads, 5, [&](int thread) {
        for (auto i = part(thread); i < part(thread + 1); ++i) a[i] = b[i] + 3 * c[i];
    });
    std::vector<float> sums(static_cast<std::size_t>(threads) * 64);
    const auto read = detail::shortest(threads, 5, [&](int thread) {
        float lanes[64] = {};
        for (auto i = part(thread); i + 64 <= part(thread + 1); i += 64)
            for (std::int64_t lane = 0; lane < 64; ++lane) lanes[lane] += a[i + lane];
        std::copy_n(lanes, 64, &sums[static_cast<std::size_t>(thread) * 64]);
    });
    volatile float kept = sums.front();
    (void)kept;
    const auto gigabytes = 1e-9 * static_cast<double>(count) * sizeof(float);
    return {gflops(threads), 3 * gigabytes / triad, gigabytes / read};
}

} // namespace peak
