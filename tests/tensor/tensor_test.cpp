#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <latent/tensor/devices.hpp>

#include <numeric>
#include <type_traits>
#include <utility>

using namespace latent;

namespace {

Tensor<Cpu<float>> counting(const Shape& shape) {
    Tensor<Cpu<float>> x(shape);
    std::iota(x.values().begin(), x.values().end(), 0.0F);
    return x;
}

} // namespace

TEST_CASE("a tensor is moved and never copied", "[tensor]") {
    using T = Tensor<Cpu<float>>;
    static_assert(!std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>);
    static_assert(std::is_nothrow_move_constructible_v<T> &&
                  std::is_nothrow_move_assignable_v<T>);
    auto x = counting({2, 3});
    const auto* const memory = x.data();
    auto y = std::move(x);
    CHECK(y.data() == memory);
    CHECK(y.shape() == Shape{2, 3});
    x = counting({4});
    CHECK(x.values()[3] == 3);
    x = std::move(y);
    CHECK(x.data() == memory);
    CHECK(x.values()[5] == 5);
}

TEST_CASE("a clone has its own memory", "[tensor]") {
    const auto x = counting({2, 3});
    auto y = x.clone();
    CHECK(test::same_bits(x, y));
    y.data()[0] = 7;
    CHECK(x.data()[0] == 0);
    const auto nothing = Tensor<Cpu<float>>(Shape{0, 3}).clone();
    CHECK(nothing.shape() == Shape{0, 3});
}

TEST_CASE("reshaped keeps the elements", "[tensor]") {
    auto x = counting({2, 6});
    const auto* const memory = x.data();
    const auto y = std::move(x).reshaped({3, 2, 2});
    CHECK(y.data() == memory);
    CHECK(y.shape() == Shape{3, 2, 2});
    CHECK(y.dim(0) == 3);
    const auto message = message_of([] { (void)counting({2, 6}).reshaped({5}); });
    CHECK(contains(message, "[5]"));
    CHECK(contains(message, "[2, 6]"));
}

TEST_CASE("nchw unpacks four dimensions and refuses others", "[tensor]") {
    const auto [N, C, H, W] = nchw(Tensor<Meta>(Shape{1, 2, 3, 4}), "here");
    CHECK(N * 1000 + C * 100 + H * 10 + W == 1234);
    const auto message = message_of([] { (void)nchw(Tensor<Meta>(Shape{2, 3, 4}), "here"); });
    CHECK(contains(message, "here: got [2, 3, 4]"));
}

TEST_CASE("require_same_shape names both shapes", "[tensor]") {
    const Tensor<Meta> a(Shape{1, 2}), b(Shape{2, 1});
    CHECK_NOTHROW(require_same_shape("add", a, a));
    CHECK(contains(message_of([&] { require_same_shape("add", a, b); }), "[1, 2] and [2, 1]"));
}
