#pragma once

#include "latent/tensor/devices.hpp"
#include "latent/tensor/error.hpp"
#include "latent/tensor/shape.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

/// How far one tensor is from another, in the figures that people compare networks by.

namespace latent {

/// The numbers that a tensor was stored in. `other`: whole numbers, or formats of 8 bits.
enum class Precision { f64, f32, f16, bf16, other };

[[nodiscard]] constexpr std::string_view to_string(Precision precision) {
    switch (precision) {
    case Precision::f64:
        return "float64";
    case Precision::f32:
        return "float32";
    case Precision::f16:
        return "float16";
    case Precision::bf16:
        return "bfloat16";
    case Precision::other:
        break;
    }
    return "other";
}

/// The largest relative error of rounding to nearest: half a unit of the last place of 1.
[[nodiscard]] constexpr double unit_roundoff(Precision precision) {
    switch (precision) {
    case Precision::f64:
        return 0x1p-53;
    case Precision::f32:
        return 0x1p-24;
    case Precision::f16:
        return 0x1p-11;
    case Precision::bf16:
        return 0x1p-8;
    case Precision::other:
        break;
    }
    return 0x1p-4;
}

/// The distance from a number to the next one of its precision.
[[nodiscard]] inline double unit_in_last_place(double value, Precision precision) {
    const double smallest = precision == Precision::f64   ? 0x1p-1022
                            : precision == Precision::f16 ? 0x1p-14
                                                          : 0x1p-126;
    const auto size = std::max(std::abs(value), smallest);
    return std::ldexp(2 * unit_roundoff(precision), std::ilogb(size));
}

/// The number of a precision that is nearest, for numbers of ordinary size.
[[nodiscard]] inline double rounded_to(double value, Precision precision) {
    if (precision == Precision::f64 || precision == Precision::other) return value;
    if (precision == Precision::f32) return static_cast<double>(static_cast<float>(value));
    if (value == 0 || !std::isfinite(value)) return value;
    const auto unit = unit_in_last_place(value, precision);
    return std::nearbyint(value / unit) * unit;
}

struct Statistics {
    double relative_l2 = 0; ///< |values - reference| / |reference|; 0 where both are zero
    double largest = 0;     ///< the largest |value - reference|
    std::int64_t place = 0; ///< of the largest, counted row-major
    double ulp = 0;         ///< the largest in units of the last place of the reference there
    double cosine = 1;      ///< of the angle between the two as vectors
    std::int64_t nan_count = 0, inf_count = 0; ///< in values, where the reference has none
    std::int64_t odd_in_both = 0; ///< places where both have the same NaN or infinity
    double reference_max = 0, value_max = 0; ///< the largest finite sizes

    /// Whether each number of the values is a number where the reference has one.
    [[nodiscard]] bool finite() const { return nan_count == 0 && inf_count == 0; }
};

/// Compares tensors of one shape; `precision` is that of the values, in whose units `ulp` is.
/// Where the reference is NaN, or infinite, and the values are the same, nothing differs. Any
/// other value that is no finite number makes the errors infinite, and `place` the first one.
/// Throws Error for two shapes.
[[nodiscard]] inline Statistics statistics(const Tensor<Cpu<double>>& reference,
                                           const Tensor<Cpu<double>>& values,
                                           Precision precision) {
    require_same_shape("statistics", reference, values);
    Statistics s;
    double error = 0, reference_norm = 0, value_norm = 0, product = 0;
    const auto* const r = reference.data();
    const auto* const v = values.data();
    for (std::int64_t i = 0; i < reference.numel(); ++i) {
        const bool same = r[i] == v[i] || (std::isnan(r[i]) && std::isnan(v[i]));
        if (std::isfinite(r[i])) s.reference_max = std::max(s.reference_max, std::abs(r[i]));
        if (std::isfinite(v[i])) s.value_max = std::max(s.value_max, std::abs(v[i]));
        if (std::isfinite(r[i]) && std::isfinite(v[i])) {
            const auto difference = v[i] - r[i];
            error += difference * difference;
            reference_norm += r[i] * r[i];
            value_norm += v[i] * v[i];
            product += r[i] * v[i];
            if (s.finite() && std::abs(difference) > s.largest) {
                s.largest = std::abs(difference);
                s.place = i;
            }
        } else if (same) {
            ++s.odd_in_both;
        } else {
            if (s.finite()) s.place = i;
            // A finite number where the reference has none is as wrong.
            (std::isnan(v[i]) || std::isnan(r[i]) ? s.nan_count : s.inf_count) += 1;
        }
    }
    if (!s.finite()) {
        s.largest = s.relative_l2 = s.ulp = std::numeric_limits<double>::infinity();
        s.cosine = std::numeric_limits<double>::quiet_NaN();
        return s;
    }
    if (error > 0) s.relative_l2 = std::sqrt(error / reference_norm); // infinite beside zeros
    if (s.largest > 0) s.ulp = s.largest / unit_in_last_place(r[s.place], precision);
    if (reference_norm > 0 && value_norm > 0) {
        s.cosine = std::min(product / std::sqrt(reference_norm) / std::sqrt(value_norm), 1.0);
    } else if (reference_norm > 0 || value_norm > 0) {
        s.cosine = 0;
    }
    return s;
}

} // namespace latent
