#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/threads.hpp"

#include <latent/ops/leaky_relu.hpp>

#include <array>
#include <cmath>
#include <string>
#include <utility>

using namespace latent;
using namespace latent::test;

namespace {

const std::array<std::pair<std::string, double>, 3> slopes{
    {{"hundredth", 0.01}, {"tenth", 0.1}, {"rising", -0.25}}};

Tensor<Cpu<float>> values_around_zero() {
    Generator random(0);
    auto x = uniform(random, {512});
    for (auto& value : x.values()) value *= 8;
    return x;
}

} // namespace

TEST_CASE("leaky_relu is torch's, bit for bit", "[leaky_relu]") {
    const Golden golden("ops/leaky_relu");
    const auto x = values_around_zero();
    const auto special = golden.tensor<float>("special");
    for (const auto& [name, slope] : slopes) {
        INFO(name);
        const auto torch = golden.tensor<float>(name + ".float32");
        const auto exact = golden.tensor<double>(name + ".float64");
        CHECK(same_bits(leaky_relu(x.clone(), slope), torch));
        CHECK(same_bits(reference::leaky_relu(x, slope), torch));
        CHECK(same_bits(leaky_relu(as<double>(x), slope), exact));
        CHECK(same_bits(reference::leaky_relu(as<double>(x), slope), exact));

        const auto expected = golden.tensor<float>("special." + name + ".float32");
        const auto fast = leaky_relu(special.clone(), slope);
        const auto defined = reference::leaky_relu(special, slope);
        for (std::size_t i = 0; i < special.values().size(); ++i) {
            for (const auto y : {fast.values()[i], defined.values()[i]}) {
                const auto wanted = expected.values()[i];
                CAPTURE(special.values()[i], y, wanted);
                const bool same = y == wanted && std::signbit(y) == std::signbit(wanted);
                CHECK((same || (std::isnan(wanted) && std::isnan(y))));
            }
        }
    }
}

TEST_CASE("leaky_relu has the same bits for any number of threads", "[leaky_relu]") {
    Generator random(1);
    const auto x = uniform(random, {3, 5, 50, 51});
    CHECK(same_bits_for_threads([&] { return leaky_relu(x.clone(), 0.1); }));
    CHECK(same_bits(leaky_relu(x.clone(), 1), x));
    CHECK(same_bits(leaky_relu(x.clone()), reference::leaky_relu(x, 0.01)));
}

TEST_CASE("leaky_relu keeps the shape and the memory", "[leaky_relu]") {
    CHECK(leaky_relu(Tensor<Meta>(Shape{2, 3}), 0.1).shape() == Shape{2, 3});
    CHECK(leaky_relu(Tensor<Cpu<float>>(Shape{0, 4}), 0.1).shape() == Shape{0, 4});
    auto x = values_around_zero();
    const auto* const memory = x.data();
    CHECK(leaky_relu(std::move(x), 0.1).data() == memory);
}
