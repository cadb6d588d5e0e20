#include "support/catch.hpp"

#include <latent/tensor/simd.hpp>

#include <array>
#include <cmath>

using namespace latent;

namespace {

template <class S>
void check_simd() {
    using V = Simd<S>;
    constexpr auto width = static_cast<std::size_t>(V::width);
    std::array<S, 2 * width> row{};
    std::array<S, 2 * width> out{};
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<S>(i) + S{0.25};
    const auto a = V::load(row.data());
    const auto b = V::load(row.data() + width);
    const auto stored = [&](const V& value) {
        value.store(out.data());
        return out;
    };
    for (std::size_t i = 0; i < width; ++i) {
        CHECK(stored(a)[i] == row[i]);
        CHECK(stored(V::broadcast(S{3}))[i] == S{3});
        CHECK(stored(a + b)[i] == row[i] + row[width + i]);
        CHECK(stored(a - b)[i] == row[i] - row[width + i]);
        CHECK(stored(a * b)[i] == row[i] * row[width + i]);
        CHECK(stored(multiply_add(a, b, V::broadcast(S{1})))[i] ==
              row[i] * row[width + i] + S{1}); // exact either way
    }

    const auto [even, odd] = deinterleave(a, b);
    for (std::size_t i = 0; i < width; ++i) {
        CHECK(stored(even)[i] == row[2 * i]);
        CHECK(stored(odd)[i] == row[2 * i + 1]);
    }
    const auto [low, high] = interleave(even, odd);
    low.store(out.data()), high.store(out.data() + width);
    CHECK(out == row);
}

} // namespace

TEST_CASE("registers of float compute element by element", "[simd]") { check_simd<float>(); }
TEST_CASE("registers of double compute element by element", "[simd]") { check_simd<double>(); }

TEST_CASE("a register has a width that memory layouts count on", "[simd]") {
    static_assert(16 % Simd<float>::width == 0 && 8 % Simd<double>::width == 0);
    CHECK(Simd<float>::width >= Simd<double>::width);
    CHECK(Simd<float>::registers >= 1);
}

TEST_CASE("multiply_add rounds once where the processor can", "[simd]") {
    const double almost = 1 + std::ldexp(1.0, -40);
    double result = 0;
    std::array<double, static_cast<std::size_t>(Simd<double>::width)> out{};
    const auto a = Simd<double>::broadcast(almost);
    multiply_add(a, a, Simd<double>::broadcast(-1)).store(out.data());
    result = out[0];
    const double once = std::fma(almost, almost, -1);
    const double twice = std::ldexp(1.0, -39);
    CHECK((result == once || result == twice));
    if (compiler::has_fma) CHECK(result == once);
}
