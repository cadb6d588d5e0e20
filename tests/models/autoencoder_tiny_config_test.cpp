#include "support/catch.hpp"
#include "support/tiny_networks.hpp"

#include <functional>

using namespace latent;
using namespace latent::test;

namespace {

std::int64_t parameters(const Recorder& recorder) {
    std::int64_t count = 0;
    for (const auto& request : recorder.requests()) count += request.shape.numel();
    return count;
}

} // namespace

TEST_CASE("each network has its number of parameters", "[models]") {
    for (const auto& network : tiny_networks()) {
        Recorder encoder, decoder, both;
        (void)EncoderTiny<Meta>(Weights{encoder}, network.config);
        (void)DecoderTiny<Meta>(Weights{decoder}, network.config);
        (void)AutoencoderTiny<Meta>(Weights{both}, network.config);
        INFO(network.name);
        CHECK(parameters(encoder) == network.encoder_parameters);
        CHECK(parameters(decoder) == network.decoder_parameters);
        CHECK(parameters(both) == network.encoder_parameters + network.decoder_parameters);
        CHECK(both.requests().size() == encoder.requests().size() + decoder.requests().size());
        for (std::size_t i = 0; i < both.requests().size(); ++i) {
            const bool first = i < encoder.requests().size();
            CHECK(both.requests()[i].name.starts_with(first ? "encoder." : "decoder."));
        }
    }
}

TEST_CASE("the numbers of tensors are those of the taesd files", "[models]") {
    const auto counts = [](const AutoencoderTinyConfig& config) {
        Recorder encoder, decoder;
        (void)EncoderTiny<Meta>(Weights{encoder}, config);
        (void)DecoderTiny<Meta>(Weights{decoder}, config);
        return std::pair(encoder.requests().size(), decoder.requests().size());
    };
    using Counts = std::pair<std::size_t, std::size_t>;
    CHECK(counts({}) == Counts(67, 67));
    CHECK(counts(taef2_config()) == Counts(79, 79));
    CHECK(counts(taesana_config()) == Counts(69, 105));
}

TEST_CASE("the factors between image and latents", "[models]") {
    CHECK(AutoencoderTinyConfig().encoder_factor() == 8);
    CHECK(AutoencoderTinyConfig().decoder_factor() == 8);
    CHECK(taesana_config().encoder_factor() == 32);
    CHECK(taesana_config().decoder_factor() == 32);
    CHECK(uneven_config().encoder_factor() == 4);
    CHECK(uneven_config().decoder_factor() == 9);
    for (const auto& network : tiny_networks()) {
        const auto& config = network.config;
        Recorder recorder;
        const AutoencoderTiny<Meta> model(Weights{recorder}, config);
        const auto z = model.encode(Tensor<Meta>(network.image));
        const auto factor = config.encoder_factor();
        CHECK(z.shape() == Shape{network.image[0], config.latent_channels,
                                 (network.image[2] + factor - 1) / factor,
                                 (network.image[3] + factor - 1) / factor});
        const auto image = model.decode(Tensor<Meta>(network.latents));
        CHECK(image.shape() == Shape{network.latents[0], config.out_channels,
                                     network.latents[2] * config.decoder_factor(),
                                     network.latents[3] * config.decoder_factor()});
    }
}

TEST_CASE("a config that describes no network is refused by its field", "[models]") {
    using Change = std::function<void(AutoencoderTinyConfig&)>;
    const auto refuses = [](const std::string& field, const Change& change) {
        AutoencoderTinyConfig config;
        change(config);
        const auto message = message_of([&] { check(config); });
        INFO(message);
        CHECK(contains(message, field));
        Recorder recorder;
        CHECK(message_of([&] { (void)AutoencoderTiny<Meta>(Weights{recorder}, config); }) ==
              message);
    };
    CHECK_NOTHROW(check(AutoencoderTinyConfig()));
    for (const auto& network : tiny_networks()) CHECK_NOTHROW(check(network.config));
    refuses("in_channels", [](auto& c) { c.in_channels = 0; });
    refuses("out_channels", [](auto& c) { c.out_channels = -3; });
    refuses("latent_channels", [](auto& c) { c.latent_channels = 1 << 20; });
    refuses("upsampling_scaling_factor", [](auto& c) { c.upsampling_scaling_factor = 0; });
    refuses("encoder_block_out_channels", [](auto& c) { c.encoder_block_out_channels = {64}; });
    refuses("decoder_block_out_channels", [](auto& c) { c.num_decoder_blocks = {1, 1}; });
    refuses("encoder_block_out_channels", [](auto& c) {
        c.encoder_block_out_channels = {64, 64, 32, 64};
    });
    refuses("decoder_block_out_channels", [](auto& c) {
        c.decoder_block_out_channels = {64, 64, 0, 64};
    });
    refuses("num_encoder_blocks", [](auto& c) { c.num_encoder_blocks = {1, -3, 3, 3}; });
    refuses("num_decoder_blocks", [](auto& c) { c.num_decoder_blocks = {1, 3, 9999, 3}; });
    refuses("act_fn", [](auto& c) { c.act_fn = "elu"; });
    refuses("upsample_fn", [](auto& c) { c.upsample_fn = "lanczos"; });
    refuses("latent_magnitude", [](auto& c) { c.latent_magnitude = 0; });
    refuses("encoder_stem_channels", [](auto& c) { c.encoder_stem_channels = {32, 0}; });
    refuses("encoder_stem_channels",
            [](auto& c) { c.encoder_stem_channels = std::vector<std::int64_t>(9, 8); });
}

TEST_CASE("a decoder that enlarges beyond measure is refused", "[autoencoder_tiny_config]") {
    AutoencoderTinyConfig config;
    config.upsampling_scaling_factor = 64;
    config.decoder_block_out_channels.assign(12, 8);
    config.num_decoder_blocks.assign(12, 1);
    const auto message = message_of([&] { check(config); });
    CHECK(message.find("upsampling_scaling_factor: got 64") != std::string::npos);
    CHECK(message.find("65536") != std::string::npos);
}
