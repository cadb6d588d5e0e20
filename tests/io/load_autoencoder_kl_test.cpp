#include "io/file_bytes.hpp"
#include "io/kl_files.hpp"
#include "support/catch.hpp"

#include <latent/io/load_autoencoder_kl.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

Tensor<Cpu<float>> kl_noise(Shape shape) {
    Generator random(7);
    return random.randn<Cpu<float>>(std::move(shape));
}

bool equal_values(const Tensor<Cpu<float>>& a, const Tensor<Cpu<float>>& b) {
    return a.shape() == b.shape() && std::ranges::equal(a.values(), b.values());
}

AutoencoderKL<Cpu<float>> kl_seeded(const AutoencoderKLConfig& config, std::uint64_t seed) {
    TorchInit init(seed);
    return AutoencoderKL<Cpu<float>>(Weights(init), config);
}

void check_network(const AutoencoderKL<Cpu<float>>& got,
                   const AutoencoderKL<Cpu<float>>& expected) {
    const auto image = kl_noise({1, 3, 8, 12});
    const auto latents = kl_noise({1, expected.config.latent_channels, 2, 3});
    CHECK(equal_values(got.encode(image).mode(), expected.encode(image).mode()));
    CHECK(equal_values(got.decode(latents), expected.decode(latents)));
}

} // namespace

TEST_CASE("an AutoencoderKL comes out of a file as it went in, under any names", "[load]") {
    const TemporaryFolder folder;
    for (const auto& config :
         {three_block_config(), attending_config(), sixteen_channel_config()}) {
        const auto expected = kl_seeded(config, 3);
        save_kl(folder / "today", config, 3);
        check_network(load_autoencoder_kl(folder / "today"), expected);
        for (const std::string prefix : {"first_stage_model.", "vae.", "", "any.thing."}) {
            save_kl(folder / "ldm", config, 3, ldm_form(config, prefix));
            check_network(load_autoencoder_kl(folder / "ldm"), expected);
        }
        AutoencoderKLKeys old;
        old.layout = AutoencoderKLLayout::old_diffusers;
        for (const std::size_t rank : {2U, 3U, 4U}) {
            old.old_samplers = rank == 2;
            save_kl(folder / "old", config, 3, form_of(old, rank));
            check_network(load_autoencoder_kl(folder / "old"), expected);
        }
    }
}

TEST_CASE("a whole checkpoint gives up its autoencoder alone", "[load]") {
    const TemporaryFolder folder;
    const auto config = three_block_config();
    // Nobody could read the others: one is complex, one is not finite.
    const std::vector<double> odd{0, std::numeric_limits<double>::quiet_NaN()};
    const auto other = [&](const std::string& name, DType dtype) {
        const auto bytes = std::as_bytes(std::span(odd));
        return NamedTensor(name, dtype, dtype == DType::C64 ? Shape{2} : Shape{4}, bytes);
    };
    save_kl(folder / "whole", config, 3, ldm_form(config, "first_stage_model."),
            {other("model.diffusion_model.input_blocks.0.0.weight", DType::C64),
             other("cond_stage_model.transformer.x", DType::F32),
             other("first_stage_model.loss.logvar", DType::C64),
             other("first_stage_model.model_ema.decay", DType::C64)});
    auto files = open_autoencoder_kl(folder / "whole");
    CHECK(files.scaling_known);
    CHECK(files.config.scaling_factor == 0.18215);
    files.check_finite = true;
    check_network(load_autoencoder_kl(std::move(files)), kl_seeded(config, 3));
}

TEST_CASE("half of an AutoencoderKL loads alone, from its own file or the whole", "[load]") {
    const TemporaryFolder folder;
    for (const auto& config : {three_block_config(), sixteen_channel_config()}) {
        const auto expected = kl_seeded(config, 3);
        const auto image = kl_noise({1, 3, 8, 12});
        const auto latents = kl_noise({1, config.latent_channels, 2, 3});
        const auto half = [&](bool decoder) {
            return [decoder, form = ldm_form(config, "")](const ParameterRequest& request) {
                const bool decoders = request.name.starts_with("decoder.") ||
                                      request.name.starts_with("post_quant_conv.");
                return decoders == decoder ? form(request) : PlaceInFile{};
            };
        };
        save_kl(folder / "encoder", config, 3, half(false));
        save_kl(folder / "decoder", config, 3, half(true));
        save_kl(folder / "both", config, 3);
        for (const auto* const name : {"encoder", "both"}) {
            const auto encoder = load_encoder_kl(folder / name);
            const auto moments = encoder.forward(image);
            const auto mode = DiagonalGaussianDistribution<Cpu<float>>(moments.clone()).mode();
            CHECK(equal_values(mode, expected.encode(image).mode()));
        }
        for (const auto* const name : {"decoder", "both"}) {
            CHECK(equal_values(load_decoder_kl(folder / name).forward(latents),
                               expected.decode(latents)));
        }
    }
    const auto encoder = (folder / "encoder").string();
    CHECK(message_of([&] { (void)load_autoencoder_kl(encoder); }) ==
          encoder + ": got an encoder alone, expected both halves");
    CHECK(message_of([&] { (void)load_decoder_kl(encoder); }) ==
          encoder + ": got an encoder alone, expected an AutoencoderKL's decoder");
    CHECK(contains(message_of([&] { (void)load_encoder_kl(folder / "decoder"); }),
                   "got a decoder alone"));
}

TEST_CASE("config.json holds, also beside a file under diffusers' name", "[load]") {
    const TemporaryFolder folder;
    auto config = three_block_config();
    config.norm_num_groups = 8;
    config.block_out_channels = {8, 16, 24};
    const auto file = folder / "diffusion_pytorch_model.safetensors";
    save_kl(file, config, 4);
    CHECK(contains(message_of([&] { (void)open_autoencoder_kl(file); }),
                   "got 8 channels, and no config.json"));
    write_text(folder / "config.json", R"({"_class_name": "AutoencoderKL",
        "block_out_channels": [8, 16, 24], "norm_num_groups": 8, "sample_size": [256, 256],
        "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
        "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
        "scaling_factor": 2, "act_fn": "silu"})");
    for (const auto& path : {file, folder.path()}) {
        const auto files = open_autoencoder_kl(path);
        CHECK(files.config.scaling_factor == 2);
        CHECK(files.config.sample_size == 256);
        CHECK(files.scaling_known);
        check_network(load_autoencoder_kl(path), kl_seeded(config, 4));
    }
    write_text(folder / "config.json", R"({"_class_name": "AsymmetricAutoencoderKL"})");
    CHECK(contains(message_of([&] { (void)open_autoencoder_kl(file); }),
                   "config.json: got _class_name \"AsymmetricAutoencoderKL\""));
}

TEST_CASE("the scaling of a lone file is a guess, and for 16 channels none", "[load]") {
    const TemporaryFolder folder;
    save_kl(folder / "four", three_block_config(), 0);
    save_kl(folder / "sixteen", sixteen_channel_config(), 0);
    const auto four = open_autoencoder_kl(folder / "four");
    CHECK_FALSE(four.scaling_known);
    CHECK(four.config.scaling_factor == 0.18215);
    require_scaling(four);
    const auto sixteen = open_autoencoder_kl(folder / "sixteen");
    CHECK_FALSE(sixteen.scaling_known);
    CHECK(contains(message_of([&] { require_scaling(sixteen); }),
                   "sixteen: got 16 latent channels, and no config.json, expected a "
                   "scaling_factor that is known"));
}

TEST_CASE("one report of what an AutoencoderKL's file lacks, in the file's words", "[load]") {
    const TemporaryFolder folder;
    const auto config = three_block_config();
    const auto form = ldm_form(config, "vae.");
    save_kl(folder / "file", config, 3, [&](const ParameterRequest& request) -> PlaceInFile {
        if (request.name == "decoder.up_blocks.2.resnets.0.conv1.bias")
            return {"vae.decoder.up.0.block.0.conv1.bais", request.shape};
        if (request.name == "encoder.mid_block.attentions.0.to_k.weight") return {};
        return form(request);
    });
    const auto path = (folder / "file").string();
    const auto report = message_of([&] { (void)load_autoencoder_kl<Meta>(path); });
    CHECK(report.starts_with(path + ": got 2 missing: "));
    CHECK(contains(report, "decoder.up_blocks.2.resnets.0.conv1.bias, in the file "
                           "vae.decoder.up.0.block.0.conv1.bias (nearest: "
                           "vae.decoder.up.0.block.0.conv1.bais)"));
    CHECK(contains(report, "1 unexpected: vae.decoder.up.0.block.0.conv1.bais"));
    CHECK_FALSE(contains(report, "\n"));
    const auto half = message_of([&] { (void)load_encoder_kl<Meta>(path); });
    CHECK(contains(half, "1 missing: encoder.mid_block.attentions.0.to_k.weight"));
    CHECK_FALSE(contains(half, "decoder"));

    const Tensor<Cpu<float>> tensor({2, 2});
    save_safetensors(folder / "tiny", {{"encoder.layers.0.weight", tensor}});
    CHECK(contains(message_of([&] { (void)open_autoencoder_kl(folder / "tiny"); }),
                   "expected an AutoencoderKL"));
    save_safetensors(folder / "flux2",
                     {{"encoder.conv_in.weight", tensor}, {"bn.running_mean", tensor}});
    CHECK(contains(message_of([&] { (void)open_autoencoder_kl(folder / "flux2"); }),
                   "got AutoencoderKLFlux2"));
}

TEST_CASE("weights that are not finite are named when asked", "[load]") {
    const TemporaryFolder folder;
    const auto config = three_block_config();
    const std::vector<std::uint16_t> halves{0x3C00, 0x7C00, 0xFC00, 0x7E00};
    const std::string name = "post_quant_conv.bias";
    save_kl(folder / "file", config, 3,
            [&](const ParameterRequest& request) {
                return request.name == name ? PlaceInFile{} : current_form(request);
            },
            {{name, DType::F16, Shape{4}, std::as_bytes(std::span(halves))}});
    (void)load_autoencoder_kl(folder / "file");
    auto files = open_autoencoder_kl(folder / "file");
    files.check_finite = true;
    const auto report = message_of([&] { (void)load_decoder_kl(std::move(files)); });
    CHECK(report.starts_with((folder / "file").string() +
                             ": got \"post_quant_conv.bias\" "
                             "with inf at [1], 3 in all, expected finite weights; "));
    CHECK(contains(report, "65504"));
}
