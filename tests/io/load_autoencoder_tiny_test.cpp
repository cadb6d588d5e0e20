#include "support/catch.hpp"
#include "support/network_files.hpp"
#include "support/tiny_networks.hpp"
#include "io/file_bytes.hpp"

#include <latent/io/load_autoencoder_tiny.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

AutoencoderTinyConfig small_config() {
    AutoencoderTinyConfig config;
    config.encoder_block_out_channels = {8, 8};
    config.decoder_block_out_channels = {12, 8};
    config.block_out_channels = config.decoder_block_out_channels;
    config.num_encoder_blocks = {1, 1};
    config.num_decoder_blocks = {1, 1};
    config.latent_channels = 6;
    return config;
}

AutoencoderTiny<Cpu<float>> seeded(std::uint64_t seed) {
    TorchInit init(seed);
    return AutoencoderTiny<Cpu<float>>(Weights(init), small_config());
}

Tensor<Cpu<float>> noise(Shape shape) {
    Generator random(5);
    return random.randn<Cpu<float>>(std::move(shape));
}

bool same(const Tensor<Cpu<float>>& a, const Tensor<Cpu<float>>& b) {
    return a.shape() == b.shape() && std::ranges::equal(a.values(), b.values());
}

/// What shapes tell: act_fn and the upsampling are not seen in them.
void check_equal(const AutoencoderTinyConfig& got, const AutoencoderTinyConfig& expected) {
    CHECK(got.in_channels == expected.in_channels);
    CHECK(got.out_channels == expected.out_channels);
    CHECK(got.latent_channels == expected.latent_channels);
    CHECK(got.encoder_block_out_channels == expected.encoder_block_out_channels);
    CHECK(got.decoder_block_out_channels == expected.decoder_block_out_channels);
    CHECK(got.block_out_channels == expected.decoder_block_out_channels);
    CHECK(got.num_encoder_blocks == expected.num_encoder_blocks);
    CHECK(got.num_decoder_blocks == expected.num_decoder_blocks);
    CHECK(got.use_midblock_gn == expected.use_midblock_gn);
    CHECK(got.encoder_stem_channels == expected.encoder_stem_channels);
}

} // namespace

TEST_CASE("every network is read off the names and shapes of its tensors", "[load]") {
    for (const auto& network : tiny_networks()) {
        CAPTURE(network.name);
        std::vector<TensorInfo> tensors;
        for (const auto& request : parameters_of(network.config)) {
            tensors.push_back({.name = request.name, .shape = request.shape});
        }
        // The order in a file means nothing.
        std::ranges::reverse(tensors);
        check_equal(infer_autoencoder_tiny_config(tensors), network.config);
    }
}

TEST_CASE("a network comes out of a file as it went in", "[load]") {
    const TemporaryFolder folder;
    const auto config = small_config();
    const auto expected = seeded(3);
    const auto image = noise({1, 3, 8, 12});
    const auto latents = noise({1, 6, 4, 6});
    const auto check_model = [&](const AutoencoderTiny<Cpu<float>>& vae) {
        check_equal(vae.config, config);
        CHECK(same(vae.encode(image), expected.encode(image)));
        CHECK(same(vae.decode(latents), expected.decode(latents)));
    };

    SECTION("one file with diffusers' names") {
        save_network(folder / "any.bin", config, 3, diffusers_name);
        check_model(load_autoencoder_tiny(folder / "any.bin"));
    }
    SECTION("a folder without config.json") {
        save_network(folder / "diffusion_pytorch_model.safetensors", config, 3, diffusers_name);
        check_model(load_autoencoder_tiny(folder.path()));
    }
    SECTION("a pair with the taesd project's names, whatever the files are called") {
        save_network(folder / "one", config, 3, taesd_name("encoder"));
        save_network(folder / "two", config, 3, taesd_name("decoder"));
        check_model(load_autoencoder_tiny(folder / "one", folder / "two"));
    }
    SECTION("one side alone, from its own file and from a file with both") {
        save_network(folder / "encoder", config, 3, taesd_name("encoder"));
        save_network(folder / "decoder", config, 3, taesd_name("decoder"));
        save_network(folder / "both", config, 3, diffusers_name);
        for (const auto* const name : {"encoder", "both"}) {
            CHECK(
                same(load_encoder_tiny(folder / name).forward(image), expected.encode(image)));
        }
        for (const auto* const name : {"decoder", "both"}) {
            CHECK(same(load_decoder_tiny(folder / name).forward(latents),
                       expected.decode(latents)));
        }
        // A file with both sides also stands for one of a pair.
        check_model(load_autoencoder_tiny(folder / "both", folder / "decoder"));
    }
}

TEST_CASE("weights of half precision are widened", "[load]") {
    const TemporaryFolder folder;
    save_network(folder / "half", small_config(), 3, diffusers_name, true);
    const auto decoder = load_decoder_tiny<Cpu<double>>(folder / "half");
    const auto whole = seeded(3);
    const double* const bias = decoder.conv_in.kernel.bias()->data();
    const float* const expected = whole.decoder.conv_in.kernel.bias()->data();
    REQUIRE(bias != nullptr);
    REQUIRE(expected != nullptr);
    for (std::size_t i = 0; i < 12; ++i) {
        const auto cut = std::bit_cast<std::uint32_t>(expected[i]) & 0xFFFF0000U;
        CHECK(bias[i] == static_cast<double>(std::bit_cast<float>(cut)));
    }
}

TEST_CASE("config.json holds where shapes are silent, and must fit where they speak",
          "[load]") {
    const TemporaryFolder folder;
    save_network(folder / "model.safetensors", small_config(), 3, diffusers_name);
    const std::string lists = R"("encoder_block_out_channels": [8, 8],
        "decoder_block_out_channels": [12, 8], "num_encoder_blocks": [1, 1],
        "num_decoder_blocks": [1, 1], "_class_name": "AutoencoderTiny")";
    const auto load = [&](const std::string& fields) {
        write_text(folder / "config.json", "{" + fields + lists + "}");
        return load_autoencoder_tiny<Meta>(folder.path());
    };

    const auto vae = load(R"("latent_channels": 6, "act_fn": "silu", "scaling_factor": 2,)");
    CHECK(vae.config.act_fn == "silu");
    CHECK(vae.config.scaling_factor == 2);
    CHECK(vae.config.block_out_channels == std::vector<std::int64_t>{12, 8});

    const auto other = message_of([&] { (void)load(R"("latent_channels": 5,)"); });
    CHECK(other.starts_with((folder / "model.safetensors").string() + ": got "));
    CHECK(contains(
        other, "3 misshapen: encoder.layers.4.weight [6, 8, 3, 3] instead of [5, 8, 3, 3]"));

    const auto wrong =
        message_of([&] { (void)load(R"("latent_channels": 6, "act_fn": "sine",)"); });
    CHECK(wrong.starts_with((folder / "config.json").string() + ": "));
    CHECK(contains(wrong, "act_fn: got"));
    const auto type = message_of([&] { (void)load(R"("latent_channels": "6",)"); });
    CHECK(contains(type, "config.json: got latent_channels = \"6\", expected a whole number"));
}

TEST_CASE("one report names all that is missing, unexpected or misshapen", "[load]") {
    const TemporaryFolder folder;
    save_network(folder / "file", small_config(), 3,
                 [](const std::string& name) -> std::string {
                     if (name == "decoder.layers.2.conv.2.bias")
                         return "decoder.layers.2.conv.2.bais";
                     if (name == "encoder.layers.1.conv.4.weight") return {};
                     return name;
                 });
    const auto path = (folder / "file").string();
    const auto report = message_of([&] { (void)load_autoencoder_tiny(path); });
    CHECK(report.starts_with(path + ": got 2 missing: "));
    CHECK(contains(report, "encoder.layers.1.conv.4.weight"));
    CHECK(contains(report,
                   "decoder.layers.2.conv.2.bias (nearest: decoder.layers.2.conv.2.bais)"));
    CHECK(contains(report, "1 unexpected: decoder.layers.2.conv.2.bais"));
    CHECK(!contains(report, "\n"));

    // A side that is whole loads from the same file all the same.
    const auto side = message_of([&] { (void)load_encoder_tiny(path); });
    CHECK(contains(side, "got 1 missing: encoder.layers.1.conv.4.weight"));
    CHECK(!contains(side, "decoder"));
}

TEST_CASE("files that are no pair are told apart", "[load]") {
    const TemporaryFolder folder;
    auto wide = small_config();
    wide.latent_channels = 7;
    save_network(folder / "encoder", small_config(), 3, taesd_name("encoder"));
    save_network(folder / "decoder", small_config(), 3, taesd_name("decoder"));
    save_network(folder / "wide", wide, 3, taesd_name("decoder"));
    const auto encoder = (folder / "encoder").string();
    const auto decoder = (folder / "decoder").string();
    const auto message = [&](const std::string& one, const std::string& two) {
        return message_of([&] { (void)load_autoencoder_tiny(one, two); });
    };
    CHECK(message(decoder, encoder) ==
          decoder + ": got a decoder alone, expected an encoder; the two files may be swapped");
    CHECK(contains(message(encoder, encoder),
                   encoder + ": got an encoder alone, expected a decoder"));
    CHECK(contains(message(encoder, (folder / "wide").string()),
                   "got 6 latent channels in the encoder and 7 in the decoder"));
    CHECK(message_of([&] { (void)load_autoencoder_tiny(encoder); }) ==
          encoder +
              ": got an encoder alone, expected both sides; give the encoder's file and the "
              "decoder's");
    CHECK(contains(message_of([&] { (void)load_decoder_tiny(encoder); }),
                   encoder + ": got no decoder"));
}

TEST_CASE("what is no network is refused with its path", "[load]") {
    const TemporaryFolder folder;
    const auto load_refusal = [&](const std::filesystem::path& path) {
        const auto text = message_of([&] { (void)load_autoencoder_tiny(path); });
        CHECK(text.starts_with(path.string() + ": got "));
        return text;
    };
    CHECK(contains(load_refusal(folder.path()), "a folder without weights"));
    CHECK(contains(load_refusal(folder / "none"), "no file of that name"));
    write_text(folder / "empty", "");
    CHECK(contains(load_refusal(folder / "empty"), "an empty file"));
    const Tensor<Cpu<float>> tensor({2, 2});
    save_safetensors(folder / "other", {{"linear.weight", tensor}});
    CHECK(contains(load_refusal(folder / "other"), "a tensor named \"linear.weight\""));
    save_safetensors(folder / "nothing", {});
    CHECK(contains(load_refusal(folder / "nothing"), "no tensors"));
    // Names of a side, shapes of none.
    const Tensor<Cpu<float>> hollow(Shape{0, 3, 3, 3});
    save_safetensors(folder / "hollow", {{"0.weight", hollow}, {"1.weight", hollow}});
    CHECK(contains(message_of([&] { (void)load_encoder_tiny(folder / "hollow"); }),
                   "expected 1 to"));
}

TEST_CASE("the taesd project's own files load", "[load]") {
    const char* const data = std::getenv("LATENT_DATA");
    if (!data) return skip("LATENT_DATA is not set: no trained weights to load");
    const auto weights = std::filesystem::path(data) / "weights";
    const auto vae = load_autoencoder_tiny<Meta>(weights / "taef2_encoder.pth",
                                                 weights / "taef2_decoder.pth");
    check_equal(vae.config, taef2_config());
}
