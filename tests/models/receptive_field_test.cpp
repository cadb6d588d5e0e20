#include "support/catch.hpp"
#include "support/tiny_networks.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// Weights without cancellation: every kernel is a mean, no layer has a bias. What sees a 1 in
/// an image of zeros is then above zero, and all else is zero.
struct MeanWeights final : WeightSource {
    void read(const ParameterRequest& request, std::span<float>) override {
        fail(request.name, "float32", "float64");
    }
    void read(const ParameterRequest& request, std::span<double> out) override {
        const bool bias = request.name.ends_with(".bias");
        const auto count = static_cast<double>(request.shape.numel() / request.shape[0]);
        std::ranges::fill(out, bias ? 0.0 : 1 / count);
    }
};

/// A network's layers with two channels each: what they see does not depend on the channels.
AutoencoderTinyConfig narrow(AutoencoderTinyConfig config) {
    for (auto* const channels :
         {&config.encoder_block_out_channels, &config.decoder_block_out_channels,
          &config.encoder_stem_channels}) {
        std::ranges::fill(*channels, 2);
    }
    return config;
}

AutoencoderTinyConfig one_enlargement(const std::string& upsample_fn, std::int64_t factor) {
    AutoencoderTinyConfig config;
    config.encoder_block_out_channels = config.decoder_block_out_channels = {2, 2};
    // No activation behind the enlargement: relu would hide a cubic's negative weights.
    config.num_encoder_blocks = config.num_decoder_blocks = {1, 0};
    config.upsample_fn = upsample_fn;
    config.upsampling_scaling_factor = factor;
    return config;
}

/// Columns of x [1, C, H, W] that are zero in no row and channel.
std::vector<bool> touched(const Tensor<Cpu<double>>& x) {
    std::vector<bool> columns(static_cast<std::size_t>(x.dim(3)));
    for (std::int64_t i = 0; i < x.numel(); ++i) {
        if (x.data()[i] != 0) columns[static_cast<std::size_t>(i % x.dim(3))] = true;
    }
    return columns;
}

/// Whether exactly the outputs whose input_of holds the column are touched.
void check_touched(const ReceptiveField& field, std::int64_t column,
                   const std::vector<bool>& outputs) {
    std::vector<bool> expected;
    for (std::int64_t o = 0; o < static_cast<std::int64_t>(outputs.size()); ++o) {
        const auto seen = field.input_of({o, o + 1});
        expected.push_back(seen.begin <= column && column < seen.end);
    }
    CAPTURE(column);
    CHECK(outputs == expected);
    CHECK(std::ranges::count(expected, true) > 0);
}

void check_encoder_field(const AutoencoderTinyConfig& config, std::int64_t width) {
    MeanWeights weights;
    const EncoderTiny<Cpu<double>> encoder(Weights{weights}["encoder"], config);
    for (const auto column : {std::int64_t{0}, width / 2 - 5, width / 2, width - 1}) {
        Tensor<Cpu<double>> image({1, config.in_channels, 4, width});
        std::ranges::fill(image.values(), -1.0); // which is 0 for the layers
        image.data()[width + column] = 1;
        check_touched(encoder.receptive_field(), column, touched(encoder.forward(image)));
    }
}

void check_decoder_field(const AutoencoderTinyConfig& config, std::int64_t width) {
    MeanWeights weights;
    const DecoderTiny<Cpu<double>> decoder(Weights{weights}["decoder"], config);
    for (const auto column : {std::int64_t{0}, width / 2, width / 2 + 1, width - 1}) {
        Tensor<Cpu<double>> latents({1, config.latent_channels, 2, width});
        std::ranges::fill(latents.values(), 0.0);
        latents.data()[width + column] = 1;
        // Before the image is moved to [-1, 1], where small numbers are lost.
        std::vector<bool> last;
        (void)decoder.forward(latents, [&](std::string_view path, const auto& x) {
            if (path != "decoder") last = touched(x);
        });
        check_touched(decoder.receptive_field(), column, last);
    }
}

} // namespace

TEST_CASE("a network sees the computed part of its input, no more and no less", "[models]") {
    check_encoder_field(narrow({}), 403);
    check_decoder_field(narrow({}), 47);
    check_decoder_field(narrow(uneven_config()), 30);
    for (const std::string mode : {"nearest", "bilinear", "bicubic"}) {
        for (const std::int64_t factor : {1, 2, 3, 4}) {
            CAPTURE(mode, factor);
            check_decoder_field(one_enlargement(mode, factor), 24);
        }
    }
    check_encoder_field(one_enlargement("nearest", 2), 40);
}

TEST_CASE("TAESANA's encoder sees the computed part of its input", "[models][large]") {
    check_encoder_field(narrow(taesana_config()), 1500);
}

TEST_CASE("the receptive fields of the networks that are in use", "[models]") {
    Recorder recorder;
    const AutoencoderTiny<Meta> taesd(Weights{recorder});
    const auto encoder = taesd.encoder.receptive_field();
    CHECK(encoder.steps.size() == 35);
    CHECK(encoder.input_of({0, 1}) == Range{-145, 146}); // 291 pixels
    CHECK(encoder.input_of({3, 67}) == Range{-145 + 24, 650 + 24});
    CHECK(encoder.alignment() == 16);
    CHECK(encoder.output_at(48) == 6);
    CHECK(encoder.output_size(1000) == 125);
    CHECK(encoder.output_size(1001) == 126);
    CHECK(encoder.tile_of({0, 64}, 1000) == Range{0, 650});
    CHECK(encoder.tile_of({64, 100}, 1000) == Range{352, 938}); // 512 - 145, rounded down
    CHECK(encoder.tile_of({64, 125}, 1000) == Range{352, 1000});

    const auto decoder = taesd.decoder.receptive_field();
    CHECK(decoder.input_of({0, 1}) == Range{-19, 19}); // 38 latents
    CHECK(decoder.input_of({1, 2}) == Range{-18, 19});
    CHECK(decoder.input_of({0, 512}) == Range{-19, 83});
    CHECK(decoder.alignment() == 2);
    CHECK(decoder.output_at(10) == 80);
    CHECK(decoder.output_size(33) == 264);

    const AutoencoderTiny<Meta> taesana(Weights{recorder}, taesana_config());
    CHECK(taesana.encoder.receptive_field().input_of({0, 1}) == Range{-579, 580});
    CHECK(taesana.decoder.receptive_field().input_of({0, 32}) == Range{-20, 21});
}

TEST_CASE("a group norm sees the whole image, and says so", "[models]") {
    Recorder recorder;
    const AutoencoderTiny<Meta> taef2(Weights{recorder}, taef2_config());
    const auto message = message_of([&] { (void)taef2.decoder.receptive_field(); });
    CHECK(contains(message, "decoder.layers.2.pool: got a group norm"));
    CHECK(contains(message, "run it untiled"));
    CHECK(contains(message_of([&] { (void)taef2.encoder.receptive_field(); }),
                   "encoder.layers.11.pool: got a group norm"));
}
