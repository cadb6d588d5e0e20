#pragma once

#include "latent/parity/recording.hpp"
#include "latent/parity/samples.hpp"
#include "latent/parity/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

/// The numbers that a network works in, as its values tell.

namespace latent::detail {

/// The relative L2 error that a whole network may have by rounding.
[[nodiscard]] constexpr double usual_tolerance(Precision precision) {
    switch (precision) {
    case Precision::f64:
        return 1e-9;
    case Precision::f32:
        return 1e-4;
    case Precision::f16:
        return 3e-2;
    case Precision::bf16:
    case Precision::other:
        break;
    }
    return 0.2;
}

/// The coarsest numbers that hold the values: a half-precision network may be dumped as
/// float32.
[[nodiscard]] inline Precision effective_precision(const Exact& values, Precision stored) {
    if (stored != Precision::f64 && stored != Precision::f32) return stored;
    bool in_bf16 = true, in_f16 = true, in_f32 = true;
    std::int64_t telling = 0;
    for (const auto place : sample_places(values.numel(), 4096)) {
        const auto value = values.data()[place];
        if (value == 0 || !std::isfinite(value)) continue;
        ++telling;
        int exponent = 0;
        const auto digits = std::frexp(value, &exponent);
        const auto fits = [&](int bits) {
            const auto scaled = std::ldexp(digits, bits);
            return scaled == std::trunc(scaled);
        };
        in_bf16 = in_bf16 && fits(8);
        in_f16 = in_f16 && (fits(11) || exponent < -13) && exponent <= 16;
        in_f32 = in_f32 && fits(24);
    }
    if (telling < 16) return stored;
    if (in_bf16) return Precision::bf16;
    if (in_f16) return Precision::f16;
    return in_f32 ? Precision::f32 : stored;
}

[[nodiscard]] constexpr Precision coarser(Precision a, Precision b) {
    return unit_roundoff(a) < unit_roundoff(b) ? b : a;
}

/// What most of a recording's outputs of these names are stored in.
[[nodiscard]] inline Precision model_precision(const Recording& recording,
                                               std::span<const std::string> names) {
    std::vector<double> units;
    std::map<double, Precision> by_unit;
    for (const auto& name : names) {
        if (!recording.has(name)) continue;
        const auto stored = recording.precision(name);
        if (stored == Precision::other) continue;
        const auto precision = effective_precision(recording.read(name), stored);
        units.push_back(unit_roundoff(precision));
        by_unit[units.back()] = precision;
    }
    if (units.empty()) return Precision::f32;
    const auto middle = units.begin() + std::ssize(units) / 2;
    std::ranges::nth_element(units, middle);
    return by_unit[*middle];
}

} // namespace latent::detail
