#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/network_files.hpp"
#include "cli/command.hpp"

#include <latent/io/image.hpp>
#include <latent/io/safetensors_writer.hpp>
#include <latent/models/autoencoder_tiny.hpp>
#include <latent/pipelines/image.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

AutoencoderTinyConfig walk_config() {
    AutoencoderTinyConfig config;
    config.encoder_block_out_channels = config.decoder_block_out_channels = {8, 8, 8, 8};
    config.num_encoder_blocks = config.num_decoder_blocks = {1, 1, 1, 1};
    return config;
}

/// A small network and two latents, from.safetensors [1, 4, 2, 3] and to.safetensors
/// [1, 4, 3, 2].
struct WalkFolder : TemporaryFolder {
    Tensor<Cpu<float>> from = Generator(1).randn<Cpu<float>>({1, 4, 2, 3});
    Tensor<Cpu<float>> to = Generator(2).randn<Cpu<float>>({1, 4, 3, 2});

    WalkFolder() {
        save_network(*this / "tiny", walk_config(), 13, diffusers_name);
        save("from.safetensors", from, {});
        save("to.safetensors", to, {});
    }
    [[nodiscard]] std::string at(std::string_view name) const {
        return (*this / name).string();
    }
    void save(std::string_view name, const Tensor<Cpu<float>>& z,
              const std::map<std::string, std::string>& metadata) const {
        save_safetensors(*this / name, {{"latents", z}}, metadata);
    }
    [[nodiscard]] Outcome walk(std::vector<std::string> rest) const {
        rest.insert(rest.begin(), {"walk"});
        rest.insert(rest.end(), {"-m", at("tiny"), "-o", at("w.png")});
        return run_latent(rest);
    }
    void refuse(std::vector<std::string> rest, int code, std::string_view part) const {
        const auto outcome = walk(std::move(rest));
        CAPTURE(outcome.err);
        CHECK(outcome.code == code);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        CHECK(contains(outcome.err, part));
        CHECK_FALSE(std::filesystem::exists(*this / "w-0.png"));
    }
};

} // namespace

TEST_CASE("a walk decodes what lies between two latents", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const WalkFolder folder;
    const auto outcome = folder.walk(
        {folder.at("from.safetensors"), folder.at("to.safetensors"), "--frames", "3"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(contains(outcome.err, "wrote " + folder.at("w-2.png")));
    // The other end [1, 4, 3, 2] is cut to two rows, and its third column mirrors the second.
    TorchInit weights(13);
    const AutoencoderTiny<Cpu<float>> tiny(Weights(weights), walk_config());
    for (int frame = 0; frame < 3; ++frame) {
        auto z = folder.from.clone();
        for (std::int64_t i = 0; i < z.numel(); ++i) {
            const auto channel = i / 6, row = i / 3 % 2,
                       column = std::min<std::int64_t>(i % 3, 1);
            const auto other = folder.to.data()[(channel * 3 + row) * 2 + column];
            if (frame == 1) z.data()[i] = std::lerp(z.data()[i], other, 0.5F);
            if (frame == 2) z.data()[i] = other;
        }
        const auto image = read_image(folder / ("w-" + std::to_string(frame) + ".png"));
        CHECK(image.width == 24);
        CHECK(image.height == 16);
        CHECK(image.pixels == rgb_from_image(tiny.decode(z)));
    }
}

TEST_CASE("a walk that leads nowhere is one line", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const WalkFolder folder;
    const auto from = folder.at("from.safetensors");
    folder.refuse({from, from, "--frames", "1"}, 2, "--frames");
    folder.refuse({from, folder.at("none.safetensors")}, 1, "got no file of that name");
    folder.save("two.safetensors", Generator(3).randn<Cpu<float>>({2, 4, 2, 3}), {});
    folder.refuse({from, folder.at("two.safetensors")}, 1, "expected latents of one image");
    folder.save("eight.safetensors", Generator(3).randn<Cpu<float>>({1, 8, 2, 3}), {});
    folder.refuse({from, folder.at("eight.safetensors")}, 1, "got 8 channels, expected 4");
    folder.save("raw.safetensors", folder.from, {{"latents", "raw"}});
    folder.refuse({from, folder.at("raw.safetensors")}, 1, "scaled in another way");
}
