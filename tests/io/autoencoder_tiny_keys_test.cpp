#include "support/catch.hpp"
#include "support/network_files.hpp"
#include "support/tiny_networks.hpp"

#include <latent/io/autoencoder_tiny_keys.hpp>

#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

std::vector<TensorInfo> tensors_named(const AutoencoderTinyConfig& config,
                                      const FileName& rename) {
    std::vector<TensorInfo> tensors;
    for (const auto& request : parameters_of(config)) {
        const auto name = rename(request.name);
        if (!name.empty()) tensors.push_back({.name = name, .shape = request.shape});
    }
    return tensors;
}

std::string in_file(const AutoencoderTinyKeys& keys, const std::string& name) {
    return renamed(name, std::vector{keys.rule()});
}

} // namespace

TEST_CASE("diffusers' names are found as they are", "[keys]") {
    const auto tensors = tensors_named({}, diffusers_name);
    for (const std::string side : {"encoder", "decoder"}) {
        const auto keys = find_autoencoder_tiny_keys(tensors, side);
        REQUIRE(keys.has_value());
        CHECK(keys->prefix == side + ".layers.");
        const auto name = side + ".layers.3.conv.0.weight";
        CHECK(in_file(*keys, name) == name);
        CHECK(numbered_layers(tensors, *keys).size() == 15);
    }
}

TEST_CASE("the taesd project's names are found, its decoder one number higher", "[keys]") {
    const auto encoder =
        find_autoencoder_tiny_keys(tensors_named({}, taesd_name("encoder")), "encoder");
    REQUIRE(encoder.has_value());
    CHECK(in_file(*encoder, "encoder.layers.14.bias") == "14.bias");
    CHECK(in_file(*encoder, "encoder.layers.1.conv.4.weight") == "1.conv.4.weight");

    const auto decoder =
        find_autoencoder_tiny_keys(tensors_named({}, taesd_name("decoder")), "decoder");
    REQUIRE(decoder.has_value());
    CHECK(in_file(*decoder, "decoder.layers.0.weight") == "1.weight");
    CHECK(in_file(*decoder, "decoder.layers.18.bias") == "19.bias");
}

TEST_CASE("both sides of taesd in one file keep their prefix", "[keys]") {
    const auto name = [](const std::string& ours) {
        const std::string side = ours.substr(0, 7);
        return side + "." + taesd_name(side)(ours);
    };
    const auto tensors = tensors_named({}, name);
    const auto encoder = find_autoencoder_tiny_keys(tensors, "encoder");
    const auto decoder = find_autoencoder_tiny_keys(tensors, "decoder");
    REQUIRE(encoder.has_value());
    REQUIRE(decoder.has_value());
    CHECK(in_file(*encoder, "encoder.layers.0.weight") == "encoder.0.weight");
    CHECK(in_file(*decoder, "decoder.layers.0.weight") == "decoder.1.weight");
}

TEST_CASE("a side is not taken for the other", "[keys]") {
    CHECK(!find_autoencoder_tiny_keys(tensors_named({}, taesd_name("encoder")), "decoder"));
    CHECK(!find_autoencoder_tiny_keys(tensors_named({}, taesd_name("decoder")), "encoder"));
    CHECK(!find_autoencoder_tiny_keys({}, "encoder"));
    std::vector<TensorInfo> strange;
    for (const std::string name : {"0.bias", "encoder.conv_in.weight",
                                   "99999999999999999999.weight", "", ".", "-1.weight"}) {
        strange.push_back({.name = name, .shape = {}});
    }
    CHECK(!find_autoencoder_tiny_keys(strange, "encoder"));
    CHECK(!find_autoencoder_tiny_keys(strange, "decoder"));
}

TEST_CASE("a side is read off its layers, whatever their numbers", "[keys]") {
    for (const auto& network : tiny_networks()) {
        CAPTURE(network.name);
        const auto& config = network.config;
        const auto tensors = tensors_named(config, diffusers_name);
        const auto encoder = describe_side(
            "file", "encoder", numbered_layers(tensors, {"encoder", "encoder.layers.", 0}));
        CHECK(encoder.in_channels == config.in_channels);
        CHECK(encoder.out_channels == config.latent_channels);
        CHECK(encoder.stem_channels == config.encoder_stem_channels);
        CHECK(encoder.channels == config.encoder_block_out_channels);
        CHECK(encoder.blocks == config.num_encoder_blocks);
        CHECK(encoder.pooled.back() == config.use_midblock_gn);

        const auto decoder = describe_side(
            "file", "decoder", numbered_layers(tensors, {"decoder", "decoder.layers.", 0}));
        CHECK(decoder.in_channels == config.latent_channels);
        CHECK(decoder.out_channels == config.out_channels);
        CHECK(decoder.channels == config.decoder_block_out_channels);
        CHECK(decoder.blocks == config.num_decoder_blocks);
        CHECK(decoder.pooled.front() == config.use_midblock_gn);
    }
}

TEST_CASE("layers that are no side are refused by name", "[keys]") {
    const auto refused = [](const NumberedLayers& layers) {
        return message_of([&] { (void)describe_side("file", "encoder", layers); });
    };
    CHECK(contains(refused({}), "file: got no encoder"));
    const NumberedLayers one{{0, {{"weight", Shape{8, 3, 3, 3}}}}};
    CHECK(contains(refused(one), "file: got no convolution at both ends of the encoder"));
    const NumberedLayers flat{{0, {{"weight", Shape{8, 3}}}},
                              {1, {{"weight", Shape{8, 3, 3, 3}}}}};
    CHECK(contains(refused(flat), "file: got no convolution at both ends of the encoder"));
}
