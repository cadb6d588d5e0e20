#include "support/catch.hpp"
#include "support/layers.hpp"
#include "support/trained.hpp"

#include <latent/blocks/autoencoder_tiny_block.hpp>

using namespace latent;
using namespace latent::test;

namespace {

struct Case {
    std::string name;
    AutoencoderTinyBlockConfig config;
    Shape x;
};

const std::vector<Case> cases{
    {"equal", {8, 8}, {2, 8, 9, 7}},
    {"unequal", {5, 12}, {1, 5, 7, 10}},
    {"silu", {10, 6, Activation::silu}, {1, 10, 8, 8}},
    {"gelu", {4, 4, Activation::gelu}, {1, 4, 1, 1}},
    {"pooled", {16, 16, Activation::relu, true}, {2, 16, 6, 9}},
    {"pooled_unequal", {8, 12, Activation::relu, true}, {1, 8, 5, 7}},
};

template <class Device>
AutoencoderTinyBlock<Device> made(const Case& c) {
    TorchInit init(1);
    return AutoencoderTinyBlock<Device>(Weights{init}[c.name], c.config);
}

Tensor<Cpu<float>> input(const Shape& shape) {
    Generator random(2);
    return uniform(random, shape);
}

template <class Block, class Exact>
void check_block(const Golden& golden, const std::string& name, const Block& single,
                 const Exact& exact, const Shape& shape, const Recorder& recorder) {
    check_layers(
        golden, name, [&](const auto& trace) { return single.forward(input(shape), trace); },
        [&](const auto& trace) { return exact.forward(as<double>(input(shape)), trace); },
        recorder);
}

} // namespace

TEST_CASE("AutoencoderTinyBlock is torch's, layer by layer", "[blocks]") {
    const Golden golden("blocks/autoencoder_tiny_block");
    std::size_t modules = 0;
    for (const auto& c : cases) {
        Recorder recorder;
        const AutoencoderTinyBlock<Meta> meta(Weights{recorder}[c.name], c.config);
        check_block(golden, c.name, made<Cpu<float>>(c), made<Cpu<double>>(c), c.x, recorder);
        auto shape = Shape{c.x[0], c.config.out_channels, c.x[2], c.x[3]};
        CHECK(meta.forward(Tensor<Meta>(c.x)).shape() == shape);
        for (const auto& name : golden.outputs()) {
            modules += name == c.name || name.starts_with(c.name + ".");
        }
    }
    CHECK(modules >= golden.outputs().size()); // no stored block without a test
}

TEST_CASE("AutoencoderTinyBlock with trained weights, layer by layer", "[blocks]") {
    const auto data = latent_data();
    if (!data) return skip(no_latent_data);
    const Golden golden("blocks/autoencoder_tiny_block_trained");
    const auto source = taef2_weights(*data);
    for (const bool pooled : {false, true}) {
        const std::string name = pooled ? "layers.11" : "layers.1";
        const AutoencoderTinyBlockConfig config{.use_midblock_gn = pooled};
        const auto w = Weights{*source}["encoder"];
        const AutoencoderTinyBlock<Cpu<float>> single(w[name], config);
        const AutoencoderTinyBlock<Cpu<double>> exact(w[name], config);
        Recorder recorder;
        (void)AutoencoderTinyBlock<Meta>(Weights{recorder}[name], config);
        // The stored paths begin with the layer: the network around it is left out.
        const auto shorter = [](const auto& trace) {
            return [&trace](std::string_view path, const auto& x) {
                trace(path.substr(std::string_view("encoder.").size()), x);
            };
        };
        check_layers(
            golden, name,
            [&](const auto& trace) {
                if constexpr (is_traced<std::remove_cvref_t<decltype(trace)>>) {
                    return single.forward(input({1, 64, 9, 8}), shorter(trace));
                } else {
                    return single.forward(input({1, 64, 9, 8}));
                }
            },
            [&](const auto& trace) {
                return exact.forward(as<double>(input({1, 64, 9, 8})), shorter(trace));
            },
            recorder);
    }
}

TEST_CASE("a block copies nothing and reads nothing that it did not write", "[blocks]") {
    for (const auto& c : cases) {
        const auto block = made<Cpu<float>>(c);
        const auto expected = block.forward(input(c.x));
        const Workspace run({.poison = true});
        (void)block.forward(input(c.x));
        INFO(c.name);
        CHECK(same_bits(block.forward(input(c.x)), expected));
        CHECK(run.report().clones == 0);
    }
}

TEST_CASE("a block refuses another number of channels", "[blocks]") {
    const auto block = made<Cpu<float>>(cases[0]);
    const auto message = message_of([&] { (void)block.forward(input({1, 7, 4, 4})); });
    CHECK(contains(message, "[1, 7, 4, 4]"));
    CHECK(contains(message, "[N, 8, H, W]"));
}
