#pragma once

#include "commands.hpp"

#include <latent/tensor/devices.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// Running a network from its files: the one place where the command meets the models. Networks
/// and their convolutions are compiled in network.cpp alone.

namespace latent::command {

/// The size in pixels of an image, or of what a network makes of latents.
struct Size {
    std::int64_t width = 0, height = 0;

    friend bool operator==(const Size&, const Size&) = default;
};

/// The latents of images [N, C, H, W] in [-1, 1], whose right and lower edges are repeated up
/// to a multiple of the network's factor. `where` begins an Error about the images. With
/// `picture` the latents come as RGBA pixels, too: of one image, 4 channels a pixel.
struct Encoded {
    Tensor<Cpu<float>> latents;
    bool padded = false;
    std::vector<std::uint8_t> picture; ///< as wide as the latents (pipelines/latent_image.hpp)
};
[[nodiscard]] Encoded encode_images(const NetworkFiles& network, const RunOptions& options,
                                    const std::string& where, const Tensor<Cpu<float>>& images,
                                    bool picture = false);

/// The latents for this network that such a picture holds.
[[nodiscard]] Tensor<Cpu<float>> latents_of_picture(const NetworkFiles& network,
                                                    const std::string& where,
                                                    std::span<const std::uint8_t> pixels,
                                                    Size size);

/// The images [N, C, H, W], about [-1, 1], of latents [N, c, h, w]; of a size beyond zero the
/// upper left part. `where` begins an Error about the latents or the size.
[[nodiscard]] Tensor<Cpu<float>> decode_latents(const NetworkFiles& network,
                                                const RunOptions& options,
                                                const std::string& where,
                                                const Tensor<Cpu<float>>& latents, Size size);

/// RGB pixels through the whole autoencoder.
struct Reconstruction {
    std::vector<std::uint8_t> pixels; ///< of the size that went in
    double psnr_db = 0;
    double encode_seconds = 0, decode_seconds = 0;
};
/// Without files the network is TAESD's with torch's initial weights of seed 0.
[[nodiscard]] Reconstruction
reconstruct_pixels(const NetworkFiles& network, const RunOptions& options,
                   const std::string& where, std::span<const std::uint8_t> pixels, Size size);

/// Prints psnr_db, encode_s, decode_s and peak_mib, a line each.
void print_figures(const Reconstruction& reconstruction);

/// Pixels that are worth trying: what an image may have, summed over a batch.
inline constexpr std::int64_t max_pixels = std::int64_t{1} << 26;

} // namespace latent::command
