#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/preview_case.hpp"

#include <latent/models/autoencoder_tiny.hpp>
#include <latent/models/vae_approx.hpp>
#include <latent/pipelines/image.hpp>
#include <latent/pipelines/preview.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

template <class Method>
void check_bytes(const std::string& name, const Method& method, std::int64_t factor) {
    INFO(name);
    const Golden golden("pipelines/preview");
    const auto z = latents_of_case(golden, name);
    const auto images = preview(z, method);
    const auto expected = golden.numbers(name + ".bytes");
    REQUIRE(static_cast<std::int64_t>(images.size()) == z.dim(0));
    std::vector<std::int64_t> got;
    for (const auto& image : images) {
        CHECK(image.width == z.dim(3) * factor);
        CHECK(image.height == z.dim(2) * factor);
        got.insert(got.end(), image.pixels.begin(), image.pixels.end());
    }
    CHECK(got == expected);
}

Tensor<Cpu<float>> filled_image(Shape shape, float value) {
    Tensor<Cpu<float>> image(std::move(shape));
    std::ranges::fill(image.values(), value);
    return image;
}

} // namespace

TEST_CASE("all three methods go through preview, and give the webui's bytes", "[preview]") {
    check_bytes("linear_sd", LinearPreview{}, 1);
    check_bytes("linear_sdxl", LinearPreview{latent_colours_sdxl}, 1);

    TorchInit approx_weights(17);
    check_bytes("approx", VAEApprox<Cpu<float>>(Weights(approx_weights)), 2);

    AutoencoderTinyConfig config;
    config.encoder_block_out_channels = config.decoder_block_out_channels = {8, 8, 8, 8};
    config.num_encoder_blocks = config.num_decoder_blocks = {1, 1, 1, 1};
    TorchInit tiny_weights(13);
    const AutoencoderTiny<Cpu<float>> tiny(Weights(tiny_weights), config);
    check_bytes("tiny", tiny.decoder, 8);
}

TEST_CASE("values are cut off, not rounded, and NaN is black", "[preview]") {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    const float values[] = {-7, 7, infinity, -infinity, nan, 0.0F, 1.0F, -1.0F};
    const std::uint8_t expected[] = {0, 255, 255, 0, 0, 127, 255, 0};
    for (std::size_t i = 0; i < 8; ++i) {
        const auto image = truncated_rgb_from_image(filled_image({1, 3, 1, 1}, values[i]));
        CAPTURE(values[i]);
        CHECK(image.pixels == std::vector<std::uint8_t>(3, expected[i]));
    }
    // Just below a byte is the byte below, where images are rounded up.
    const auto almost = filled_image({1, 3, 1, 1}, 10.99F / 127.5F - 1);
    CHECK(truncated_rgb_from_image(almost).pixels == std::vector<std::uint8_t>(3, 10));
    CHECK(rgb_from_image(almost) == std::vector<std::uint8_t>(3, 11));
    const auto white = filled_image({1, 3, 1, 1}, 0.999F);
    CHECK(truncated_rgb_from_image(white).pixels == std::vector<std::uint8_t>(3, 254));
}

TEST_CASE("pixels stand row after row, red, green and blue together", "[preview]") {
    Tensor<Cpu<float>> image({2, 3, 2, 2});
    for (std::int64_t i = 0; i < 24; ++i) {
        image.data()[i] = (static_cast<float>(i) * 10 + 0.5F) / 127.5F - 1;
    }
    const auto second = truncated_rgb_from_image(image, 1);
    CHECK(second.width == 2);
    CHECK(second.height == 2);
    CHECK(second.pixels == std::vector<std::uint8_t>{120, 160, 200, 130, 170, 210, 140, 180,
                                                     220, 150, 190, 230});
}

TEST_CASE("NaN in latents spoils its own pixel alone", "[preview]") {
    auto z = filled_image({1, 4, 2, 2}, 0.5F);
    z.data()[5] = std::numeric_limits<float>::quiet_NaN(); // the second pixel of channel 1
    const auto image = preview(z, LinearPreview{}).at(0);
    const auto sound = preview(filled_image({1, 4, 2, 2}, 0.5F), LinearPreview{}).at(0);
    for (std::size_t i = 0; i < 12; ++i) {
        CAPTURE(i);
        CHECK(static_cast<int>(image.pixels[i]) ==
              (i / 3 == 1 ? 0 : static_cast<int>(sound.pixels[i])));
    }
}

TEST_CASE("a preview's run can be traced and stopped", "[preview]") {
    TorchInit weights(17);
    const VAEApprox<Cpu<float>> network{Weights(weights)};
    const auto z = filled_image({1, 4, 2, 2}, 0.5F);
    std::vector<std::string> paths;
    (void)preview(z, network,
                  [&](std::string_view path, const auto&) { paths.emplace_back(path); });
    CHECK(paths == std::vector<std::string>{"conv1", "conv2", "conv3", "conv4", "conv5",
                                            "conv6", "conv7", "conv8", ""});
    REQUIRE_THROWS_AS(
        preview(z, network, [](std::string_view, const auto&) { throw Stopped(); }), Stopped);
}

TEST_CASE("previews say which latents they know", "[preview]") {
    const auto sixteen = filled_image({1, 16, 2, 2}, 0);
    const auto linear = message_of([&] { (void)preview(sixteen, LinearPreview{}); });
    CHECK(contains(linear, "cheap_approximation: got [1, 16, 2, 2], expected latents"));
    TorchInit weights(17);
    const VAEApprox<Cpu<float>> network{Weights(weights)};
    const auto approx = message_of([&] { (void)preview(sixteen, network); });
    CHECK(contains(approx, "VAEApprox: got [1, 16, 2, 2], expected latents [N, 4, h, w]"));
    const auto flat = filled_image({4, 2, 2}, 0);
    CHECK(contains(message_of([&] { (void)preview(flat, LinearPreview{}); }),
                   "preview: got [4, 2, 2], expected a shape [N, C, H, W]"));
    CHECK(contains(message_of([&] { (void)cheap_approximation(filled_image({4}, 0)); }),
                   "got [4]"));
    CHECK(contains(message_of([&] { (void)truncated_rgb_from_image(sixteen); }),
                   "image 0 of [1, 16, 2, 2]"));
    CHECK(preview(filled_image({0, 4, 2, 2}, 0), LinearPreview{}).empty());
}
