#include "support/catch.hpp"

#include <latent/io/rounding.hpp>
#include <latent/tensor/half.hpp>
#include <latent/tensor/random.hpp>

#include <cmath>
#include <cstdint>
#include <limits>

using namespace latent;

namespace {

/// What rounding.hpp, which takes numbers apart, says of a number.
template <class S>
std::uint16_t bits_of_nearest(S value) {
    return static_cast<std::uint16_t>(
        detail::rounded_bits(detail::take_apart(static_cast<double>(value)), {10, 5}));
}

template <class S>
void check_nearest(S value) {
    if (Half::nearest(value).bits == bits_of_nearest(value)) return;
    CAPTURE(value, sizeof(S), Half::nearest(value).bits, bits_of_nearest(value));
    CHECK(false);
}

} // namespace

TEST_CASE("each Half is the number that its bits say", "[half]") {
    for (std::uint32_t code = 0; code < 0x10000; ++code) {
        const float value = Half{static_cast<std::uint16_t>(code)};
        const auto exponent = static_cast<int>(code >> 10U & 31U);
        const auto mantissa = static_cast<int>(code & 1023U);
        const float sign = code & 0x8000U ? -1.0F : 1.0F;
        CAPTURE(code, value);
        if (exponent == 31 && mantissa != 0) {
            if (!std::isnan(value)) FAIL("no NaN");
            continue;
        }
        const auto size = exponent == 31 ? std::numeric_limits<float>::infinity()
                          : exponent == 0
                              ? std::ldexp(static_cast<float>(mantissa), -24)
                              : std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
        if (!(value == sign * size) || std::signbit(value) != (sign < 0))
            FAIL("another number");
        if (Half::nearest(value).bits != code) FAIL("other bits");
        if (Half::nearest(static_cast<double>(value)).bits != code)
            FAIL("other bits of double");
    }
    CHECK(static_cast<double>(Half{0x7BFF}) == largest_half);
}

TEST_CASE("Half::nearest rounds once, ties to even", "[half]") {
    // Around every number and every middle of two neighbours.
    for (std::uint32_t code = 0; code < 0x7C00; ++code) {
        const double here = Half{static_cast<std::uint16_t>(code)};
        const double next =
            code == 0x7BFF ? 65536.0
                           : static_cast<double>(Half{static_cast<std::uint16_t>(code + 1)});
        for (const double place : {here, (here + next) / 2}) {
            for (const double sign : {1.0, -1.0}) {
                const double value = sign * place;
                check_nearest(value);
                check_nearest(std::nextafter(value, 1e9));
                check_nearest(std::nextafter(value, -1e9));
                const auto single = static_cast<float>(value);
                check_nearest(single);
                check_nearest(std::nextafter(single, 1e9F));
                check_nearest(std::nextafter(single, -1e9F));
            }
        }
    }
    Generator random(0);
    for (int i = 0; i < 10000; ++i) {
        const auto unit = static_cast<double>(random.random()) * 0x1p-32 - 0.5;
        const auto value = std::ldexp(unit, i % 50 - 30);
        check_nearest(value);
        check_nearest(static_cast<float>(value));
    }
    CHECK(Half::nearest(std::numeric_limits<float>::infinity()).bits == 0x7C00);
    CHECK(Half::nearest(-std::numeric_limits<double>::infinity()).bits == 0xFC00);
    CHECK(std::isnan(static_cast<float>(Half::nearest(std::nan("")))));
    CHECK(Half::nearest(1e300).bits == 0x7C00);
    CHECK(Half::nearest(-0.0F).bits == 0x8000);
    // 1 + 2^-11 + 2^-40 lies above the middle, which a detour over float would hide.
    CHECK(Half::nearest(1 + 0x1p-11 + 0x1p-40).bits == 0x3C01);
}
