#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/network_files.hpp"
#include "cli/command.hpp"

#include <latent/io/image.hpp>
#include <latent/io/npy.hpp>
#include <latent/io/safetensors_writer.hpp>
#include <latent/models/vae_approx.hpp>
#include <latent/pipelines/preview.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// The small tiny autoencoder that previews are made with.
AutoencoderTinyConfig preview_config() {
    AutoencoderTinyConfig config;
    config.encoder_block_out_channels = config.decoder_block_out_channels = {8, 8, 8, 8};
    config.num_encoder_blocks = config.num_decoder_blocks = {1, 1, 1, 1};
    return config;
}

/// A folder with seeded networks, and latents [1, 4, 3, 2] with the metadata of a test.
struct PreviewFolder : TemporaryFolder {
    Tensor<Cpu<float>> z = Generator(5).randn<Cpu<float>>({1, 4, 3, 2});

    PreviewFolder() {
        save_vae_approx(*this / "approx", 17);
        save_network(*this / "tiny", preview_config(), 13, diffusers_name);
        save_network(*this / "decoder", preview_config(), 13, taesd_name("decoder"));
        save("z.safetensors", {});
    }

    [[nodiscard]] std::string at(std::string_view name) const {
        return (*this / name).string();
    }
    void save(std::string_view name, const std::map<std::string, std::string>& metadata) const {
        save_safetensors(*this / name, {{"latents", z}}, metadata);
    }

    /// Runs `latent preview`, which must succeed; its stderr.
    std::string run(const std::string& latents, const std::string& out,
                    std::vector<std::string> rest) const {
        rest.insert(rest.begin(), {"preview", at(latents), "-o", at(out)});
        const auto outcome = run_latent(rest);
        CAPTURE(rest, outcome.err);
        CHECK(outcome.code == 0);
        CHECK(outcome.out.empty());
        return outcome.err;
    }
    /// The file is this preview.
    void check(const std::string& name, const PreviewImage& expected) const {
        const auto image = read_image(*this / name);
        CAPTURE(name);
        CHECK(image.width == expected.width);
        CHECK(image.height == expected.height);
        CHECK(image.pixels == expected.pixels);
    }
    /// One line on stderr, this exit code, no file.
    void refuse(const std::string& latents, std::vector<std::string> rest, int code,
                const std::string& part) const {
        rest.insert(rest.begin(), {"preview", at(latents), "-o", at("refused.png")});
        const auto outcome = run_latent(rest);
        CAPTURE(rest, outcome.err);
        CHECK(outcome.code == code);
        CHECK(outcome.out.empty());
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        CHECK(contains(outcome.err, part));
        CHECK_FALSE(std::filesystem::exists(*this / "refused.png"));
    }
};

} // namespace

TEST_CASE("preview writes what each method gives", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const PreviewFolder folder;
    const auto& z = folder.z;
    CHECK(folder.run("z.safetensors", "l.png", {"--method", "linear"}).empty());
    folder.check("l.png", preview(z, LinearPreview{}).at(0));
    CHECK(folder.run("z.safetensors", "x.png", {"--method", "linear", "--sdxl"}).empty());
    folder.check("x.png", preview(z, LinearPreview{latent_colours_sdxl}).at(0));
    CHECK(folder.run("z.safetensors", "d.png", {}).empty()); // linear is the default
    CHECK(read_text(folder / "d.png") == read_text(folder / "l.png"));

    TorchInit approx_weights(17);
    const VAEApprox<Cpu<float>> approx{Weights(approx_weights)};
    folder.run("z.safetensors", "a.png", {"--method", "approx", "-m", folder.at("approx")});
    folder.check("a.png", preview(z, approx).at(0));

    TorchInit tiny_weights(13);
    const AutoencoderTiny<Cpu<float>> tiny(Weights(tiny_weights), preview_config());
    folder.run("z.safetensors", "t.png", {"--method", "tiny", "-m", folder.at("tiny")});
    folder.check("t.png", preview(z, tiny.decoder).at(0));
    folder.run("z.safetensors", "s.png",
               {"--method", "tiny", "--decoder", folder.at("decoder"), "--threads", "1"});
    CHECK(read_text(folder / "s.png") == read_text(folder / "t.png"));

    save_npy(folder / "z.npy", {"latents", z});
    folder.run("z.npy", "n.png", {"--method", "linear"});
    CHECK(read_text(folder / "n.png") == read_text(folder / "l.png"));
}

TEST_CASE("preview shows latents in colours of their own, and as they are", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const PreviewFolder folder;
    std::filesystem::create_directory(folder / "own");
    save_vae_approx(folder / "own/diffusion_pytorch_model.safetensors", 17);
    write_text(folder / "own/config.json",
               R"({"latent_rgb_factors": [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0, 0]]})");
    folder.run("z.safetensors", "o.png", {"-m", folder.at("own")});
    folder.check("o.png",
                 preview(folder.z, LinearPreview{LatentColours{
                                       {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0.5F, 0, 0}}}})
                     .at(0));

    folder.run("z.safetensors", "c.png", {"--method", "channels"});
    const auto image = read_image(folder / "c.png");
    CHECK(image.width == 4 * 2);
    REQUIRE(image.height == 3);
    for (std::size_t i = 0; i < 24; ++i) { // row, channel, column
        const auto row = i / 8, channel = i % 8 / 2, column = i % 2;
        const auto value = folder.z.values()[(channel * 3 + row) * 2 + column];
        const auto grey = std::lround(255 * std::clamp((value + 3) / 6, 0.0F, 1.0F));
        for (std::size_t c = 0; c < 3; ++c) CHECK(image.pixels[3 * i + c] == grey);
    }
}

TEST_CASE("several latents are several previews", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const PreviewFolder folder;
    const auto two = Generator(6).randn<Cpu<float>>({2, 4, 3, 2});
    save_safetensors(folder / "two", {{"a", two}, {"b", folder.z}});
    folder.refuse("two", {}, 1, "choose one with --key NAME");
    const auto told = folder.run("two", "two.png", {"--key", "a"});
    CHECK(std::ranges::count(told, '\n') == 2);
    CHECK(contains(told, "two-1.png"));
    folder.check("two-0.png", preview(two, LinearPreview{}).at(0));
    folder.check("two-1.png", preview(two, LinearPreview{}).at(1));
    CHECK_FALSE(std::filesystem::exists(folder / "two.png"));
    CHECK(folder.run("two", "two.png", {"--key", "a", "--quiet"}).empty());
}

TEST_CASE("raw latents are scaled first, as their metadata say", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    PreviewFolder folder;
    const auto scaled = folder.z.clone();
    // (raw - shift) factor, in numbers that float holds exactly.
    for (auto& value : folder.z.values()) value = value / 0.25F + 0.5F;
    folder.save("raw.safetensors",
                {{"latents", "raw"}, {"scaling_factor", "0.25"}, {"shift_factor", "5e-1"}});
    const auto told = folder.run("raw.safetensors", "raw.png", {"--method", "linear"});
    CHECK(std::ranges::count(told, '\n') == 1);
    CHECK(contains(told, "remark: raw latents, taken times 0.25 after minus 5e-1"));
    CHECK(folder.run("raw.safetensors", "raw.png", {"--quiet"}).empty());
    const auto image = read_image(folder / "raw.png");
    const auto expected = preview(scaled, LinearPreview{}).at(0);
    REQUIRE(image.pixels.size() == expected.pixels.size());
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
        // The round trip rounds, and a byte may fall off its step.
        CHECK(std::abs(int{image.pixels[i]} - int{expected.pixels[i]}) <= 1);
    }

    // Others stay as they are, with a word where they are raw and the factor is missing.
    const auto plain = preview(folder.z, LinearPreview{}).at(0);
    folder.save("scaled.safetensors", {{"latents", "scaled"}, {"scaling_factor", "0.25"}});
    CHECK(folder.run("scaled.safetensors", "scaled.png", {}).empty());
    folder.check("scaled.png", plain);
    folder.save("silent.safetensors", {{"scaling_factor", "0.25"}});
    CHECK(folder.run("silent.safetensors", "silent.png", {}).empty());
    folder.check("silent.png", plain);
    folder.save("bare.safetensors", {{"latents", "raw"}});
    CHECK(contains(folder.run("bare.safetensors", "bare.png", {}),
                   "raw latents without a scaling_factor, taken as they are"));
    folder.check("bare.png", plain);

    const auto nonsense = [&](const std::map<std::string, std::string>& metadata,
                              const std::string& part) {
        folder.save("odd.safetensors", metadata);
        folder.refuse("odd.safetensors", {}, 1, part);
    };
    nonsense({{"latents", "cooked\n"}}, "latents = \"cooked\\n\" in the file's metadata");
    nonsense({{"latents", "raw"}, {"scaling_factor", "0.25x"}}, "scaling_factor = \"0.25x\"");
    nonsense({{"latents", "raw"}, {"scaling_factor", "0"}}, "expected a number above zero");
    nonsense({{"latents", "raw"}, {"scaling_factor", "nan"}}, "a finite decimal number");
    nonsense({{"latents", "raw"}, {"scaling_factor", "1"}, {"shift_factor", ""}},
             "shift_factor = \"\"");
}

TEST_CASE("a wrong call of preview is one line", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const PreviewFolder folder;
    const auto approx = folder.at("approx"), tiny = folder.at("tiny");
    const std::string in = "z.safetensors";
    folder.refuse(in, {"--method", "fast"}, 2, "--method");
    folder.refuse(in, {"--method", "linear", "-m", tiny}, 1, "no config.json");
    folder.refuse(in, {"--sdxl", "-m", tiny}, 2, "--sdxl excludes --model");
    folder.refuse(in, {"--method", "channels", "-m", tiny}, 2,
                  "--method channels excludes --model");
    folder.refuse(in, {"--method", "approx"}, 2, "--method approx requires --model");
    folder.refuse(in, {"--method", "approx", "--decoder", tiny}, 2, "excludes --decoder");
    folder.refuse(in, {"--method", "tiny"}, 2, "requires --model or --decoder");
    folder.refuse(in, {"--method", "tiny", "-m", tiny, "--decoder", tiny}, 2, "excludes");

    folder.refuse(in, {"--method", "approx", "-m", tiny}, 1, "expected a VAEApprox");
    folder.refuse(in, {"--method", "tiny", "-m", approx}, 1, "expected an AutoencoderTiny");
    folder.refuse("none", {}, 1, "none: got no file of that name");
    auto five = Tensor<Cpu<float>>({1, 5, 2, 3});
    std::ranges::fill(five.values(), 0.0F);
    save_safetensors(folder / "five", {{"latents", five}});
    const std::string expected =
        "got 5 channels in [1, 5, 2, 3], expected 4 latent channels of ";
    folder.refuse("five", {"--method", "linear"}, 1, expected + "--method linear");
    folder.refuse("five", {"--method", "approx", "-m", approx}, 1,
                  expected + "--method approx");
    folder.refuse("five", {"--method", "tiny", "-m", tiny}, 1, expected + tiny);
    const auto jpeg = run_latent({"preview", folder.at(in), "-o", folder.at("out.jpg")});
    CHECK(jpeg.code == 1);
    CHECK(contains(jpeg.err, "the extension \".jpg\""));
    CHECK(contains(run_latent({"preview", "--help"}).out, "Example:\n  latent preview"));
}

TEST_CASE("the trained VAEApprox gives the colours that PyTorch gives", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const auto data = latent_data();
    if (!data) return skip(no_latent_data);
    const PreviewFolder folder;
    // Bright where the first latent is high: the upper left of a picture that falls off.
    constexpr std::int64_t side = 16;
    Tensor<Cpu<float>> z({1, 4, side, side});
    std::ranges::fill(z.values(), 0.0F);
    for (std::int64_t i = 0; i < side; ++i) {
        for (std::int64_t j = 0; j < side; ++j) {
            z.data()[i * side + j] =
                2 - 0.2F * static_cast<float>(i) - 0.05F * static_cast<float>(j);
        }
    }
    save_safetensors(folder / "ramp", {{"latents", z}});
    folder.run("ramp", "ramp.png",
               {"--method", "approx", "-m", (*data / "weights/vae_approx_sd.pt").string()});
    const auto image = read_image(folder / "ramp.png");
    REQUIRE(image.width == 2 * side);
    const auto brightness = [&](std::int64_t row, std::int64_t column) {
        const auto* const pixel = image.pixels.data() + (row * image.width + column) * 3;
        return int{pixel[0]} + int{pixel[1]} + int{pixel[2]};
    };
    CHECK(brightness(4, 4) > brightness(16, 4));
    CHECK(brightness(16, 4) > brightness(27, 4));
    CHECK(brightness(16, 4) > brightness(16, 27));
}
