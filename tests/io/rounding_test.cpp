#include "support/catch.hpp"

#include <latent/io/rounding.hpp>
#include <latent/tensor/random.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

using namespace latent;

namespace {

/// The bits of one rounded number.
template <class Number>
std::uint32_t rounded(DType from, Number value, DType to, std::size_t* overflows = nullptr) {
    std::uint32_t bits = 0;
    const auto out = std::as_writable_bytes(std::span(&bits, 1));
    const auto count = round_elements(from, std::as_bytes(std::span(&value, 1)), to,
                                      out.first(static_cast<std::size_t>(bits_of(to)) / 8));
    if (overflows != nullptr) *overflows = count;
    return bits;
}

/// The value of a code of F16 or BF16.
double decoded(DType dtype, std::uint32_t code) {
    const auto bits = static_cast<std::uint16_t>(code);
    double value = 0;
    convert(dtype, std::as_bytes(std::span(&bits, 1)), std::span(&value, 1));
    return value;
}

} // namespace

TEST_CASE("rounding: every pair of neighbours of F16 and BF16, and what lies between") {
    for (const auto dtype : {DType::F16, DType::BF16}) {
        const std::uint32_t infinity = dtype == DType::F16 ? 0x7C00 : 0x7F80;
        std::size_t wrong = 0;
        for (std::uint32_t code = 0; code + 1 < infinity; ++code) {
            const double low = decoded(dtype, code), high = decoded(dtype, code + 1);
            const double middle = (low + high) / 2; // exact in double
            const auto even = code % 2 == 0 ? code : code + 1;
            if (rounded(DType::F64, low, dtype) != code) ++wrong;
            if (rounded(DType::F64, middle, dtype) != even) ++wrong;
            if (rounded(DType::F64, std::nextafter(middle, 0.0), dtype) != code) ++wrong;
            if (rounded(DType::F64, std::nextafter(middle, high), dtype) != code + 1) ++wrong;
            if (rounded(DType::F64, -middle, dtype) != (even | 0x8000U)) ++wrong;
            // The middle fits a float, too, and so it does not matter where it comes from.
            if (rounded(DType::F32, static_cast<float>(middle), dtype) != even) ++wrong;
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("rounding: to F32 as the processor rounds") {
    Generator random(7);
    std::size_t wrong = 0;
    for (int i = 0; i < 200'000; ++i) {
        const auto bits = random.random64();
        const auto real = std::bit_cast<double>(bits);
        if (!std::isnan(real) && rounded(DType::F64, real, DType::F32) !=
                                     std::bit_cast<std::uint32_t>(static_cast<float>(real))) {
            ++wrong;
        }
        // Wide and narrow integers.
        const auto integer = static_cast<std::int64_t>(bits) >> (i % 64);
        if (rounded(DType::I64, integer, DType::F32) !=
            std::bit_cast<std::uint32_t>(static_cast<float>(integer))) {
            ++wrong;
        }
        const auto natural = bits >> (i % 64);
        if (rounded(DType::U64, natural, DType::F32) !=
            std::bit_cast<std::uint32_t>(static_cast<float>(natural))) {
            ++wrong;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("rounding: once, not twice") {
    // As a float these are the middle of two numbers of F16, which would go to the even one.
    CHECK(rounded(DType::F64, 1 + std::ldexp(1.0, -11) + std::ldexp(1.0, -40), DType::F16) ==
          0x3C01);
    CHECK(rounded(DType::F64, 1 + 3 * std::ldexp(1.0, -11) - std::ldexp(1.0, -40),
                  DType::F16) == 0x3C01);
    // 2^62 + 2^54 + 1 is above the middle of two numbers of BF16; as a float or double it is
    // it.
    constexpr std::int64_t above = (std::int64_t{1} << 62) + (std::int64_t{1} << 54) + 1;
    CHECK(rounded(DType::I64, above, DType::BF16) == 0x5E81);
    CHECK(rounded(DType::I64, above - 1, DType::BF16) == 0x5E80);
    CHECK(rounded(DType::I64, -above, DType::BF16) == 0xDE81);
}

TEST_CASE("rounding: ends of the range") {
    std::size_t overflows = 0;
    CHECK(rounded(DType::F64, 65519.99, DType::F16, &overflows) == 0x7BFF);
    CHECK(overflows == 0);
    CHECK(rounded(DType::F64, 65520.0, DType::F16, &overflows) == 0x7C00);
    CHECK(overflows == 1);
    CHECK(rounded(DType::I64, std::int64_t{-65520}, DType::F16, &overflows) == 0xFC00);
    CHECK(overflows == 1);
    CHECK(rounded(DType::F64, std::numeric_limits<double>::max(), DType::BF16, &overflows) ==
          0x7F80);
    CHECK(overflows == 1);
    CHECK(rounded(DType::U64, std::numeric_limits<std::uint64_t>::max(), DType::BF16) ==
          0x5F80);
    CHECK(rounded(DType::I64, std::numeric_limits<std::int64_t>::min(), DType::BF16) == 0xDF00);
    const double infinity = std::numeric_limits<double>::infinity();
    CHECK(rounded(DType::F64, -infinity, DType::F16, &overflows) == 0xFC00);
    CHECK(overflows == 0); // it was infinite before
    CHECK(rounded(DType::F64, std::numeric_limits<double>::denorm_min(), DType::F32) == 0);
    CHECK(rounded(DType::F64, -0.0, DType::F16) == 0x8000);
    CHECK(rounded(DType::F64, std::ldexp(1.0, -25), DType::F16) == 0); // a tie, to even
    CHECK(rounded(DType::F64, std::ldexp(1.5, -25), DType::F16) == 1);
    CHECK(rounded(DType::F64, std::ldexp(1.0, -149), DType::F32) == 1);
    CHECK(rounded(DType::F32, std::numeric_limits<float>::quiet_NaN(), DType::F16) == 0x7E00);
    CHECK(rounded(DType::F16, std::uint16_t{0xFE01}, DType::BF16) == 0xFFC0);
    CHECK(rounded(DType::F32, std::uint32_t{0x7F800001}, DType::F32) == 0x7F800001);
}

TEST_CASE("rounding: every real dtype, and no other") {
    CHECK(rounded(DType::BOOL, std::uint8_t{7}, DType::F16) == 0x3C00);
    CHECK(rounded(DType::I8, std::int8_t{-3}, DType::F16) == 0xC200);
    CHECK(rounded(DType::U8, std::uint8_t{255}, DType::BF16) == 0x437F);
    CHECK(rounded(DType::U16, std::uint16_t{65535}, DType::F32) == 0x477FFF00);
    CHECK(rounded(DType::F8_E4M3, std::uint8_t{0x7E}, DType::F16) == 0x5F00); // 448
    CHECK(rounded(DType::F8_E8M0, std::uint8_t{0}, DType::F16) == 0);         // 2^-127
    CHECK(rounded(DType::BF16, std::uint16_t{0x4780}, DType::F16) == 0x7C00); // 65536
    std::vector<std::byte> bytes(8), out(4);
    for (const auto dtype : {DType::C64, DType::F4, DType::F6_E2M3}) {
        CHECK(contains(message_of([&] {
                           static_cast<void>(round_elements(dtype, bytes, DType::F32, out));
                       }),
                       "expected a real dtype"));
    }
    CHECK(contains(message_of([&] {
                       static_cast<void>(round_elements(DType::F32, bytes, DType::F64, out));
                   }),
                   "F32, F16 or BF16"));
    CHECK(contains(message_of([&] {
                       static_cast<void>(round_elements(DType::F32, bytes, DType::F16, bytes));
                   }),
                   "room"));
}
