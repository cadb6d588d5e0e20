#pragma once

#include "latent/tensor/error.hpp"
#include "latent/tensor/half.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace latent {

static_assert(std::endian::native == std::endian::little,
              "Latent reads and writes checkpoints on little-endian machines only");

/// The number types that a checkpoint may hold, under safetensors' names.
enum class DType : std::uint8_t {
    BOOL,
    F4,
    F6_E2M3,
    F6_E3M2,
    U8,
    I8,
    F8_E5M2,
    F8_E4M3,
    F8_E8M0,
    F8_E4M3FNUZ,
    F8_E5M2FNUZ,
    I16,
    U16,
    F16,
    BF16,
    I32,
    U32,
    F32,
    C64,
    F64,
    I64,
    U64,
};

namespace detail {

struct DTypeRow {
    DType dtype;
    std::string_view name;
    int bits;
};

/// In the order of the enumeration, which is the order of safetensors: by growing alignment.
inline constexpr std::array<DTypeRow, 22> dtype_table{{
    {DType::BOOL, "BOOL", 8},
    {DType::F4, "F4", 4},
    {DType::F6_E2M3, "F6_E2M3", 6},
    {DType::F6_E3M2, "F6_E3M2", 6},
    {DType::U8, "U8", 8},
    {DType::I8, "I8", 8},
    {DType::F8_E5M2, "F8_E5M2", 8},
    {DType::F8_E4M3, "F8_E4M3", 8},
    {DType::F8_E8M0, "F8_E8M0", 8},
    {DType::F8_E4M3FNUZ, "F8_E4M3FNUZ", 8},
    {DType::F8_E5M2FNUZ, "F8_E5M2FNUZ", 8},
    {DType::I16, "I16", 16},
    {DType::U16, "U16", 16},
    {DType::F16, "F16", 16},
    {DType::BF16, "BF16", 16},
    {DType::I32, "I32", 32},
    {DType::U32, "U32", 32},
    {DType::F32, "F32", 32},
    {DType::C64, "C64", 64},
    {DType::F64, "F64", 64},
    {DType::I64, "I64", 64},
    {DType::U64, "U64", 64},
}};

} // namespace detail

/// "F32", as safetensors writes it.
[[nodiscard]] constexpr std::string_view to_string(DType dtype) {
    return detail::dtype_table[static_cast<std::size_t>(dtype)].name;
}

/// The width of one element in bits: 4 and 6 occur, where elements share bytes.
[[nodiscard]] constexpr int bits_of(DType dtype) {
    return detail::dtype_table[static_cast<std::size_t>(dtype)].bits;
}

/// Whether an element is a real number in whole bytes. C64, F4 and the F6 kinds are not: they
/// can be listed and copied, but no network computes in them.
[[nodiscard]] constexpr bool is_real(DType dtype) {
    return bits_of(dtype) % 8 == 0 && dtype != DType::C64;
}

/// The dtype of that name, or nothing.
[[nodiscard]] inline std::optional<DType> dtype_named(std::string_view name) {
    for (const auto& row : detail::dtype_table) {
        if (row.name == name) return row.dtype;
    }
    return std::nullopt;
}

namespace detail {

/// The number whose bytes begin at `bytes`, which need not be aligned.
template <class Number>
[[nodiscard]] Number load(const std::byte* bytes) {
    Number number;
    std::memcpy(&number, bytes, sizeof number);
    return number;
}

/// bfloat16: the upper half of a float.
[[nodiscard]] inline float float_from_bfloat16(std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

/// The 8-bit floats: what tells them apart is where the exponent begins, its bias, and which
/// codes stand for no number.
struct Float8 {
    int mantissa_bits, bias;
    bool has_infinity; ///< as IEEE: the highest exponent is infinity (mantissa 0) or NaN
    bool negative_zero_is_nan; ///< the FNUZ kinds: 0x80 is NaN, the only one
};

[[nodiscard]] inline float float_from_float8(std::uint8_t code, const Float8& kind) {
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    const int mantissa_size = 1 << kind.mantissa_bits;
    const int mantissa = code % mantissa_size;
    const int exponent = (code & 0x7F) / mantissa_size;
    const float sign = (code & 0x80) != 0 ? -1.0F : 1.0F;
    if (kind.negative_zero_is_nan) {
        if (code == 0x80) return nan;
    } else if (kind.has_infinity) {
        if (exponent == 0x7F / mantissa_size) {
            return mantissa == 0 ? sign * std::numeric_limits<float>::infinity() : nan;
        }
    } else if ((code & 0x7F) == 0x7F) {
        return nan;
    }
    const int significand = exponent == 0 ? mantissa : mantissa + mantissa_size;
    const int power = (exponent == 0 ? 1 : exponent) - kind.bias - kind.mantissa_bits;
    return sign * std::ldexp(static_cast<float>(significand), power);
}

/// A power of two with the bias of a float's exponent; 0xFF is NaN.
[[nodiscard]] inline float float_from_e8m0(std::uint8_t code) {
    if (code == 0xFF) return std::numeric_limits<float>::quiet_NaN();
    return std::ldexp(1.0F, code - 127);
}

template <class Number, class Real, class Decode>
void convert_each(std::span<const std::byte> bytes, std::span<Real> out, Decode decode) {
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<Real>(decode(load<Number>(bytes.data() + i * sizeof(Number))));
    }
}

} // namespace detail

/// Turns the little-endian bytes of a checkpoint into numbers: bytes.size() must be out.size()
/// elements of `dtype`. Exact wherever the value fits; F64, I32, I64 (and unsigned) into float,
/// and I64, U64 into double are rounded once, to nearest, ties to even. BOOL gives 0 or 1.
/// Throws Error for C64 and the dtypes narrower than a byte, which have no such form.
template <class Real>
void convert(DType dtype, std::span<const std::byte> bytes, std::span<Real> out) {
    static_assert(std::is_floating_point_v<Real>, "convert writes float or double");
    if (!is_real(dtype)) {
        fail("convert", std::string(to_string(dtype)), "a real dtype of whole bytes",
             "C64, F4 and the F6 kinds can be listed but not loaded into a network");
    }
    const auto width = static_cast<std::size_t>(bits_of(dtype)) / 8;
    if (bytes.size() % width != 0 || bytes.size() / width != out.size()) {
        fail("convert", std::to_string(bytes.size()) + " bytes",
             std::to_string(out.size()) + " elements of " + std::string(to_string(dtype)));
    }

    using namespace detail;
    const auto as_is = [](auto number) { return number; };
    const auto float8 = [&](int mantissa_bits, int bias, bool infinity, bool fnuz) {
        convert_each<std::uint8_t>(bytes, out, [&](std::uint8_t code) {
            return float_from_float8(code, {mantissa_bits, bias, infinity, fnuz});
        });
    };
    switch (dtype) {
    case DType::F16:
        return convert_each<Half>(bytes, out,
                                  [](Half half) { return static_cast<float>(half); });
    case DType::BF16:
        return convert_each<std::uint16_t>(bytes, out, float_from_bfloat16);
    case DType::F32:
        return convert_each<float>(bytes, out, as_is);
    case DType::F64:
        return convert_each<double>(bytes, out, as_is);
    case DType::BOOL:
        return convert_each<std::uint8_t>(bytes, out, [](auto b) { return b != 0 ? 1 : 0; });
    case DType::I8:
        return convert_each<std::int8_t>(bytes, out, as_is);
    case DType::U8:
        return convert_each<std::uint8_t>(bytes, out, as_is);
    case DType::I16:
        return convert_each<std::int16_t>(bytes, out, as_is);
    case DType::U16:
        return convert_each<std::uint16_t>(bytes, out, as_is);
    case DType::I32:
        return convert_each<std::int32_t>(bytes, out, as_is);
    case DType::U32:
        return convert_each<std::uint32_t>(bytes, out, as_is);
    case DType::I64:
        return convert_each<std::int64_t>(bytes, out, as_is);
    case DType::U64:
        return convert_each<std::uint64_t>(bytes, out, as_is);
    case DType::F8_E5M2:
        return float8(2, 15, true, false);
    case DType::F8_E4M3:
        return float8(3, 7, false, false);
    case DType::F8_E5M2FNUZ:
        return float8(2, 16, false, true);
    case DType::F8_E4M3FNUZ:
        return float8(3, 8, false, true);
    case DType::F8_E8M0:
        return convert_each<std::uint8_t>(bytes, out, float_from_e8m0);
    case DType::C64:
    case DType::F4:
    case DType::F6_E2M3:
    case DType::F6_E3M2:
        return; // refused above
    }
}

} // namespace latent
