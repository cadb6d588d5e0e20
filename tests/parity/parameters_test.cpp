#include "support/catch.hpp"
#include "parity/small_network.hpp"

#include <latent/parity/parameters.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

using namespace latent;
using namespace latent::test;

TEST_CASE("a recording has its network's parameters beside its tensors", "[parity]") {
    Recorder wanted;
    const Conv2dConfig config{.in_channels = 2, .out_channels = 3};
    (void)Conv2d<Meta>(Weights(wanted)["conv"], config);

    auto source = std::make_unique<KeptWeights>(std::make_unique<TorchInit>(5));
    const Conv2d<Cpu<double>> conv(Weights{*source}["conv"], config);
    const RecordTrace<Cpu<double>> trace;
    (void)conv.forward(Generator(1).randn<Cpu<double>>({1, 2, 4, 4}), trace);
    auto recording = trace.finish();
    const auto output = recording.read("conv");
    add_parameters(recording, std::move(source), wanted.requests());

    REQUIRE(recording.has("parameter:conv.weight"));
    CHECK(recording.shape("parameter:conv.weight") == Shape({3, 2, 3, 3}));
    CHECK(recording.precision("parameter:conv.weight") == Precision::f32);
    const auto weight = recording.read("parameter:conv.weight");
    TorchInit again(5);
    std::vector<float> drawn(54);
    again.read(wanted.requests()[0], std::span<float>(drawn));
    CHECK(std::ranges::equal(weight.values(), drawn));

    // What was there is there, and what is not is an Error.
    CHECK(std::ranges::equal(recording.read("conv").values(), output.values()));
    CHECK(recording.precision("conv") == Precision::f64);
    CHECK_FALSE(recording.has("parameter:conv.scale"));
    REQUIRE_THROWS_AS(recording.read("parameter:conv.scale"), Error);
    const auto names = recording.tensors->names();
    CHECK(std::ranges::count(names, "parameter:conv.bias") == 1);
    CHECK(std::ranges::count(names, "conv:input") == 1);
}
