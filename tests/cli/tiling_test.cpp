#include "support/catch.hpp"
#include "support/network_files.hpp"
#include "cli/command.hpp"

#include <latent/io/image.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// A small seeded network of factor 8 with 8 latent channels, and a photo.
struct TilingBench : TemporaryFolder {
    TilingBench() {
        AutoencoderTinyConfig config;
        config.encoder_block_out_channels = config.decoder_block_out_channels = {8, 8, 8, 8};
        config.num_encoder_blocks = config.num_decoder_blocks = {1, 0, 1, 0};
        config.latent_channels = 8;
        save_network(*this / "net.safetensors", config, 3, diffusers_name);
        config.use_midblock_gn = true;
        config.num_encoder_blocks = {1, 0, 0, 1};
        save_network(*this / "pooled.safetensors", config, 3, diffusers_name);
        Image image{203, 90, 3, {}};
        for (std::int64_t i = 0; i < 3 * image.width * image.height; ++i) {
            image.pixels.push_back(static_cast<std::uint8_t>(i * 7 % 251 + i / 997 % 5));
        }
        write_png(*this / "photo.png", image);
    }

    [[nodiscard]] std::string at(std::string_view name) const {
        return (*this / name).string();
    }

    /// The bytes of the file that a successful call writes to `out`.
    [[nodiscard]] std::string written(std::vector<std::string> arguments,
                                      const std::string& out) const {
        arguments.insert(arguments.end(), {"-m", at("net.safetensors"), "-o", at(out)});
        const auto outcome = run_latent(arguments);
        CAPTURE(arguments, outcome.err);
        CHECK(outcome.code == 0);
        return read_text(*this / out);
    }

    /// One line on stderr that has `part` in it, and no file.
    void check_refusal(std::vector<std::string> arguments, const std::string& network, int code,
                       const std::string& part) const {
        const auto before = entries();
        arguments.insert(arguments.end(), {"-m", at(network)});
        const auto outcome = run_latent(arguments);
        CAPTURE(arguments, outcome.err);
        CHECK(outcome.code == code);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        CHECK(contains(outcome.err, part));
        CHECK(entries() == before);
    }
};

} // namespace

TEST_CASE("exact tiles and slices change no byte of a file", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const TilingBench bench;
    const auto photo = bench.at("photo.png");
    const std::vector<std::vector<std::string>> ways{
        {"--slicing"},
        {"--tiling", "exact"},
        {"--tiling", "exact", "--tile-size", "48"},
        {"--tiling", "exact", "--tile-size", "24", "--slicing", "--threads", "2"}};
    const auto latents = bench.written({"encode", photo}, "z.safetensors");
    const auto z = bench.at("z.safetensors");
    const auto image = bench.written({"decode", z}, "image.png");
    const auto back = bench.written({"reconstruct", photo}, "back.png");
    for (const auto& way : ways) {
        const auto with = [&](std::vector<std::string> arguments) {
            arguments.insert(arguments.end(), way.begin(), way.end());
            return arguments;
        };
        CHECK(bench.written(with({"encode", photo}), "other.safetensors") == latents);
        CHECK(bench.written(with({"decode", z}), "other.png") == image);
        CHECK(bench.written(with({"reconstruct", photo}), "other.png") == back);
    }
}

TEST_CASE("blended tiles are near the whole image, and whole where there is one", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const TilingBench bench;
    const std::vector<std::string> tiled{"--tiling", "diffusers", "--tile-size", "128"};
    const auto with = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), tiled.begin(), tiled.end());
        return arguments;
    };
    const auto photo = bench.at("photo.png");
    const auto whole = bench.written({"reconstruct", photo}, "whole.png");
    CHECK(bench.written(with({"reconstruct", photo}), "tiled.png") != whole);
    // An image within one tile has nothing to blend.
    (void)bench.written({"encode", photo}, "z.safetensors");
    const auto image = bench.written({"decode", bench.at("z.safetensors")}, "image.png");
    CHECK(bench.written({"decode", bench.at("z.safetensors"), "--tiling", "diffusers"},
                        "tiled.png") == image);
}

TEST_CASE("the ways to join tiles", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const TilingBench bench;
    const auto photo = bench.at("photo.png");
    const auto z = bench.at("z.safetensors");
    (void)bench.written({"encode", photo}, "z.safetensors");
    const auto decoded = [&](const std::vector<std::string>& options) {
        std::vector<std::string> arguments{"decode", z};
        arguments.insert(arguments.end(), options.begin(), options.end());
        return bench.written(arguments, "other.png");
    };
    const auto whole = decoded({});
    const auto diffusers = decoded({"--tiling", "diffusers", "--tile-size", "128"});
    const auto smooth = decoded({"--tile-blend", "smooth", "--tile-size", "128"});
    CHECK(diffusers != whole);
    CHECK(smooth != whole);
    CHECK(smooth != diffusers);
    CHECK(decoded({"--tile-blend", "diffusers", "--tile-size", "128"}) == diffusers);
    CHECK(decoded({"--tiling", "diffusers", "--tile-blend", "smooth", "--tile-size", "128"}) ==
          smooth);
    // It implies tiling, by default in tiles that hold the whole photo.
    CHECK(decoded({"--tile-blend", "smooth"}) == whole);
    bench.check_refusal({"decode", z, "--stream", "-o", bench.at("no.png")}, "net.safetensors",
                        1, "expected an AutoencoderKL; --tiling exact");
    // Group norms have no exact tiles; they have smooth ones.
    const auto outcome =
        run_latent({"reconstruct", photo, "-m", bench.at("pooled.safetensors"), "-o",
                    bench.at("other.png"), "--tile-blend", "smooth", "--tile-size", "64"});
    CHECK(outcome.code == 0);
    CHECK(read_image(bench / "other.png").width == 203);
}

TEST_CASE("a tile size that cannot be is one line", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const TilingBench bench;
    const auto encode = [&](const std::vector<std::string>& options, const std::string& part,
                            int code = 1, const std::string& network = "net.safetensors") {
        std::vector<std::string> arguments{"encode", bench.at("photo.png"), "-o",
                                           bench.at("out.safetensors")};
        arguments.insert(arguments.end(), options.begin(), options.end());
        bench.check_refusal(arguments, network, code, part);
    };
    encode({"--tiling", "exact", "--tile-size", "100"},
           "--tile-size: got 100 pixels, expected a positive multiple of 8");
    encode({"--tiling", "exact", "--tile-size", "0"}, "--tile-size: got 0 pixels");
    encode({"--tiling", "exact", "--tile-size", "-8"}, "--tile-size: got -8 pixels");
    encode({"--tiling", "diffusers", "--tile-size", "4"}, "--tile-size: got 4 pixels");
    encode({"--tiling", "diffusers", "--tile-size", "64"}, "an overlap of 8 in tiles of 64");
    encode({"--tiling", "diffusers", "--tile-size", "800000"}, "expected 1 to 65536");
    encode({"--tiling", "exact"}, "encoder.layers.5.pool: got a group norm", 1,
           "pooled.safetensors");
    encode({"--tiling", "neat"}, "--tiling", 2);
    encode({"--tile-size", "64"}, "--tiling or --tile-blend", 2);
    encode({"--tile-blend", "neat"}, "--tile-blend", 2);
    encode({"--tiling", "exact", "--tile-blend", "smooth"}, "--tile-blend", 2);
    encode({"--tile-blend", "smooth", "--tile-size", "100"}, "--tile-size: got 100 pixels");
    encode({"--tile-blend", "smooth", "--tile-size", "8"}, "tiles of 8 that overlap wholly");
    encode({"--tiling", "exact", "--tile-size", "big"}, "--tile-size", 2);
}

TEST_CASE("latents go through a picture", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const TilingBench bench;
    const auto photo = bench.at("photo.png");
    (void)bench.written({"encode", photo}, "picture.png");
    const auto picture = read_image(bench / "picture.png", 4);
    CHECK(image_info(bench / "picture.png").channels == 4);
    CHECK(picture.width == 26);  // ceil(203 / 8)
    CHECK(picture.height == 24); // two images of ceil(90 / 8) rows
    const auto remark = run_latent(
        {"encode", photo, "-m", bench.at("net.safetensors"), "-o", bench.at("again.png")});
    CHECK(contains(remark.err, "remark: the image was padded"));
    CHECK(run_latent({"encode", photo, "-m", bench.at("net.safetensors"), "-o",
                      bench.at("again.png"), "--quiet"})
              .err.empty());

    // What comes back is what the library makes of 8 bits.
    (void)bench.written({"decode", bench.at("picture.png")}, "image.png");
    const auto image = read_image(bench / "image.png");
    CHECK(image.width == 208);
    CHECK(image.height == 96);
    (void)bench.written({"reconstruct", photo}, "whole.png");
    const auto whole = read_image(bench / "whole.png");
    int largest = 0;
    for (std::int64_t y = 0; y < whole.height; ++y) {
        for (std::int64_t i = 0; i < 3 * whole.width; ++i) {
            const int a = image.pixels[static_cast<std::size_t>(y * 3 * image.width + i)];
            const int b = whole.pixels[static_cast<std::size_t>(y * 3 * whole.width + i)];
            largest = std::max(largest, std::abs(a - b));
        }
    }
    CHECK(largest <= 2);

    const auto refused = [&](const std::string& in, const std::string& part) {
        bench.check_refusal({"decode", in, "-o", bench.at("out.png")}, "net.safetensors", 1,
                            part);
    };
    write_png(bench / "odd.png", {5, 3, 4, std::vector<std::uint8_t>(60)});
    refused(bench.at("odd.png"),
            "odd.png: got 5 x 3 pixels, expected a height that is a multiple of 2");
    refused(photo, "photo.png: got 3 channels of 8 bits, expected 4 of 8 bits");
}
