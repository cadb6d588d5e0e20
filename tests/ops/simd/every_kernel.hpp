/// Every table of kernels that this processor can run, and what their tests share.
#pragma once

#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <latent/ops/simd/kernels.hpp>
#include <latent/tensor/random.hpp>

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace latent::test {

/// The sets of instructions that this processor has: all of them on one with AVX-512.
[[nodiscard]] inline std::vector<Instructions> every_path() {
    std::vector<Instructions> paths;
    for (const auto path : {Instructions::baseline, Instructions::avx2, Instructions::avx512}) {
        if (has(path)) paths.push_back(path);
    }
    return paths;
}

/// Calls check(kernels) for each of them, in float and in double.
template <class Check>
void for_every_kernel(const Check& check) {
    for (const auto path : every_path()) {
        INFO(name_of(path) << " in float");
        check(detail::kernels<float>(path));
    }
    for (const auto path : every_path()) {
        INFO(name_of(path) << " in double");
        check(detail::kernels<double>(path));
    }
}

/// `count` values in [-1, 1), which float holds: so a product of two is exact in double.
template <class S>
[[nodiscard]] std::vector<S> random_values(Generator& random, std::int64_t count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    random.rand(std::span<float>(values));
    for (auto& value : values) value = 2 * value - 1;
    return {values.begin(), values.end()};
}

/// What stands where a kernel has no business.
inline constexpr double untouched = 777;

/// The largest error in units of 2^-23 (float) or 2^-52 (double), the last place of 1.
template <class S>
[[nodiscard]] double units_off(std::span<const S> got, const std::vector<double>& truth) {
    return closeness(got, std::span<const double>(truth)).largest /
           static_cast<double>(std::numeric_limits<S>::epsilon());
}

} // namespace latent::test
