#include "support/catch.hpp"

#include <latent/tensor/weights.hpp>

#include <memory>
#include <string>
#include <vector>

using namespace latent;

TEST_CASE("a place in a checkpoint is a path", "[weights]") {
    Recorder recorder;
    const Weights root(recorder);
    CHECK(root.path().empty());
    CHECK(root["encoder"]["layers"][3].path() == "encoder.layers.3");
    CHECK(root["encoder.layers"][0]["conv"].path() == root["encoder"]["layers.0.conv"].path());
    (void)root["a"].parameter<Meta>("weight", {2, 3}, Init::ones());
    (void)root.parameter<Meta>("bias", {4}, Init::zeros());
    REQUIRE(recorder.requests().size() == 2);
    CHECK(recorder.requests()[0].name == "a.weight");
    CHECK(recorder.requests()[0].shape == Shape{2, 3});
    CHECK(recorder.requests()[0].init == Init::ones());
    CHECK(recorder.requests()[1].name == "bias");
}

TEST_CASE("a recorder gives zeros, and notes every device's wish", "[weights]") {
    Recorder recorder;
    const Weights w(recorder);
    const auto single = w.parameter<Cpu<float>>("a", {5}, Init::ones());
    const auto exact = w.parameter<Cpu<double>>("b", {5}, Init::ones());
    for (const auto value : single.values()) CHECK(value == 0);
    for (const auto value : exact.values()) CHECK(value == 0);
    CHECK(recorder.requests().size() == 2);
}

TEST_CASE("torch's initialisation draws in the order of construction", "[weights]") {
    TorchInit init(3);
    const Weights w{init};
    const auto weight = w.parameter<Cpu<float>>("weight", {4, 5}, Init::kaiming_uniform(5));
    const auto ones = w.parameter<Cpu<float>>("norm", {4}, Init::ones());
    const auto bias = w.parameter<Cpu<float>>("bias", {4}, Init::bias_uniform(5));

    Generator generator(3);
    std::vector<float> expected(24);
    const float bound = Init::bias_uniform(5).bound;
    generator.uniform_(expected, -bound, bound);
    for (std::size_t i = 0; i < 20; ++i) CHECK(weight.values()[i] == expected[i]);
    for (std::size_t i = 0; i < 4; ++i) CHECK(bias.values()[i] == expected[20 + i]);
    for (const auto value : ones.values()) CHECK(value == 1);
}

TEST_CASE("double weights are the float32 ones, widened", "[weights]") {
    TorchInit first(9), second(9);
    const auto single =
        Weights{first}.parameter<Cpu<float>>("w", {3, 7}, Init::kaiming_uniform(7));
    const auto exact =
        Weights{second}.parameter<Cpu<double>>("w", {3, 7}, Init::kaiming_uniform(7));
    for (std::size_t i = 0; i < 21; ++i) {
        CHECK(exact.values()[i] == static_cast<double>(single.values()[i]));
    }
}

TEST_CASE("an initialisation goes on where a generator stands", "[weights]") {
    Generator drawn(4);
    std::vector<float> some(7);
    drawn.rand(some);
    TorchInit init(drawn);
    const auto weight =
        Weights{init}.parameter<Cpu<float>>("weight", {3}, Init::kaiming_uniform(5));
    std::vector<float> expected(3);
    const float bound = Init::kaiming_uniform(5).bound;
    drawn.uniform_(expected, -bound, bound);
    for (std::size_t i = 0; i < 3; ++i) CHECK(weight.values()[i] == expected[i]);
}

TEST_CASE("kept weights are the same ones in any order", "[weights]") {
    KeptWeights kept(std::make_unique<TorchInit>(5));
    const Weights w(kept);
    const auto a = w.parameter<Cpu<float>>("a", {20}, Init::kaiming_uniform(20));
    const auto b = w.parameter<Cpu<float>>("b", {20}, Init::kaiming_uniform(20));
    CHECK(a.values()[0] != b.values()[0]);
    const auto again = w.parameter<Cpu<double>>("b", {4, 5}, Init::kaiming_uniform(20));
    const auto first = w.parameter<Cpu<float>>("a", {20}, Init::kaiming_uniform(20));
    for (std::size_t i = 0; i < 20; ++i) {
        CHECK(again.values()[i] == static_cast<double>(b.values()[i]));
        CHECK(first.values()[i] == a.values()[i]);
    }
    try {
        (void)w.parameter<Cpu<float>>("a", {21}, Init::kaiming_uniform(20));
        CHECK(false);
    } catch (const Error& error) {
        CHECK(std::string(error.what()).starts_with("a: got [21], expected the 20 elements"));
    }
}
