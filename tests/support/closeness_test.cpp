#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <algorithm>
#include <limits>
#include <vector>

using namespace latent;
using latent::test::closeness;
using latent::test::same_bits;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

template <class S>
Tensor<Cpu<S>> tensor(const std::vector<S>& values) {
    Tensor<Cpu<S>> y(Shape{static_cast<std::int64_t>(values.size())});
    std::ranges::copy(values, y.data());
    return y;
}

test::Closeness of(const std::vector<double>& got, const std::vector<double>& truth) {
    return closeness(tensor(got), tensor(truth));
}

} // namespace

TEST_CASE("closeness measures the L2 norm and the largest error", "[closeness]") {
    const auto close = of({3, 4.5}, {3, 4});
    CHECK(close.relative == 0.1);
    CHECK(close.largest == 0.5);
    CHECK(contains(close.text, "0.1"));
    CHECK(contains(close.text, "0.5"));
    CHECK(of({3, 4}, {3, 4}).relative == 0);
    CHECK(closeness(tensor<float>({0.1F}), tensor<double>({0.1})).relative > 1e-9);
}

TEST_CASE("closeness accepts no NaN and nothing infinite", "[closeness]") {
    const std::vector<std::vector<double>> bad{
        {not_a_number, 1}, {1, not_a_number}, {infinity, 1}, {1, -infinity}};
    for (const auto& values : bad) {
        for (const auto& close : {of(values, {1, 1}), of({1, 1}, values), of(values, values)}) {
            CHECK_FALSE(close.relative <= 1e300);
            CHECK_FALSE(close.largest <= 1e300);
            CHECK(contains(close.text, "finite"));
        }
    }
}

TEST_CASE("closeness accepts no other shape", "[closeness]") {
    CHECK_FALSE(of({1, 2}, {1, 2, 3}).relative <= 1e300);
    const auto column = Tensor<Cpu<double>>(Shape{2, 1});
    const auto row = Tensor<Cpu<double>>(Shape{1, 2});
    const auto close = closeness(column, row);
    CHECK_FALSE(close.relative <= 1e300);
    CHECK(contains(close.text, "[2, 1]"));
    CHECK(contains(close.text, "[1, 2]"));
}

TEST_CASE("only zero is close to a truth of zero", "[closeness]") {
    CHECK(of({0, 0}, {0, 0}).relative == 0);
    CHECK_FALSE(of({0, 1e-30}, {0, 0}).relative <= 1e300);
    CHECK(of({}, {}).relative == 0);
}

TEST_CASE("same_bits looks at bits and at the shape", "[closeness]") {
    CHECK(same_bits(tensor<float>({1, 2}), tensor<float>({1, 2})));
    CHECK(same_bits(tensor<double>({not_a_number}), tensor<double>({not_a_number})));
    CHECK_FALSE(same_bits(tensor<double>({0.0}), tensor<double>({-0.0})));
    CHECK_FALSE(same_bits(tensor<float>({1, 2}), tensor<float>({1, 2, 3})));
    CHECK_FALSE(same_bits(Tensor<Cpu<float>>(Shape{0, 1}), Tensor<Cpu<float>>(Shape{0, 2})));
}
