#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/ops/concat.hpp>

#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

std::vector<float> numbers_of(const Tensor<Cpu<float>>& x) {
    return {x.values().begin(), x.values().end()};
}

Tensor<Cpu<float>> counted_from(float first, Shape shape) {
    Tensor<Cpu<float>> x(std::move(shape));
    for (auto& value : x.values()) value = first++;
    return x;
}

} // namespace

TEST_CASE("cat puts tensors one behind the other along any axis", "[concat]") {
    const auto a = counted_from(0, {2, 2}), b = counted_from(10, {2, 1});
    const auto wide = cat(a, b, 1);
    CHECK(wide.shape() == Shape{2, 3});
    CHECK(numbers_of(wide) == std::vector<float>{0, 1, 10, 2, 3, 11});
    const auto c = counted_from(20, {1, 2});
    CHECK(numbers_of(cat(a, c, 0)) == std::vector<float>{0, 1, 2, 3, 20, 21});
    CHECK(numbers_of(cat(counted_from(0, {0, 2}), c, 0)) == numbers_of(c));
    CHECK(cat(Tensor<Meta>({1, 4, 8, 8}), Tensor<Meta>({1, 3, 8, 8}), 1).shape() ==
          Shape{1, 7, 8, 8});
}

TEST_CASE("chunk takes apart what cat put together", "[concat]") {
    Generator random(2);
    for (std::size_t axis = 0; axis < 4; ++axis) {
        const auto a = uniform(random, {2, 3, 4, 5}), b = uniform(random, {2, 3, 4, 5});
        const auto parts = chunk(cat(a, b, axis), 2, axis);
        REQUIRE(parts.size() == 2);
        CHECK(same_bits(parts[0], a));
        CHECK(same_bits(parts[1], b));
        auto again = chunk(cat(b, a, axis), 2, axis);
        const auto* const memory = again[1].data();
        chunk(cat(a, b, axis), 2, axis, again);
        CHECK(same_bits(again[1], b));
        CHECK(again[1].data() == memory);
        const auto planned = chunk(Tensor<Meta>({6, 6, 6, 6}), 3, axis);
        REQUIRE(planned.size() == 3);
        CHECK(planned[2].shape()[axis] == 2);
    }
}

TEST_CASE("cat and chunk say what is wrong", "[concat]") {
    using T = Tensor<Cpu<float>>;
    const auto shapes = message_of([] { (void)cat(T({2, 3}), T({3, 3}), 1); });
    CHECK(contains(shapes, "cat: got [2, 3] and [3, 3]"));
    CHECK(contains(shapes, "axis 1"));
    CHECK(contains(message_of([] { (void)cat(T({2, 3}), T({2, 3}), 2); }), "axis 2"));
    CHECK(contains(message_of([] { (void)cat(T({2, 3}), T({2, 3, 1}), 0); }), "cat"));
    CHECK(contains(message_of([] {
                       (void)chunk(T({2, 3}), 2, 1);
                   }),
                   "[2, 3] in 2 along axis 1"));
    CHECK(contains(message_of([] { (void)chunk(T({2, 3}), 0, 1); }), "chunk"));
    CHECK(contains(message_of([] { (void)chunk(T({2, 3}), 1, 2); }), "chunk"));
}
