#pragma once

#include "latent/io/dtype.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

/// From any real dtype to F32, F16 or BF16, rounded once to nearest, ties to even. A detour
/// over float would round twice: 1 + 2^-11 + 2^-40 is above the middle of two neighbours in
/// F16, but as a float it is the middle. So each number is first taken apart into whole parts,
/// exactly.

namespace latent {

namespace detail {

/// A real number, exactly: (-1)^negative significand 2^exponent, or none at all.
struct ExactNumber {
    enum class Kind : std::uint8_t { finite, infinite, nan };

    Kind kind = Kind::finite;
    bool negative = false;
    std::uint64_t significand = 0;
    int exponent = 0;
};

[[nodiscard]] inline ExactNumber take_apart(double value) {
    using Kind = ExactNumber::Kind;
    const bool negative = std::signbit(value);
    if (std::isnan(value)) return {Kind::nan, negative};
    if (std::isinf(value)) return {Kind::infinite, negative};
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const auto fraction = bits & ((std::uint64_t{1} << 52U) - 1);
    const int field = static_cast<int>(bits >> 52U & 0x7FFU);
    if (field == 0) return {Kind::finite, negative, fraction, -1074};
    return {Kind::finite, negative, fraction | std::uint64_t{1} << 52U, field - 1075};
}
[[nodiscard]] inline ExactNumber take_apart(std::uint64_t value) {
    return {ExactNumber::Kind::finite, false, value, 0};
}
[[nodiscard]] inline ExactNumber take_apart(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    return {ExactNumber::Kind::finite, value < 0, value < 0 ? 0 - bits : bits, 0};
}

/// A floating-point format of IEEE 754's making.
struct FloatFormat {
    int mantissa_bits, exponent_bits;

    [[nodiscard]] constexpr int bias() const { return (1 << (exponent_bits - 1)) - 1; }
    [[nodiscard]] constexpr std::uint32_t infinity() const {
        return ((1U << static_cast<unsigned>(exponent_bits)) - 1U)
               << static_cast<unsigned>(mantissa_bits);
    }
};

[[nodiscard]] constexpr FloatFormat float_format(DType dtype) {
    return dtype == DType::F16 ? FloatFormat{10, 5}
                               : FloatFormat{dtype == DType::BF16 ? 7 : 23, 8};
}

/// significand / 2^shift, to nearest, ties to even; shift >= 1.
[[nodiscard]] inline std::uint64_t shifted_to_nearest(std::uint64_t significand, int shift) {
    if (shift > 64) return 0; // less than a half
    const auto half = std::uint64_t{1} << static_cast<unsigned>(shift - 1);
    const auto rest = significand & (half - 1 + half);
    const auto whole = shift == 64 ? 0 : significand >> static_cast<unsigned>(shift);
    return whole + (rest > half || (rest == half && whole % 2 == 1) ? 1 : 0);
}

/// The number's nearest neighbour in the format, as bits. NaN becomes the quiet one, with its
/// sign.
[[nodiscard]] inline std::uint32_t rounded_bits(const ExactNumber& number,
                                                const FloatFormat& format) {
    const auto sign = static_cast<std::uint32_t>(number.negative)
                      << static_cast<unsigned>(format.mantissa_bits + format.exponent_bits);
    const auto infinity = format.infinity();
    if (number.kind == ExactNumber::Kind::infinite) return sign | infinity;
    if (number.kind == ExactNumber::Kind::nan) {
        return sign | infinity | 1U << static_cast<unsigned>(format.mantissa_bits - 1);
    }
    if (number.significand == 0) return sign;

    // Neighbours lie 2^step apart: so far that mantissa_bits + 1 bits are left, and no closer
    // than the subnormal numbers.
    const int smallest_step = 1 - format.bias() - format.mantissa_bits;
    const int leading =
        number.exponent + static_cast<int>(std::bit_width(number.significand)) - 1;
    const int step = std::max(leading - format.mantissa_bits, smallest_step);
    const int shift = step - number.exponent;
    const auto mantissa = shift > 0 ? shifted_to_nearest(number.significand, shift)
                                    : number.significand << static_cast<unsigned>(-shift);
    // The mantissa's leading bit, and a carry of the rounding, count up the exponent's field.
    if (step - smallest_step > 2 * format.bias()) return sign | infinity;
    const auto bits = (static_cast<std::uint64_t>(step - smallest_step)
                       << static_cast<unsigned>(format.mantissa_bits)) +
                      mantissa;
    return sign | (bits < infinity ? static_cast<std::uint32_t>(bits) : infinity);
}

/// Calls f(number) for each element, taken apart. `dtype` is real.
template <class F>
void for_each_exact(DType dtype, std::span<const std::byte> bytes, F&& f) {
    const auto each = [&]<class Number>(Number) {
        for (std::size_t i = 0; i + sizeof(Number) <= bytes.size(); i += sizeof(Number)) {
            const auto value = load<Number>(bytes.data() + i);
            if constexpr (std::is_floating_point_v<Number>)
                f(take_apart(static_cast<double>(value)));
            else if constexpr (std::is_signed_v<Number>)
                f(take_apart(std::int64_t{value}));
            else
                f(take_apart(std::uint64_t{value}));
        }
    };
    switch (dtype) {
    case DType::F64:
        return each(double{});
    case DType::I8:
        return each(std::int8_t{});
    case DType::U8:
        return each(std::uint8_t{});
    case DType::I16:
        return each(std::int16_t{});
    case DType::U16:
        return each(std::uint16_t{});
    case DType::I32:
        return each(std::int32_t{});
    case DType::U32:
        return each(std::uint32_t{});
    case DType::I64:
        return each(std::int64_t{});
    case DType::U64:
        return each(std::uint64_t{});
    default: {
        // What is left fits a float exactly.
        std::vector<float> values(bytes.size() * 8 / static_cast<std::size_t>(bits_of(dtype)));
        convert(dtype, bytes, std::span(values));
        for (const float value : values) f(take_apart(static_cast<double>(value)));
    }
    }
}

} // namespace detail

/// Turns elements of a real dtype `from` into `to` (F32, F16 or BF16), each rounded once to
/// nearest, ties to even; `out` has room for as many. Elements that have the dtype already keep
/// their bits. Returns how many finite numbers became infinite.
/// Throws Error for other dtypes and where the sizes do not fit.
inline std::size_t round_elements(DType from, std::span<const std::byte> bytes, DType to,
                                  std::span<std::byte> out) {
    if (!is_real(from)) {
        fail("round_elements", std::string(to_string(from)), "a real dtype of whole bytes");
    }
    if (to != DType::F32 && to != DType::F16 && to != DType::BF16) {
        fail("round_elements", std::string(to_string(to)), "F32, F16 or BF16");
    }
    const auto in_width = static_cast<std::size_t>(bits_of(from)) / 8;
    const auto out_width = static_cast<std::size_t>(bits_of(to)) / 8;
    if (bytes.size() % in_width != 0 || bytes.size() / in_width * out_width != out.size()) {
        fail("round_elements", std::to_string(out.size()) + " bytes of room",
             std::to_string(bytes.size() / in_width) + " elements of " +
                 std::string(to_string(to)));
    }
    if (from == to) {
        std::ranges::copy(bytes, out.begin());
        return 0;
    }
    const auto format = detail::float_format(to);
    std::size_t position = 0, overflows = 0;
    detail::for_each_exact(from, bytes, [&](const detail::ExactNumber& number) {
        const auto rounded = detail::rounded_bits(number, format);
        const bool infinite = (rounded & format.infinity()) == format.infinity();
        if (infinite && number.kind == detail::ExactNumber::Kind::finite) ++overflows;
        std::memcpy(out.data() + position, &rounded, out_width); // the lower bytes come first
        position += out_width;
    });
    return overflows;
}

} // namespace latent
