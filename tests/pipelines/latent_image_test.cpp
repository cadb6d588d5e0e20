#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/pipelines/latent_image.hpp>
#include <latent/tensor/random.hpp>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

AutoencoderTinyConfig with_channels(std::int64_t channels) {
    AutoencoderTinyConfig config;
    config.latent_channels = channels;
    return config;
}

} // namespace

TEST_CASE("latents stand in a picture four channels a pixel", "[image]") {
    // 8 channels of 1 x 2 latents: two pixels for the first four channels, and two below.
    const auto config = with_channels(8);
    std::vector<std::uint8_t> pixels(16);
    std::iota(pixels.begin(), pixels.end(), std::uint8_t{100});
    const auto z = latents_from_rgba(pixels, 2, 2, config);
    REQUIRE(z.shape() == Shape{1, 8, 1, 2});
    for (std::int64_t c = 0; c < 8; ++c) {
        for (std::int64_t x = 0; x < 2; ++x) {
            const auto byte = static_cast<double>(100 + c / 4 * 8 + x * 4 + c % 4);
            const auto expected = (byte / 255 - 0.5) * 6;
            CHECK(std::abs(static_cast<double>(z.data()[c * 2 + x]) - expected) <= 1e-6);
        }
    }
    CHECK(rgba_from_latents(z, config) == pixels);
}

TEST_CASE("every byte of a picture of latents comes back", "[image]") {
    for (const std::int64_t channels : {4, 16, 32}) {
        auto config = with_channels(channels);
        config.latent_magnitude = 2.5;
        config.latent_shift = 0.4;
        std::vector<std::uint8_t> pixels(static_cast<std::size_t>(channels * 5 * 7));
        for (std::size_t i = 0; i < pixels.size(); ++i)
            pixels[i] = static_cast<std::uint8_t>(i * 37 + 11);
        const auto z = latents_from_rgba(pixels, 7, 5 * channels / 4, config);
        CHECK(z.shape() == Shape{1, channels, 5, 7});
        CHECK(rgba_from_latents(z, config) == pixels);
        CHECK(rgba_from_latents(
                  latents_from_rgba<Cpu<double>>(pixels, 7, 5 * channels / 4, config),
                  config) == pixels);
    }
}

TEST_CASE("latents move by half a step of 8 bits", "[image]") {
    const auto config = with_channels(16);
    Generator random(0);
    const auto z = scale(uniform(random, {1, 16, 6, 9}), 3); // as far as 8 bits reach
    const auto back = latents_from_rgba(rgba_from_latents(z, config), 9, 24, config);
    const auto distance = closeness(back, as<double>(z));
    CHECK(distance.largest > 0);
    CHECK(distance.largest <= 3.0 / 255 + 1e-6);
}

TEST_CASE("pictures of latents say what is wrong", "[image]") {
    const std::vector<std::uint8_t> pixels(4 * 3 * 6);
    CHECK(message_of([&] { (void)latents_from_rgba(pixels, 3, 6, with_channels(16)); }) ==
          "latents_from_rgba: got 3 x 6 pixels, expected a height that is a multiple of 4; 16 "
          "latent channels are so many images in a stack");
    CHECK(contains(message_of([&] { (void)latents_from_rgba({}, 3, 0, with_channels(4)); }),
                   "3 x 0 pixels"));
    CHECK(contains(message_of([&] { (void)latents_from_rgba(pixels, 3, 6, with_channels(6)); }),
                   "got 6 latent channels, expected a multiple of 4"));
    CHECK(contains(message_of([&] { (void)latents_from_rgba(pixels, 4, 6, with_channels(4)); }),
                   "got 72 bytes, expected 96 for 4 x 6 RGBA pixels"));
    const auto config = with_channels(5);
    CHECK(contains(message_of([&] {
                       (void)rgba_from_latents(Tensor<Cpu<float>>({1, 5, 2, 2}), config);
                   }),
                   "5 latent channels"));
    CHECK(contains(message_of([&] {
                       (void)rgba_from_latents(Tensor<Cpu<float>>({2, 4, 2, 2}), config);
                   }),
                   "got [2, 4, 2, 2], expected the latents of one image"));
}
