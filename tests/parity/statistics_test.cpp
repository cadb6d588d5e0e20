#include "support/catch.hpp"

#include <latent/parity/statistics.hpp>

#include <cmath>
#include <initializer_list>
#include <limits>

using namespace latent;

namespace {

Tensor<Cpu<double>> numbers(std::initializer_list<double> values) {
    Tensor<Cpu<double>> x({static_cast<std::int64_t>(values.size())});
    std::ranges::copy(values, x.data());
    return x;
}

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

} // namespace

TEST_CASE("statistics: errors by hand") {
    const auto s = statistics(numbers({3, 0, 4}), numbers({3, 1, 4}), Precision::f32);
    CHECK(std::abs(s.relative_l2 - 0.2) <= 1e-15);
    CHECK(s.largest == 1);
    CHECK(s.place == 1);
    CHECK(std::abs(s.cosine - 25 / (5 * std::sqrt(26.0))) <= 1e-15);
    CHECK(s.reference_max == 4);
    CHECK(s.value_max == 4);
    CHECK(s.finite());
}

TEST_CASE("statistics: units in the last place") {
    CHECK(unit_in_last_place(1.0, Precision::f32) == 0x1p-23);
    CHECK(unit_in_last_place(-1.999, Precision::f32) == 0x1p-23);
    CHECK(unit_in_last_place(2.0, Precision::f16) == 0x1p-9);
    CHECK(unit_in_last_place(0.75, Precision::bf16) == 0x1p-8);
    CHECK(unit_in_last_place(0.0, Precision::f16) == 0x1p-24); // the smallest half
    const auto s =
        statistics(numbers({1, 1024}), numbers({1, 1024 + 3 * 0x1p-13}), Precision::f32);
    CHECK(s.ulp == 3);
}

TEST_CASE("statistics: equal tensors, zeros, and opposite ones") {
    const auto same = statistics(numbers({1, -2}), numbers({1, -2}), Precision::f32);
    CHECK(same.relative_l2 == 0);
    CHECK(same.ulp == 0);
    CHECK(same.cosine == 1);
    const auto zeros = statistics(numbers({0, 0}), numbers({0, 0}), Precision::f32);
    CHECK(zeros.relative_l2 == 0);
    CHECK(zeros.cosine == 1);
    const auto beside_zeros = statistics(numbers({0, 0}), numbers({0, 1}), Precision::f32);
    CHECK(beside_zeros.relative_l2 == infinity);
    CHECK(beside_zeros.cosine == 0);
    const auto opposite = statistics(numbers({1, 2}), numbers({-1, -2}), Precision::f32);
    CHECK(opposite.cosine == -1);
}

TEST_CASE("statistics: what is no number makes every error infinite") {
    const auto odd =
        statistics(numbers({1, 2, 3}), numbers({1, nan_value, infinity}), Precision::f32);
    CHECK(odd.nan_count == 1);
    CHECK(odd.inf_count == 1);
    CHECK(odd.place == 1);
    CHECK(odd.relative_l2 == infinity);
    CHECK(odd.largest == infinity);
    CHECK(std::isnan(odd.cosine));
    CHECK_FALSE(odd.finite());
    // A number where the reference has none is wrong, too; the same oddity is not.
    CHECK_FALSE(statistics(numbers({nan_value}), numbers({1}), Precision::f32).finite());
    CHECK_FALSE(statistics(numbers({infinity}), numbers({-infinity}), Precision::f32).finite());
    CHECK(statistics(numbers({nan_value, infinity, 1}), numbers({nan_value, infinity, 1}),
                     Precision::f32)
              .relative_l2 == 0);
    CHECK_THROWS_AS(statistics(numbers({1}), numbers({1, 2}), Precision::f32), Error);
}
