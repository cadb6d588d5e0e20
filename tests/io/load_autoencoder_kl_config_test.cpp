#include "io/file_bytes.hpp"
#include "io/kl_files.hpp"
#include "support/catch.hpp"

#include <latent/io/load_autoencoder_kl_config.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

AutoencoderKLConfig inferred(const std::vector<TensorInfo>& tensors) {
    const auto keys = find_autoencoder_kl_keys(tensors);
    REQUIRE(keys.has_value());
    return infer_autoencoder_kl_config(tensors, *keys, "file");
}

/// All that names and shapes tell.
void check_same_network(const AutoencoderKLConfig& got, const AutoencoderKLConfig& expected) {
    CHECK(got.in_channels == expected.in_channels);
    CHECK(got.out_channels == expected.out_channels);
    CHECK(got.down_block_types == expected.down_block_types);
    CHECK(got.up_block_types == expected.up_block_types);
    CHECK(got.block_out_channels == expected.block_out_channels);
    CHECK(got.layers_per_block == expected.layers_per_block);
    CHECK(got.latent_channels == expected.latent_channels);
    CHECK(got.use_quant_conv == expected.use_quant_conv);
    CHECK(got.use_post_quant_conv == expected.use_post_quant_conv);
    CHECK(got.mid_block_add_attention == expected.mid_block_add_attention);
}

std::vector<AutoencoderKLConfig> some_configs() {
    auto odd = attending_config();
    odd.in_channels = 5;
    odd.out_channels = 1;
    odd.layers_per_block = 3;
    odd.latent_channels = 7;
    odd.use_quant_conv = false;
    odd.mid_block_add_attention = false;
    return {stable_diffusion_config(), three_block_config(), attending_config(),
            sixteen_channel_config(), odd};
}

/// A file of one-element tensors of these names, and of Playground's two if they are given.
Checkpoint file_beside(const std::vector<std::string>& names,
                       const std::vector<float>& edm = {}) {
    const TemporaryFolder folder;
    const std::vector<float> one{1};
    std::vector<NamedTensor> tensors;
    for (const auto& name : names)
        tensors.emplace_back(name, DType::F32, Shape{1}, std::as_bytes(std::span(one)));
    const Shape shape{1, std::ssize(edm), 1, 1};
    for (const std::string name : {"edm_mean", "edm_std"}) {
        if (edm.empty()) continue;
        tensors.emplace_back(name, DType::F32, shape, std::as_bytes(std::span(edm)));
    }
    save_safetensors(folder / "file", std::move(tensors));
    return checkpoint_of(read_text(folder / "file"), "file");
}

} // namespace

TEST_CASE("an AutoencoderKL is read off its names and shapes, in every layout", "[load]") {
    for (const auto& config : some_configs()) {
        check_same_network(inferred(kl_tensors(config)), config);
        check_same_network(inferred(kl_tensors(config, ldm_form(config, "vae."))), config);
    }
    CHECK(inferred(kl_tensors(stable_diffusion_config())).sample_size == 512);
    CHECK(inferred(kl_tensors(stable_diffusion_config())).norm_num_groups == 32);
}

TEST_CASE("a half is read off what is there; the other is taken to be like it", "[load]") {
    for (const auto& config : {stable_diffusion_config(), sixteen_channel_config()}) {
        for (const std::string half : {"encoder", "decoder"}) {
            const auto one_half = [&](const ParameterRequest& request) -> PlaceInFile {
                const bool decoders = request.name.starts_with("decoder.") ||
                                      request.name.starts_with("post_quant_conv.");
                if (decoders != (half == "decoder")) return {};
                return {request.name, request.shape};
            };
            check_same_network(inferred(kl_tensors(config, one_half)), config);
        }
    }
}

TEST_CASE("what shapes cannot tell asks for config.json", "[load]") {
    auto config = three_block_config();
    config.block_out_channels = {24, 24, 48};
    config.norm_num_groups = 24;
    CHECK(
        message_of([&] { (void)inferred(kl_tensors(config)); }) ==
        "file: got 24 channels, and no config.json, expected multiples of 32, the usual "
        "number of groups; config.json tells another number; give the folder that holds both");
    const std::vector<TensorInfo> bare{{.name = "encoder.conv_in.weight", .shape = {1}}};
    CHECK(contains(message_of([&] { (void)inferred(bare); }), "file: got no resnets"));
    auto hollow = kl_tensors(three_block_config());
    for (auto& tensor : hollow) tensor.shape = Shape{32, 0};
    CHECK(contains(message_of([&] { (void)inferred(hollow); }), "file: "));
}

TEST_CASE("scaling is known from what stands beside the autoencoder", "[load]") {
    const auto scaled = [](const Checkpoint& file, std::int64_t channels, bool known = true) {
        AutoencoderKLConfig config;
        config.latent_channels = channels;
        config.sample_size = 512;
        const bool told = infer_autoencoder_kl_scaling(file, config);
        CHECK(told == known);
        return config;
    };
    const std::string unet = "model.diffusion_model.input_blocks.0.0.weight";
    const auto sd1 = scaled(file_beside({unet, "cond_stage_model.transformer.x"}), 4);
    CHECK(sd1.scaling_factor == 0.18215);
    CHECK(sd1.sample_size == 512);
    const auto sdxl = scaled(file_beside({unet, "conditioner.embedders.0.transformer.x"}), 4);
    CHECK(sdxl.scaling_factor == 0.13025);
    CHECK_FALSE(sdxl.shift_factor.has_value());
    CHECK(sdxl.sample_size == 1024);
    const auto sd3 =
        scaled(file_beside({"model.diffusion_model.joint_blocks.0.context_block.x"}), 16);
    CHECK(sd3.scaling_factor == 1.5305);
    CHECK(sd3.shift_factor == 0.0609);
    for (const std::string prefix : {"", "model.diffusion_model."}) {
        const auto flux = scaled(file_beside({prefix + "double_blocks.0.img_attn.x"}), 16);
        CHECK(flux.scaling_factor == 0.3611);
        CHECK(flux.shift_factor == 0.1159);
    }
    const auto playground =
        scaled(file_beside({unet, "conditioner.embedders.0.x"}, {0.5F, 1, -2, 4}), 4);
    CHECK(playground.scaling_factor == 0.5);
    CHECK(playground.latents_mean == std::vector<double>{0.5, 1, -2, 4});
    CHECK(playground.latents_std == std::vector<double>{0.5, 1, -2, 4});

    CHECK(scaled(file_beside({"decoder.conv_in.weight"}), 4, false).scaling_factor == 0.18215);
    // Another number of channels is another autoencoder.
    scaled(file_beside({unet, "cond_stage_model.x"}), 16, false);
    scaled(file_beside({"x"}, {1, 2, 3}), 4, false);
    CHECK(contains(message_of([&] {
                       scaled(file_beside({}, {1, 0, 1, 1}), 4);
                   }),
                   "file: latents_std: got 0"));
    const auto nan = std::numeric_limits<float>::quiet_NaN();
    CHECK(contains(message_of([&] {
                       scaled(file_beside({}, {1, nan, 1, 1}), 4);
                   }),
                   "file: got \"edm_mean\", expected finite numbers"));
}

TEST_CASE("config.json of an AutoencoderKL: defaults, lists of sizes, other classes",
          "[load]") {
    const TemporaryFolder folder;
    const auto load = [&](const std::string& text) {
        write_text(folder / "config.json", text);
        return load_autoencoder_kl_config(folder / "config.json");
    };
    const auto plain = load(R"({"_class_name": "AutoencoderKL", "sample_size": [768, 512],
        "latents_mean": null, "mine": 1})");
    CHECK(plain.config.sample_size == 768);
    CHECK(plain.config.block_out_channels == std::vector<std::int64_t>{64});
    CHECK(plain.config.scaling_factor == 0.18215);
    CHECK(plain.unknown == std::vector<std::string>{"mine"});
    CHECK(load(R"({"sample_size": 256, "norm_num_groups": 8})").config.sample_size == 256);
    const auto refused = [&](const std::string& text) {
        return message_of([&] { (void)load(text); });
    };
    CHECK(contains(refused(R"({"_class_name": "AutoencoderKLWan"})"), "\"AutoencoderKLWan\""));
    CHECK(contains(refused(R"({"sample_size": []})"), "sample_size = []"));
    CHECK(contains(refused(R"({"sample_size": ["a"]})"), "sample_size = \"a\""));
    CHECK(contains(refused(R"({"norm_num_groups": 7})"), "config.json: block_out_channels"));
    CHECK(contains(refused("[]"), "a JSON object"));
}
