#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/threads.hpp"

#include <latent/ops/channels.hpp>

#include <vector>

using namespace latent;
using namespace latent::test;

TEST_CASE("every pixel of a channel gets its number", "[channels]") {
    Generator random(3);
    const auto x = uniform(random, {2, 3, 5, 4});
    const auto offsets = uniform(random, {2, 3});
    const auto sum = add_per_channel(x.clone(), offsets);
    const std::vector<double> factors{2, -0.3, 0}, shifts{0.1, 1, -4};
    const auto scaled_x = scale_per_channel(x.clone(), factors, shifts);
    for (std::int64_t plane = 0; plane < 6; ++plane) {
        const auto c = static_cast<std::size_t>(plane % 3);
        for (std::int64_t i = plane * 20; i < (plane + 1) * 20; ++i) {
            const auto value = x.data()[i];
            CHECK(sum.data()[i] == value + offsets.data()[plane]);
            const volatile float product = value * static_cast<float>(factors[c]);
            CHECK(scaled_x.data()[i] == product + static_cast<float>(shifts[c]));
        }
    }
    CHECK(same_bits_for_threads([&] { return add_per_channel(x.clone(), offsets); }));
    CHECK(same_bits_for_threads([&] { return scale_per_channel(x.clone(), factors, shifts); }));
    CHECK(add_per_channel(Tensor<Meta>(x.shape()), Tensor<Meta>({2, 3})).shape() == x.shape());
    CHECK(scale_per_channel(Tensor<Meta>(x.shape()), factors, shifts).shape() == x.shape());
}

TEST_CASE("arithmetic by channel says what is wrong", "[channels]") {
    using T = Tensor<Cpu<float>>;
    const std::vector<double> two{1, 2}, three{1, 2, 3};
    CHECK(contains(message_of([] {
                       (void)add_per_channel(T({2, 3, 1, 1}), T({3}));
                   }),
                   "add_per_channel: got [3], expected offsets [2, 3]"));
    const auto message = message_of([&] {
        (void)scale_per_channel(T({1, 3, 1, 1}), three, two);
    });
    CHECK(contains(message, "3 factors and 2 offsets"));
    CHECK(contains(message_of([&] {
                       (void)scale_per_channel(T({1, 3}), three, three);
                   }),
                   "[N, C, H, W]"));
}
