#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/threads.hpp"

#include <latent/ops/transpose.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("transpose moves every element to its place, and back", "[transpose]") {
    Generator random(1);
    for (const auto& shape :
         {Shape{1, 1, 1}, Shape{2, 3, 5}, Shape{1, 16, 16}, Shape{3, 17, 33}, Shape{1, 1, 40},
          Shape{2, 40, 1}, Shape{0, 3, 4}}) {
        const auto x = uniform(random, shape);
        const auto y = transpose(x);
        INFO(to_string(shape));
        CHECK(same_bits(y, reference::transpose(x)));
        CHECK(same_bits(transpose(y), x));
        CHECK(same_bits_for_threads([&] { return transpose(x); }));
        CHECK(transpose(Tensor<Meta>(shape)).shape() == y.shape());
    }
    Tensor<Cpu<float>> counted({1, 2, 3});
    for (std::size_t i = 0; i < 6; ++i) counted.values()[i] = static_cast<float>(i);
    const auto y = transpose(counted);
    CHECK(y.shape() == Shape{1, 3, 2});
    CHECK(std::vector<float>(y.values().begin(), y.values().end()) ==
          std::vector<float>{0, 3, 1, 4, 2, 5});
}

TEST_CASE("transpose says what is wrong", "[transpose]") {
    const auto message = message_of([] {
        (void)transpose(Tensor<Cpu<float>>(Shape{1, 2, 3, 4}));
    });
    CHECK(contains(message, "transpose: got [1, 2, 3, 4]"));
    CHECK(contains(message, "[N, A, B]"));
}
