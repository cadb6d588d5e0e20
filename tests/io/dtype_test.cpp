#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/dtype.hpp>

#include <cmath>
#include <limits>

using namespace latent;
using namespace latent::test;

namespace {

template <class Real, class Number>
Real one(DType dtype, Number number) {
    const auto bytes = to_bytes(little(number));
    Real value{};
    convert(dtype, bytes, std::span<Real>(&value, 1));
    return value;
}

} // namespace

TEST_CASE("dtype: names lead there and back") {
    for (const auto& row : detail::dtype_table) {
        CHECK(dtype_named(to_string(row.dtype)) == row.dtype);
        CHECK(bits_of(row.dtype) == row.bits);
    }
    CHECK_FALSE(dtype_named("F128"));
    CHECK_FALSE(dtype_named(""));
    CHECK_FALSE(dtype_named("f32"));
}

TEST_CASE("convert: F16, every one of the 65,536 codes") {
    for (std::uint32_t code = 0; code < 0x10000; ++code) {
        const auto half = static_cast<std::uint16_t>(code);
        const int exponent = (half >> 10) & 0x1F;
        const int mantissa = half & 0x3FF;
        const double sign = (half & 0x8000) != 0 ? -1 : 1;
        const float got = one<float>(DType::F16, half);
        if (exponent == 0x1F) {
            const bool right =
                mantissa == 0 ? std::isinf(got) && (got < 0) == (sign < 0) : std::isnan(got);
            if (!right) FAIL("code " << code);
            continue;
        }
        const double expected =
            sign * (exponent == 0 ? std::ldexp(mantissa, -24)
                                  : std::ldexp(1024 + mantissa, exponent - 25));
        const bool right = got == static_cast<float>(expected) &&
                           std::signbit(got) == std::signbit(expected) &&
                           one<double>(DType::F16, half) == expected;
        if (!right) FAIL("code " << code);
    }
    CHECK(one<float>(DType::F16, std::uint16_t{0x3C00}) == 1.0F);
}

TEST_CASE("convert: rounding happens once, to nearest, ties to even") {
    CHECK(one<float>(DType::BF16, std::uint16_t{0xC040}) == -3.0F);
    CHECK(one<float>(DType::F32, 0.1F) == 0.1F);
    CHECK(one<double>(DType::F64, 0.1) == 0.1);
    CHECK(one<float>(DType::F64, 0.1) == 0.1F);
    CHECK(one<float>(DType::F64, 1.0 + std::ldexp(1.0, -24)) == 1.0F); // a tie
    CHECK(one<float>(DType::F64, 1.0 + std::ldexp(3.0, -24)) == 1.0F + std::ldexp(1.0F, -22));
    CHECK(one<float>(DType::I64, (std::int64_t{1} << 24) + 1) == 16777216.0F);
    CHECK(one<float>(DType::I64, (std::int64_t{1} << 24) + 3) == 16777220.0F);
    // Two roundings, first to double, would give the even neighbour here.
    CHECK(one<float>(DType::I64, (std::int64_t{1} << 60) + (std::int64_t{1} << 36) + 1) ==
          std::ldexp(1.0F, 60) + std::ldexp(1.0F, 37));
    CHECK(one<float>(DType::U64, ~std::uint64_t{0}) == std::ldexp(1.0F, 64));
    CHECK(one<double>(DType::U64, std::uint64_t{1} << 63) == std::ldexp(1.0, 63));
    CHECK(one<float>(DType::I8, std::int8_t{-128}) == -128.0F);
    CHECK(one<float>(DType::U8, std::uint8_t{255}) == 255.0F);
    CHECK(one<float>(DType::I16, std::int16_t{-32768}) == -32768.0F);
    CHECK(one<float>(DType::U16, std::uint16_t{65535}) == 65535.0F);
    CHECK(one<double>(DType::I32, std::int32_t{-2147483647}) == -2147483647.0);
    CHECK(one<double>(DType::U32, std::uint32_t{4294967295U}) == 4294967295.0);
    CHECK(one<float>(DType::BOOL, std::uint8_t{0}) == 0.0F);
    CHECK(one<float>(DType::BOOL, std::uint8_t{7}) == 1.0F);
}

TEST_CASE("convert: the 8-bit floats") {
    const auto float8 = [](DType dtype, int code) {
        return one<float>(dtype, static_cast<std::uint8_t>(code));
    };
    CHECK(float8(DType::F8_E4M3, 0x38) == 1.0F);
    CHECK(float8(DType::F8_E4M3, 0x7E) == 448.0F);
    CHECK(float8(DType::F8_E4M3, 0x01) == std::ldexp(1.0F, -9));
    CHECK(float8(DType::F8_E4M3, 0xB8) == -1.0F);
    CHECK(std::isnan(float8(DType::F8_E4M3, 0x7F)));
    CHECK(std::isnan(float8(DType::F8_E4M3, 0xFF)));
    CHECK(float8(DType::F8_E5M2, 0x3C) == 1.0F);
    CHECK(float8(DType::F8_E5M2, 0x7B) == 57344.0F);
    CHECK(float8(DType::F8_E5M2, 0x01) == std::ldexp(1.0F, -16));
    CHECK(float8(DType::F8_E5M2, 0xFC) == -std::numeric_limits<float>::infinity());
    CHECK(std::isnan(float8(DType::F8_E5M2, 0x7D)));
    CHECK(float8(DType::F8_E4M3FNUZ, 0x7F) == 240.0F);
    CHECK(float8(DType::F8_E4M3FNUZ, 0x40) == 1.0F);
    CHECK(std::isnan(float8(DType::F8_E4M3FNUZ, 0x80)));
    CHECK(float8(DType::F8_E5M2FNUZ, 0x7F) == 57344.0F);
    CHECK(float8(DType::F8_E5M2FNUZ, 0x40) == 1.0F);
    CHECK(std::isnan(float8(DType::F8_E5M2FNUZ, 0x80)));
    CHECK(float8(DType::F8_E8M0, 127) == 1.0F);
    CHECK(float8(DType::F8_E8M0, 0) == std::ldexp(1.0F, -127));
    CHECK(float8(DType::F8_E8M0, 254) == std::ldexp(1.0F, 127));
    CHECK(std::isnan(float8(DType::F8_E8M0, 255)));
}

TEST_CASE("convert: unaligned bytes, wrong lengths, dtypes without a real value") {
    const auto bytes = to_bytes("x" + little_all<float>({1.5F, -2.0F}));
    std::vector<float> out(2);
    convert(DType::F32, std::span(bytes).subspan(1), std::span<float>(out));
    CHECK(out == std::vector<float>{1.5F, -2.0F});
    const auto run = [&](DType dtype, std::size_t count) {
        return message_of(
            [&] { convert(dtype, std::span(bytes).first(count), std::span<float>(out)); });
    };
    CHECK(contains(run(DType::F32, 7), "got 7 bytes, expected 2 elements of F32"));
    CHECK(contains(run(DType::F32, 4), "got 4 bytes"));
    CHECK(contains(run(DType::C64, 8), "got C64"));
    CHECK(contains(run(DType::F4, 1), "got F4"));
}
