#include "support/catch.hpp"

#include <latent/tensor/normal.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>

using namespace latent;

// Torch's bits are held in random_test.cpp. Here: that the functions are what their names say.

TEST_CASE("torch's logarithm is one", "[normal]") {
    CHECK(torch_math::log(1.0F) == 0.0F);
    // Every 4099th of the values that 1 - u takes, and the two ends.
    for (std::uint32_t step = 1; step <= (1U << 24); step += 4099) {
        const float x = static_cast<float>(step) * 0x1p-24F;
        const double exact = std::log(static_cast<double>(x));
        CAPTURE(x);
        REQUIRE(std::abs(torch_math::log(x) - exact) <= 1.2e-7 * std::abs(exact));
    }
    const float last = 1.0F - 0x1p-24F;
    CHECK(std::abs(torch_math::log(last) + 0x1p-24) <= 1e-14);
}

TEST_CASE("torch's sine and cosine are those", "[normal]") {
    for (int step = 0; step <= 10000; ++step) {
        const float x = static_cast<float>(step) * 1e-3F; // one and a half turns
        const auto [sine, cosine] = torch_math::sincos(x);
        CAPTURE(x);
        REQUIRE(std::abs(sine - std::sin(static_cast<double>(x))) <= 1e-7);
        REQUIRE(std::abs(cosine - std::cos(static_cast<double>(x))) <= 1e-7);
    }
    CHECK(torch_math::sincos(0.0F).sine == 0.0F);
    CHECK(torch_math::sincos(0.0F).cosine == 1.0F);
}

TEST_CASE("elements j and j + 8 become a pair of normals", "[normal]") {
    std::array<float, 16> single{};
    std::array<double, 16> twice{};
    for (std::size_t j = 0; j < 16; ++j) {
        single[j] = static_cast<float>(j) / 16.0F;
        twice[j] = single[j];
    }
    const auto uniform = twice;
    torch_math::normal_fill_16(std::span<float, 16>(single), 0.5F, 2.0F);
    torch_math::normal_fill_16(std::span<double, 16>(twice), 0.5, 2.0);
    for (std::size_t j = 0; j < 8; ++j) {
        const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform[j]));
        const double angle = 2.0 * std::numbers::pi * uniform[j + 8];
        CAPTURE(j);
        CHECK(std::abs(twice[j] - (2.0 * radius * std::cos(angle) + 0.5)) <= 1e-14);
        CHECK(std::abs(twice[j + 8] - (2.0 * radius * std::sin(angle) + 0.5)) <= 1e-14);
        CHECK(std::abs(single[j] - twice[j]) <= 1e-6);
        CHECK(std::abs(single[j + 8] - twice[j + 8]) <= 1e-6);
    }
}
