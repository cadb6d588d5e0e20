#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace latent {

/// The largest finite number of half precision; what is 65520 or more becomes infinity.
inline constexpr double largest_half = 65504;

/// A number in half precision, to be kept and not to be computed with: 5 bits of exponent, 10
/// of mantissa. Source: IEEE 754-2019, binary16; parity: torch.float16.
struct Half {
    std::uint16_t bits = 0;

    /// The nearest one, ties to even; rounded once, whatever the precision of `value`.
    template <std::floating_point S>
    [[nodiscard]] static Half nearest(S value);

    /// Every value fits a float exactly. Without a branch, so that loops over it are vectors.
    [[nodiscard]] operator float() const {
        const auto magnitude = static_cast<std::uint32_t>(bits & 0x7FFFU) << 13U;
        const auto with_bias = magnitude + (112U << 23U);
        // A subnormal has no hidden leading 1: give it one, then take its value away again.
        const float small =
            std::bit_cast<float>(magnitude + (113U << 23U)) - std::bit_cast<float>(113U << 23U);
        auto value = magnitude < (1U << 23U) ? std::bit_cast<std::uint32_t>(small) : with_bias;
        value |= magnitude >= (31U << 23U) ? 255U << 23U : 0; // infinity and NaN
        return std::bit_cast<float>(value | static_cast<std::uint32_t>(bits & 0x8000U) << 16U);
    }
};

template <std::floating_point S>
Half Half::nearest(S value) {
    using Bits = std::conditional_t<sizeof(S) == 4, std::uint32_t, std::uint64_t>;
    constexpr int dropped = std::numeric_limits<S>::digits - 11; // bits of the mantissa
    constexpr auto bias = Bits{std::numeric_limits<S>::max_exponent - 16} << 10U;
    const auto all = std::bit_cast<Bits>(value);
    const auto sign = static_cast<std::uint16_t>(all >> (8 * sizeof(S) - 16) & 0x8000U);
    const S size = value < 0 ? -value : value;
    const auto half = [sign](Bits magnitude) {
        return Half{static_cast<std::uint16_t>(sign | magnitude)};
    };
    if (!(size <= std::numeric_limits<S>::max())) return half(size > 0 ? 0x7C00U : 0x7E00U);
    if (size >= 65520) return half(0x7C00U);
    if (size < S(0x1p-14)) {
        // Neighbours lie 2^-24 apart, and so do those of this number: adding it rounds.
        constexpr S shift = S(0x1p-24) * static_cast<S>(Bits{1} << (dropped + 10));
        return half(std::bit_cast<Bits>(size + shift) - std::bit_cast<Bits>(shift));
    }
    const auto rest = std::bit_cast<Bits>(size);
    const auto odd = rest >> dropped & 1U;
    return half(((rest + ((Bits{1} << (dropped - 1)) - 1) + odd) >> dropped) - bias);
}

/// A number in bfloat16: a float's upper half, 8 bits of mantissa. Parity: torch.bfloat16.
struct BFloat16 {
    std::uint16_t bits = 0;

    [[nodiscard]] static BFloat16 nearest(float value) {
        const auto all = std::bit_cast<std::uint32_t>(value);
        if (value != value) return {0x7FC0};
        return {static_cast<std::uint16_t>((all + 0x7FFFU + (all >> 16U & 1U)) >> 16U)};
    }
    [[nodiscard]] operator float() const {
        return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
    }
};

} // namespace latent
