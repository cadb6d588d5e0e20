#include "support/catch.hpp"
#include "support/kl_networks.hpp"
#include "support/tiny_networks.hpp"

#include <latent/models/autoencoder_kl.hpp>
#include <latent/models/vae_approx.hpp>
#include <latent/parity/explain.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

const ExplanationRow& row_at(const Explanation& explanation, std::string_view path) {
    for (const auto& row : explanation.rows) {
        if (row.path == path) return row;
    }
    fail(path, "no row", "one");
}

/// What the network's own runs say: on Meta, and on the processor.
template <template <class> class Network, class... Settings>
void check_against_runs(const Shape& input, const std::string& place,
                        const Settings&... settings) {
    CAPTURE(input, place);
    const auto explanation = explain<Network>(input, place, settings...);
    CHECK(explanation.input == input);

    Recorder recorder;
    const Network<Meta> meta(Weights(recorder, place), settings...);
    std::int64_t parameters = 0;
    for (const auto& request : recorder.requests()) parameters += request.shape.numel();
    CHECK(explanation.parameters == parameters);
    {
        const Workspace run({.threads = 1});
        CHECK(explanation.output == meta.forward(Tensor<Meta>(input)).shape());
        CHECK(explanation.multiply_adds == run.report().multiply_adds);
    }

    TorchInit init(5);
    const Network<Cpu<float>> network(Weights(init, place), settings...);
    Generator random(6);
    const auto values = random.randn<Cpu<float>>(input);
    {
        const Workspace run({.threads = 1});
        (void)network.forward(values.clone());
        CHECK(explanation.peak_bytes == run.report().peak_bytes);
    }
    // Each module that a trace hears of has one row, and its output's shape.
    std::map<std::string, Shape> outputs, told;
    (void)network.forward(values.clone(), [&](std::string_view path, const auto& y) {
        outputs.insert_or_assign(std::string(path), y.shape());
    });
    for (const auto& row : explanation.rows) told.emplace(row.path, row.output);
    CHECK(told.size() == explanation.rows.size());
    CHECK(told == outputs);
}

/// Parents count what is below them, and nothing stands deeper than one below its parent.
void check_sums(const Explanation& explanation) {
    const auto& rows = explanation.rows;
    std::int64_t parameters = 0, multiply_adds = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        CAPTURE(rows[i].path);
        CHECK(rows[i].depth <= (i == 0 ? 0 : rows[i - 1].depth + 1));
        CHECK(rows[i].output_bytes == 4 * rows[i].output.numel());
        std::int64_t below_parameters = 0, below_multiply_adds = 0;
        bool is_leaf = true;
        for (auto j = i + 1; j < rows.size() && rows[j].depth > rows[i].depth; ++j) {
            is_leaf = false;
            CHECK(rows[j].path.starts_with(rows[i].path));
            if (rows[j].depth != rows[i].depth + 1) continue;
            below_parameters += rows[j].parameters;
            below_multiply_adds += rows[j].multiply_adds;
        }
        if (!is_leaf) CHECK(rows[i].parameters == below_parameters);
        const auto own = rows[i].multiply_adds - below_multiply_adds;
        if (!is_leaf && rows[i].class_name != "Attention") CHECK(own == 0);
        if (rows[i].depth > 0) continue;
        parameters += rows[i].parameters;
        multiply_adds += rows[i].multiply_adds;
    }
    CHECK(parameters == explanation.parameters);
    CHECK(multiply_adds == explanation.multiply_adds);
}

/// Every kernel is a mean, and no layer has a bias: what sees a 1 among zeros is above zero.
struct SeeingWeights final : WeightSource {
    void read(const ParameterRequest& request, std::span<float>) override {
        fail(request.name, "float32", "float64");
    }
    void read(const ParameterRequest& request, std::span<double> out) override {
        const auto count = static_cast<double>(request.shape.numel() / request.shape[0]);
        std::ranges::fill(out, request.name.ends_with(".bias") ? 0.0 : 1 / count);
    }
};

/// Two channels each: what layers see does not depend on their number.
AutoencoderTinyConfig two_channels(AutoencoderTinyConfig config) {
    std::ranges::fill(config.encoder_block_out_channels, 2);
    std::ranges::fill(config.decoder_block_out_channels, 2);
    return config;
}

/// By trying: a single 1 at each column in turn, in an input of `zero`, and which columns of
/// each module's output it reaches. A row's field is the most that one of them sees.
template <template <class> class Network, class... Settings>
void check_fields(const Shape& input, const std::string& place, double zero,
                  const Settings&... settings) {
    SeeingWeights weights;
    const Network<Cpu<double>> network(Weights(weights, place), settings...);
    std::map<std::string, std::map<std::int64_t, Range>> seen;
    for (std::int64_t column = 0; column < input[3]; ++column) {
        Tensor<Cpu<double>> x(input);
        std::ranges::fill(x.values(), zero);
        x.data()[column] = 1;
        (void)network.forward(x, [&](std::string_view path, const auto& y) {
            auto& outputs = seen[std::string(path)];
            for (std::int64_t i = 0; i < y.numel(); ++i) {
                if (y.data()[i] == 0) continue;
                auto& range =
                    outputs.try_emplace(i % y.dim(3), Range{column, column}).first->second;
                range.end = column + 1;
            }
        });
    }
    for (const auto& row : explain<Network>(input, place, settings...).rows) {
        // The whole decoder moves its image to [-1, 1], where zeros are none.
        if (row.path == "decoder") continue;
        std::int64_t most = 0;
        for (const auto& [column, range] : seen.at(row.path))
            most = std::max(most, range.size());
        CAPTURE(row.path);
        CHECK(row.receptive_field == most);
        CHECK_FALSE(row.sees_all);
    }
}

/// The same from ReceptiveField, of a network that has one.
std::int64_t largest_field(const ReceptiveField& field, std::int64_t outputs) {
    std::int64_t most = 0;
    for (std::int64_t o = 0; o < outputs; ++o)
        most = std::max(most, field.input_of({o, o + 1}).size());
    return most;
}

} // namespace

TEST_CASE("Stable Diffusion 1 at 512x512, from its config alone", "[parity]") {
    const auto decoder = explain<DecoderKL>({1, 4, 64, 64}, "", sd1_config());
    CHECK(decoder.multiply_adds == 1'257'259'466'752);
    CHECK(decoder.parameters == 49'490'199);
    CHECK(decoder.output == Shape{1, 3, 512, 512});
    const auto& alone = row_at(decoder, "decoder");
    CHECK(alone.multiply_adds == 1'257'259'401'216);
    CHECK(alone.parameters == 49'490'179);
    CHECK(alone.class_name == "Decoder");
    CHECK(decoder.rows.front().path == "post_quant_conv");
    CHECK(decoder.rows.front().parameters == 20);
    CHECK(decoder.rows.front().multiply_adds == 65'536);

    const auto encoder = explain<EncoderKL>({1, 3, 512, 512}, "", sd1_config());
    CHECK(encoder.multiply_adds == 558'329'233'408);
    CHECK(encoder.parameters == 34'163'664);
    CHECK(encoder.output == Shape{1, 8, 64, 64});
    check_sums(decoder);
    check_sums(encoder);
}

TEST_CASE("single rows, by hand", "[parity]") {
    const auto decoder = explain<DecoderKL>({1, 4, 64, 64}, "", sd1_config());
    const auto& shortcut = row_at(decoder, "decoder.up_blocks.2.resnets.0.conv_shortcut");
    CHECK(shortcut.class_name == "Conv2d");
    CHECK(shortcut.depth == 3);
    CHECK(shortcut.input == Shape{1, 512, 256, 256});
    CHECK(shortcut.output == Shape{1, 256, 256, 256});
    CHECK(shortcut.parameters == 512 * 256 + 256);
    CHECK(shortcut.multiply_adds == std::int64_t{256} * 256 * 256 * 512);
    CHECK(shortcut.output_bytes == 64 * 1024 * 1024);

    // An upsampling's convolution works on the large image.
    const auto& enlarged = row_at(decoder, "decoder.up_blocks.0.upsamplers.0.conv");
    CHECK(enlarged.input == Shape{1, 512, 128, 128});
    CHECK(enlarged.multiply_adds == std::int64_t{512} * 128 * 128 * 512 * 9);
    CHECK(row_at(decoder, "decoder.up_blocks.0.upsamplers.0").input == Shape{1, 512, 64, 64});

    // Four linear layers; each of 4096 pixels meets 4096 keys, then 4096 values.
    const auto& attention = row_at(decoder, "decoder.mid_block.attentions.0");
    CHECK(attention.multiply_adds ==
          std::int64_t{4} * 4096 * 512 * 512 + std::int64_t{2} * 4096 * 4096 * 512);
    CHECK(attention.parameters == 4 * (512 * 512 + 512) + 2 * 512);
    CHECK(row_at(decoder, "decoder.mid_block.attentions.0.to_out.0").multiply_adds ==
          std::int64_t{4096} * 512 * 512);
    const auto& norm = row_at(decoder, "decoder.mid_block.attentions.0.group_norm");
    CHECK(norm.output == Shape{1, 512, 4096});
    CHECK(norm.multiply_adds == 0);

    // 3x3 convolutions: 1 + 2 each; behind the first doubling half as much, and so on. A
    // shortcut sees what its block was given, less than the convolutions beside it.
    CHECK(row_at(decoder, "decoder.conv_in").receptive_field == 3);
    CHECK(row_at(decoder, "decoder.mid_block").receptive_field == 3 + 4 * 2);
    CHECK(row_at(decoder, "decoder.up_blocks.0.resnets.2").receptive_field == 11 + 6 * 2);
    CHECK(enlarged.receptive_field == 24); // two small pixels for the three large ones
    CHECK(shortcut.receptive_field == row_at(decoder, "decoder.up_blocks.1").receptive_field);
    CHECK(row_at(decoder, "decoder.up_blocks.2.resnets.0.conv2").receptive_field >
          shortcut.receptive_field);
    // From the first norm on, all is seen.
    for (const auto& row : decoder.rows) {
        CAPTURE(row.path);
        CHECK(row.sees_all == (row.path != "post_quant_conv" && row.path != "decoder.conv_in"));
    }
    const auto encoder = explain<EncoderKL>({1, 3, 512, 512}, "", sd1_config());
    CHECK(row_at(encoder, "encoder.down_blocks.0.resnets.1").receptive_field == 11);
    CHECK(row_at(encoder, "encoder.down_blocks.0").receptive_field == 13);
    CHECK(row_at(encoder, "encoder.down_blocks.1.resnets.0.conv1").receptive_field == 17);
    CHECK(row_at(encoder, "encoder.down_blocks.1.resnets.0.conv_shortcut").receptive_field ==
          13);
}

TEST_CASE("explanations agree with runs", "[parity]") {
    for (const auto& network : kl_networks(false)) {
        check_against_runs<EncoderKL>(network.image, "", network.config);
        check_against_runs<DecoderKL>(network.latents, "", network.config);
        check_sums(explain<EncoderKL>(network.image, "", network.config));
        check_sums(explain<DecoderKL>(network.latents, "", network.config));
    }
    for (const auto& network : tiny_networks(false)) {
        check_against_runs<EncoderTiny>(network.image, "encoder", network.config);
        check_against_runs<DecoderTiny>(network.latents, "decoder", network.config);
        check_sums(explain<DecoderTiny>(network.latents, "decoder", network.config));
    }
    check_against_runs<VAEApprox>({2, 4, 3, 5}, "");
    check_sums(explain<VAEApprox>({1, 4, 3, 5}, ""));
    check_against_runs<Attention>({2, 8, 3, 4}, "a",
                                  AttentionConfig{.query_dim = 8, .norm_num_groups = 2});
    check_against_runs<ResnetBlock2D>(
        {1, 8, 5, 6}, "block",
        ResnetBlock2DConfig{.in_channels = 8, .out_channels = 4, .groups = 2});
}

TEST_CASE("TAEF2's explanation agrees with runs", "[parity][large]") {
    check_against_runs<EncoderTiny>({1, 3, 16, 24}, "encoder", taef2_config());
    check_against_runs<DecoderTiny>({1, 32, 2, 3}, "decoder", taef2_config());
    check_sums(explain<EncoderTiny>({1, 3, 16, 24}, "encoder", taef2_config()));
}

TEST_CASE("receptive fields are what a single pixel reaches", "[parity]") {
    check_fields<EncoderTiny>({1, 3, 4, 310}, "encoder", -1, two_channels({}));
    check_fields<DecoderTiny>({1, 4, 1, 48}, "decoder", 0, two_channels({}));
    check_fields<DecoderTiny>({1, 5, 1, 30}, "decoder", 0, two_channels(uneven_config()));
    check_fields<VAEApprox>({1, 4, 1, 20}, "", 0);
    // A cubic's negative weights would be hidden by an activation: none stands behind.
    for (const std::string mode : {"bilinear", "bicubic"}) {
        AutoencoderTinyConfig config;
        config.encoder_block_out_channels = config.decoder_block_out_channels = {2, 2};
        config.num_encoder_blocks = config.num_decoder_blocks = {1, 0};
        config.upsample_fn = mode;
        config.upsampling_scaling_factor = 3;
        CAPTURE(mode);
        check_fields<DecoderTiny>({1, 4, 1, 30}, "decoder", 0, config);
    }
}

TEST_CASE("receptive fields are those of the tiles", "[parity]") {
    Recorder recorder;
    for (const auto& config : {AutoencoderTinyConfig{}, uneven_config(), taesana_config()}) {
        const AutoencoderTiny<Meta> vae(Weights{recorder}, config);
        const auto encoder =
            explain<EncoderTiny>({1, config.in_channels, 64, 64}, "encoder", config);
        const auto decoder =
            explain<DecoderTiny>({1, config.latent_channels, 2, 2}, "decoder", config);
        CHECK(encoder.rows.front().receptive_field ==
              largest_field(vae.encoder.receptive_field(), 1));
        CHECK(decoder.rows.front().receptive_field ==
              largest_field(vae.decoder.receptive_field(), config.decoder_factor()));
    }
    CHECK(explain<EncoderTiny>({1, 3, 64, 64}, "encoder", AutoencoderTinyConfig{})
              .rows.back()
              .receptive_field == 291); // as docs/tiling.md has it
    // Group norms see everything, and only what comes behind them.
    const auto taef2 = explain<EncoderTiny>({1, 3, 64, 64}, "encoder", taef2_config());
    CHECK_FALSE(row_at(taef2, "encoder.layers.10").sees_all);
    CHECK_FALSE(row_at(taef2, "encoder.layers.11.pool.0").sees_all);
    CHECK(row_at(taef2, "encoder.layers.11.pool.1").sees_all);
    CHECK(row_at(taef2, "encoder.layers.11").sees_all);
    CHECK(row_at(taef2, "encoder.layers.11").receptive_field == 179);
}

TEST_CASE("what cannot be counted or run is refused", "[parity]") {
    const auto message = message_of([] {
        (void)explain<EncoderKL>({1, 3, 65536, 65536}, "", sd1_config());
    });
    CHECK(contains(message, "encoder.mid_block.attentions.0: got a network of more than 2^62"));
    auto config = sd1_config();
    config.block_out_channels = {128, 64};
    CHECK(contains(message_of([&] {
                       (void)explain<DecoderKL>({1, 4, 8, 8}, "", config);
                   }),
                   "down_block_types"));
    CHECK(contains(message_of([] {
                       (void)explain<DecoderKL>({1, 3, 8, 8}, "", sd1_config());
                   }),
                   "conv2d input"));
}
