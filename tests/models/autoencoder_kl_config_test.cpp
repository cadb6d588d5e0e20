#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/models/autoencoder_kl.hpp>

#include <string>

using namespace latent;
using namespace latent::test;

TEST_CASE("AutoencoderKL's defaults make a network, of factor 1", "[models]") {
    AutoencoderKLConfig config;
    check(config); // nothing is thrown
    CHECK(config.factor() == 1);
    std::size_t count = 0;
    fields(config, [&](std::string_view, const auto&) { ++count; });
    CHECK(count == 18);
}

TEST_CASE("a config that makes no AutoencoderKL is refused by its field", "[models]") {
    const auto refused = [](const auto& change, const std::string& field,
                            const std::string& part) {
        AutoencoderKLConfig config;
        change(config);
        const auto message = message_of([&] { check(config); });
        CAPTURE(message);
        CHECK(message.starts_with(field + ": got "));
        CHECK(contains(message, part));
    };
    using Config = AutoencoderKLConfig;
    refused([](Config& c) { c.block_out_channels = {64, 64}; }, "down_block_types", "1 blocks");
    refused([](Config& c) { c.block_out_channels = {}; }, "block_out_channels", "0 blocks");
    refused([](Config& c) { c.block_out_channels = {48}; }, "block_out_channels",
            "multiples of norm_num_groups (32)");
    refused([](Config& c) { c.block_out_channels = {1 << 20}; }, "block_out_channels", "65536");
    refused([](Config& c) { c.down_block_types = {"DownBlock2D"}; }, "down_block_types",
            "'DownBlock2D'");
    refused([](Config& c) { c.up_block_types = {"DownEncoderBlock2D"}; }, "up_block_types",
            "AttnUpDecoderBlock2D");
    refused([](Config& c) { c.layers_per_block = 0; }, "layers_per_block", "0");
    refused([](Config& c) { c.latent_channels = -4; }, "latent_channels", "-4");
    refused([](Config& c) { c.norm_num_groups = 0; }, "norm_num_groups", "1 to");
    refused([](Config& c) { c.sample_size = 0; }, "sample_size", "0");
    refused([](Config& c) { c.act_fn = "tanh"; }, "act_fn", "'tanh'");
    refused([](Config& c) { c.scaling_factor = 0; }, "scaling_factor", "0.000001");
    refused([](Config& c) { c.scaling_factor = -1; }, "scaling_factor", "-1");
    refused([](Config& c) { c.latents_mean = {1.0, 2.0}; }, "latents_mean", "2 numbers");
    refused([](Config& c) { c.latents_mean.emplace(4, 1.0); }, "latents_mean, latents_std",
            "both or none");
    refused(
        [](Config& c) {
            c.latents_mean.emplace(4, 1.0);
            c.latents_std = {1.0, 0.0, 1.0, 1.0};
        },
        "latents_std", "any other");
}

TEST_CASE("a network of a config that makes none is refused before it is built", "[models]") {
    Recorder recorder;
    const Weights root(recorder);
    AutoencoderKLConfig config;
    config.block_out_channels = {128, 256, 512, 512}; // and the two lists of types forgotten
    const std::string expected = "down_block_types: got 1 blocks";
    CHECK(contains(message_of([&] { (void)AutoencoderKL<Meta>(root, config); }), expected));
    CHECK(contains(message_of([&] { (void)EncoderKL<Meta>(root, config); }), expected));
    CHECK(contains(message_of([&] { (void)DecoderKL<Meta>(root, config); }), expected));
    config.block_out_channels = {};
    CHECK(contains(message_of([&] { (void)AutoencoderKL<Meta>(root, config); }), "0 blocks"));

    UNetMidBlock2DConfig middle{.in_channels = 32, .attention_head_dim = 0};
    const auto build = [&] { (void)UNetMidBlock2D<Meta>(root, middle); };
    CHECK(contains(message_of(build), "attention_head_dim 0"));
    middle.attention_head_dim = 5;
    CHECK(contains(message_of(build), "a divisor of the 32 channels"));
    middle.num_layers = -1;
    CHECK(contains(message_of(build), "num_layers -1"));
    const DownEncoderBlock2DConfig empty{
        .in_channels = 32, .out_channels = 32, .num_layers = 0};
    CHECK(contains(message_of([&] { (void)DownEncoderBlock2D<Meta>(root, empty); }),
                   "num_layers 0"));
    CHECK(contains(
        message_of([&] { (void)Attention<Meta>(root, {.query_dim = 32, .heads = 3}); }),
        "3 heads for 32 channels"));
}
