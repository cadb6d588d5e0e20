#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/threads.hpp"

#include <latent/ops/activation.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

using namespace latent;
using namespace latent::test;

namespace {

const std::array<std::pair<std::string, Activation>, 4> named{{{"relu", Activation::relu},
                                                               {"silu", Activation::silu},
                                                               {"mish", Activation::mish},
                                                               {"gelu", Activation::gelu}}};

Tensor<Cpu<float>> input() {
    Generator random(0);
    auto x = uniform(random, {4096});
    for (auto& value : x.values()) value *= 8;
    return x;
}

} // namespace

TEST_CASE("activations are as close to the truth as torch's", "[activation]") {
    const Golden golden("ops/activation");
    for (const auto& [name, kind] : named) {
        const auto truth = reference::activation(kind, as<double>(input()));
        const auto fast = judge(golden, name, activation(kind, input()), truth);
        INFO(fast.text);
        CHECK(fast.good);
        const auto defined = judge(golden, name, reference::activation(kind, input()), truth);
        INFO("reference: " << defined.text);
        CHECK(defined.good);
        const auto exact = closeness(activation(kind, as<double>(input())), truth);
        INFO("fast in double: " << exact.text);
        CHECK(exact.relative <= 1e-14);
    }
}

TEST_CASE("activations of special values are torch's", "[activation]") {
    const Golden golden("ops/activation");
    const auto x = golden.tensor<float>("special");
    for (const auto& [name, kind] : named) {
        const auto torch = golden.tensor<float>("special." + name + ".float32");
        const auto truth = golden.tensor<double>("special." + name + ".float64");
        const auto fast = activation(kind, x.clone());
        const auto defined = reference::activation(kind, x);
        for (std::size_t i = 0; i < x.values().size(); ++i) {
            CAPTURE(name, x.values()[i], fast.values()[i], defined.values()[i],
                    torch.values()[i], truth.values()[i]);
            for (const auto y : {fast.values()[i], defined.values()[i]}) {
                const auto expected = truth.values()[i];
                if (std::isnan(expected)) {
                    CHECK(std::isnan(y));
                } else if (std::isinf(expected)) {
                    CHECK(static_cast<double>(y) == expected);
                } else {
                    // A few roundings; and 1e-36 because exp(88.8) is more than float32 can
                    // hold.
                    CHECK(std::abs(static_cast<double>(y) - expected) <=
                          3e-7 * std::abs(expected) + 1e-36);
                }
            }
        }
    }
}

TEST_CASE("activations have the same bits for any number of threads", "[activation]") {
    Generator random(1);
    const auto x = uniform(random, {3, 5, 50, 51});
    for (const auto& entry : named) {
        CHECK(same_bits_for_threads([&] { return activation(entry.second, x.clone()); }));
    }
    CHECK(same_bits(activation(Activation::none, x.clone()), x));
}

TEST_CASE("relu and silu are activations by name", "[activation]") {
    CHECK(same_bits(relu(input()), activation(Activation::relu, input())));
    CHECK(same_bits(silu(input()), activation(Activation::silu, input())));
    for (const auto& [name, kind] : named) CHECK(activation_named(name) == kind);
    CHECK(activation_named("swish") == Activation::silu);
    const auto message = message_of([] { (void)activation_named("softplus"); });
    CHECK(contains(message, "act_fn"));
    CHECK(contains(message, "'softplus'"));
    CHECK(contains(message, "mish"));
}

TEST_CASE("activations keep the shape on Meta", "[activation]") {
    CHECK(silu(Tensor<Meta>(Shape{2, 3})).shape() == Shape{2, 3});
    CHECK(relu(Tensor<Cpu<float>>(Shape{0, 4})).shape() == Shape{0, 4});
}
