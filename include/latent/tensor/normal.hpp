#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(_M_FP_FAST)
#error "latent: got -ffast-math, expected exact rounding: torch's random numbers need it"
#endif

/// Normal numbers out of uniform ones, sixteen at a time, in exactly torch's steps.
///
/// Two independent uniforms give two independent normals (Box and Muller 1958):
///   radius = sqrt(-2 ln(1 - u)),  angle = 2 pi v,  (radius cos(angle), radius sin(angle)).
/// Equal bits need torch's own logarithm, sine and cosine: in float32 these are the polynomials
/// of the Cephes library (Moshier 1989), evaluated with fused multiply-adds. So every rounding
/// is spelt out: the sum with a product is a std::fma, and the other sums have operands that no
/// compiler may fuse. Then neither optimisation, nor -march, nor -ffp-contract changes a bit.
/// -ffast-math would (square roots out of estimates), so it is refused above.
namespace latent::torch_math {

/// ln(x) for x in (0, 1]; x must be a normal number.
[[nodiscard]] inline float log(float x) {
    // x = (1 + m) * 2^exponent with 1 + m in [sqrt(1/2), sqrt(2)).
    const auto bits = std::bit_cast<std::uint32_t>(x);
    const auto mantissa = std::bit_cast<float>((bits & 0x007FFFFFU) | 0x3F000000U);
    const bool low = mantissa < 0.707106781186547524F;
    const auto exponent =
        static_cast<float>(static_cast<std::int32_t>(bits >> 23) - (low ? 127 : 126));
    // What is left above 1: 2 * mantissa - 1 for a low one, and every step is exact.
    const float m = (mantissa - 1.0F) + (low ? mantissa : 0.0F);

    // ln(1 + m) = m - m^2 / 2 + m^3 P(m)
    const float square = m * m;
    float y = 7.0376836292e-2F;
    y = std::fma(y, m, -1.1514610310e-1F);
    y = std::fma(y, m, 1.1676998740e-1F);
    y = std::fma(y, m, -1.2420140846e-1F);
    y = std::fma(y, m, 1.4249322787e-1F);
    y = std::fma(y, m, -1.6668057665e-1F);
    y = std::fma(y, m, 2.0000714765e-1F);
    y = std::fma(y, m, -2.4999993993e-1F);
    y = std::fma(y, m, 3.3333331174e-1F);
    y = y * m;

    // ln 2 in two parts, the small one first, so that the large one is added without loss.
    y = std::fma(y, square, exponent * -2.12194440e-4F);
    y = std::fma(-square, 0.5F, y);
    return std::fma(exponent, 0.693359375F, m + y);
}

struct SineCosine {
    float sine, cosine;
};

/// sin(x) and cos(x) for x in [0, 8192).
[[nodiscard]] inline SineCosine sincos(float x) {
    // The octant, rounded up to an even one: what is left then lies in [-pi/4, pi/4].
    const auto octant =
        static_cast<std::uint32_t>((static_cast<std::int32_t>(x * 1.27323954473516F) + 1) & ~1);
    const auto octants = static_cast<float>(static_cast<std::int32_t>(octant));
    // pi/4 in three parts, so that the difference keeps all of its digits.
    x = std::fma(octants, -0.78515625F, x);
    x = std::fma(octants, -2.4187564849853515625e-4F, x);
    x = std::fma(octants, -3.77489497744594108e-8F, x);
    const float square = x * x;

    float cosine = std::fma(2.443315711809948e-5F, square, -1.388731625493765e-3F);
    cosine = std::fma(cosine, square, 4.166664568298827e-2F);
    cosine = cosine * square;
    cosine = std::fma(cosine, square, -0.5F * square) + 1.0F;

    float sine = std::fma(-1.9515295891e-4F, square, 8.3321608736e-3F);
    sine = std::fma(sine, square, -1.6666654611e-1F);
    sine = sine * square;
    sine = std::fma(sine, x, x);

    // Quadrants 1 and 3 swap the two; the signs follow the quadrant.
    const bool swapped = (octant & 2U) != 0;
    const std::uint32_t sine_sign = (octant & 4U) << 29;
    const std::uint32_t cosine_sign = (~(octant - 2U) & 4U) << 29;
    const auto signed_by = [](float value, std::uint32_t sign) {
        return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) ^ sign);
    };
    return {signed_by(swapped ? cosine : sine, sine_sign),
            signed_by(swapped ? sine : cosine, cosine_sign)};
}

/// Turns 16 uniforms in [0, 1) into 16 normals, in place: elements j and j + 8 are a pair.
/// Parity: ATen's NormalFill16<float> on x86-64 with AVX2.
inline void normal_fill_16(std::span<float, 16> block, float mean, float deviation) {
    // Separate passes, so that compilers turn each into vector instructions.
    std::array<float, 8> radius, sine, cosine;
    for (std::size_t j = 0; j < 8; ++j) radius[j] = -2.0F * log(1.0F - block[j]);
    for (std::size_t j = 0; j < 8; ++j) radius[j] = std::sqrt(radius[j]);
    for (std::size_t j = 0; j < 8; ++j) {
        const auto angle = sincos(2.0F * std::numbers::pi_v<float> * block[j + 8]);
        sine[j] = angle.sine;
        cosine[j] = angle.cosine;
    }
    for (std::size_t j = 0; j < 8; ++j) {
        block[j] = std::fma(radius[j] * cosine[j], deviation, mean);
        block[j + 8] = std::fma(radius[j] * sine[j], deviation, mean);
    }
}

/// The same in float64, with the C library's functions as torch does.
/// Parity: ATen's NormalFill16<double>.
inline void normal_fill_16(std::span<double, 16> block, double mean, double deviation) {
    for (std::size_t j = 0; j < 8; ++j) {
        const double radius = std::sqrt(-2.0 * std::log(1.0 - block[j]));
        const double angle = 2.0 * std::numbers::pi * block[j + 8];
        block[j] = std::fma(radius * std::cos(angle), deviation, mean);
        block[j + 8] = std::fma(radius * std::sin(angle), deviation, mean);
    }
}

} // namespace latent::torch_math
