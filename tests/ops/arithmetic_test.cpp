#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/threads.hpp"

#include <latent/ops/arithmetic.hpp>

#include <cmath>
#include <limits>
#include <utility>

using namespace latent;
using namespace latent::test;

namespace {

const Shape shape{2, 3, 5, 7};

struct Inputs {
    Tensor<Cpu<float>> x, y;
    Inputs() {
        Generator random(0);
        x = uniform(random, shape);
        for (auto& value : x.values()) value *= 4;
        y = uniform(random, shape);
    }
};

} // namespace

TEST_CASE("add, scale, multiply and clamp have torch's bits", "[arithmetic]") {
    const Golden golden("ops/arithmetic");
    const Inputs in;
    const auto stored = [&](const std::string& name) {
        return golden.tensor<float>(name + ".float32");
    };
    CHECK(same_bits(add(in.x.clone(), in.y), stored("add")));
    CHECK(same_bits(scale(in.x.clone(), 1.0 / 3, 0.7), stored("scale")));
    CHECK(same_bits(scaled(in.x, 1.0 / 3, 0.7), stored("scale")));
    CHECK(same_bits(scale(in.x.clone(), 0.1), stored("scale_only")));
    CHECK(same_bits(clamp(in.x.clone(), -1.25, 0.3), stored("clamp")));
    CHECK(same_bits(multiply(in.x.clone(), in.y), stored("multiply")));
}

TEST_CASE("sqrt is rounded once", "[arithmetic]") {
    const Golden golden("ops/arithmetic");
    auto x = std::move(Inputs().x);
    for (auto& value : x.values()) value = std::abs(value);
    const auto truth =
        reference::map(as<double>(x), [](double value) { return std::sqrt(value); });
    const auto y = sqrt(std::move(x));
    CHECK(same_bits(y, as<float>(truth)));
    // torch's vector library misses the last bit now and then.
    CHECK(closeness(y, as<double>(golden.tensor<float>("sqrt.float32"))).relative <= 6e-8);
}

TEST_CASE("exp is as close to the truth as torch's", "[arithmetic]") {
    const Golden golden("ops/arithmetic");
    const Inputs in;
    const auto truth =
        reference::map(as<double>(in.x), [](double value) { return std::exp(value); });
    const auto fast = judge(golden, "exp", exp(in.x.clone()), truth);
    INFO(fast.text);
    CHECK(fast.good);
    CHECK(closeness(exp(as<double>(in.x)), truth).relative <= 1e-15);
    Tensor<Cpu<float>> special({3});
    special.data()[0] = std::numeric_limits<float>::quiet_NaN();
    special.data()[1] = -std::numeric_limits<float>::infinity();
    special.data()[2] = 100;
    const auto y = exp(std::move(special));
    CHECK(std::isnan(y.data()[0]));
    CHECK(y.data()[1] == 0);
    CHECK(y.data()[2] == std::numeric_limits<float>::infinity());
}

TEST_CASE("tanh is as close to the truth as torch's", "[arithmetic]") {
    const Golden golden("ops/arithmetic");
    const Inputs in;
    const auto truth =
        reference::map(as<double>(in.x), [](double value) { return std::tanh(value); });
    const auto fast = judge(golden, "tanh", tanh(in.x.clone()), truth);
    INFO(fast.text);
    CHECK(fast.good);
    CHECK(closeness(tanh(as<double>(in.x)), truth).relative <= 1e-15);
}

TEST_CASE("special values go through tanh and clamp as in torch", "[arithmetic]") {
    const Golden golden("ops/arithmetic");
    const auto x = golden.tensor<float>("special");
    const auto clamped = golden.tensor<float>("special.clamp.float32");
    CHECK(same_bits(clamp(x.clone(), -0.5, 0.5), clamped));
    const auto torch = golden.tensor<float>("special.tanh.float32");
    const auto ours = tanh(x.clone());
    for (std::size_t i = 0; i < x.values().size(); ++i) {
        CAPTURE(x.values()[i], ours.values()[i], torch.values()[i]);
        if (std::isnan(torch.values()[i])) {
            CHECK(std::isnan(ours.values()[i]));
        } else {
            CHECK(std::abs(ours.values()[i] - torch.values()[i]) <=
                  2e-7F * std::abs(torch.values()[i]));
        }
    }
}

TEST_CASE("arithmetic in double follows the formula", "[arithmetic]") {
    const Inputs in;
    const auto x = as<double>(in.x);
    const auto twice = reference::map(x, [](double value) { return value * 2 + value; });
    CHECK(closeness(add(scale(x.clone(), 2), x), twice).relative <= 1e-15);
    const auto line = reference::map(x, [](double value) { return value / 3 + 0.7; });
    CHECK(closeness(scale(x.clone(), 1.0 / 3, 0.7), line).relative <= 1e-15);
}

TEST_CASE("arithmetic has the same bits for any number of threads", "[arithmetic]") {
    Generator random(1);
    const auto x = uniform(random, {3, 50, 400});
    const auto y = uniform(random, {3, 50, 400});
    CHECK(same_bits_for_threads([&] { return add(x.clone(), y); }));
    CHECK(same_bits_for_threads([&] { return scaled(x, 0.3, 0.1); }));
    CHECK(same_bits_for_threads([&] { return tanh(x.clone()); }));
    CHECK(same_bits_for_threads([&] { return clamp(x.clone(), -0.1, 0.2); }));
}

TEST_CASE("scaled leaves its operand alone, the others take it over", "[arithmetic]") {
    const Workspace run({.record_memory = true});
    Generator random(1);
    const auto x = uniform(random, {40});
    const auto before = x.clone();
    const auto y = scaled(x, 2);
    CHECK(same_bits(x, before));
    const auto taken = run.report().memory.size();
    const auto z = clamp(tanh(scale(uniform(random, {40}), 2, 1)), 0, 1);
    CHECK(run.report().memory.size() == taken + 1);
    CHECK(z.numel() == 40);
}

TEST_CASE("add wants two equal shapes", "[arithmetic]") {
    const auto message = message_of([] {
        (void)add(Tensor<Cpu<float>>(Shape{2, 3}), Tensor<Cpu<float>>(Shape{3, 2}));
    });
    CHECK(contains(message, "add"));
    CHECK(contains(message, "[2, 3] and [3, 2]"));
    CHECK(contains(message, "equal"));
    CHECK(
        contains(message_of([] { (void)add(Tensor<Meta>(Shape{2}), Tensor<Meta>(Shape{3})); }),
                 "equal"));
}

TEST_CASE("arithmetic keeps the shape on Meta", "[arithmetic]") {
    const auto x = [] { return Tensor<Meta>(shape); };
    CHECK(add(x(), x()).shape() == shape);
    CHECK(scaled(x(), 2).shape() == shape);
    CHECK(clamp(tanh(scale(x(), 2)), 0, 1).shape() == shape);
}
