#pragma once

#include "latent/models/latent_codec.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Latents as a picture that every viewer shows: each 4 channels are the red, green, blue and
/// alpha of an image of w x h pixels, and the images stand one below the other. 4 channels give
/// one, TAEF2's 32 give eight. A 512 x 512 photo's TAESD latents are a PNG of 64 x 64 pixels.

namespace latent {

/// Images in the stack: a quarter of the channels. Throws Error, beginning with `where`, for
/// channels that are no multiple of 4.
[[nodiscard]] inline std::int64_t latent_images(std::string_view where, std::int64_t channels) {
    if (channels >= 4 && channels % 4 == 0) return channels / 4;
    fail(where, std::to_string(channels) + " latent channels", "a multiple of 4",
         "a pixel holds 4 of them, as red, green, blue and alpha");
}

/// The shape [1, channels, h, w] of the latents in a picture of width x height pixels. Throws
/// Error, beginning with `where`, for a height that is no multiple of channels / 4.
[[nodiscard]] inline Shape latents_shape(std::string_view where, std::int64_t channels,
                                         std::int64_t width, std::int64_t height) {
    const auto images = latent_images(where, channels);
    if (height < 1 || width < 1 || height % images != 0) {
        fail(where, std::to_string(width) + " x " + std::to_string(height) + " pixels",
             "a height that is a multiple of " + std::to_string(images),
             std::to_string(channels) + " latent channels are so many images in a stack");
    }
    return {1, channels, height / images, width};
}

namespace detail {

/// Calls body(element of the latents, byte of the picture) for all of them.
template <class Body>
void for_latent_bytes(std::int64_t channels, std::int64_t area, const Body& body) {
    for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t i = 0; i < area; ++i) {
            body(static_cast<std::size_t>(c * area + i),
                 static_cast<std::size_t>((c / 4 * area + i) * 4 + c % 4));
        }
    }
}

} // namespace detail

/// One image's latents as RGBA pixels, row after row from the top:
///   z [1, C, h, w]  ->  w x (h C / 4) pixels of 4 bytes, as latent_codec.hpp has them
/// Throws Error for another batch than 1 and for channels that are no multiple of 4.
template <class Device>
requires Device::on_host [[nodiscard]] std::vector<std::uint8_t>
rgba_from_latents(const Tensor<Device>& z, const AutoencoderTinyConfig& config) {
    const auto [N, C, H, W] = nchw(z, "rgba_from_latents");
    if (N != 1) fail("rgba_from_latents", to_string(z.shape()), "the latents of one image");
    (void)latent_images("rgba_from_latents", C);
    const auto bytes = to_uint8(scale_latents(z, config));
    std::vector<std::uint8_t> pixels(bytes.size());
    detail::for_latent_bytes(C, H * W, [&](std::size_t element, std::size_t byte) {
        pixels[byte] = bytes[element];
    });
    return pixels;
}

/// The latents that such a picture holds:
///   width x height RGBA pixels  ->  z [1, C, height / (C / 4), width], C = latent_channels
/// Throws Error where the height is no multiple of C / 4, where C is no multiple of 4, and
/// unless there are 4 width height bytes.
template <class Device = Cpu<float>>
requires Device::on_host [[nodiscard]] Tensor<Device>
latents_from_rgba(std::span<const std::uint8_t> pixels, std::int64_t width, std::int64_t height,
                  const AutoencoderTinyConfig& config) {
    const auto shape =
        latents_shape("latents_from_rgba", config.latent_channels, width, height);
    if (static_cast<std::int64_t>(pixels.size()) != shape.numel()) {
        fail("latents_from_rgba", std::to_string(pixels.size()) + " bytes",
             std::to_string(shape.numel()) + " for " + std::to_string(width) + " x " +
                 std::to_string(height) + " RGBA pixels");
    }
    std::vector<std::uint8_t> bytes(pixels.size());
    detail::for_latent_bytes(
        shape[1], shape[2] * shape[3],
        [&](std::size_t element, std::size_t byte) { bytes[element] = pixels[byte]; });
    return unscale_latents(from_uint8<Device>(bytes, shape), config);
}

} // namespace latent
