#pragma once

#include "commands.hpp"
#include "files.hpp"

#include <latent/tensor/devices.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// Running a network from its files: the one place where the command meets the models. Networks
/// and their convolutions are compiled in network.cpp, those of previews in preview.cpp.

namespace latent::command {

/// The size in pixels of an image, or of what a network makes of latents.
struct Size {
    std::int64_t width = 0, height = 0;

    friend bool operator==(const Size&, const Size&) = default;
};

/// What latents are wanted, or given.
struct LatentOptions {
    bool sample = false;    ///< of an AutoencoderKL: a sample of the posterior, not its mode
    std::uint64_t seed = 0; ///< of the sample: as torch.Generator().manual_seed(seed) draws
    bool scaled = false;    ///< as the UNet sees them, not raw
    bool picture = false;   ///< as RGBA pixels, too: of one image, 4 channels a pixel
};

/// The latents of images [N, C, H, W] in [-1, 1], whose right and lower edges are repeated up
/// to a multiple of the network's factor. `where` begins an Error about the images.
struct Encoded {
    Tensor<Cpu<float>> latents;
    std::optional<Tensor<Cpu<float>>> parameters; ///< the moments, of an AutoencoderKL
    bool padded = false;
    std::vector<std::uint8_t> picture; ///< as wide as the latents (pipelines/latent_image.hpp)
    std::map<std::string, std::string> metadata; ///< see latents.hpp
};
[[nodiscard]] Encoded encode_images(const NetworkFiles& network, const RunOptions& options,
                                    const LatentOptions& wanted, const std::string& where,
                                    const Tensor<Cpu<float>>& images);

/// The latents for this network that such a picture holds.
[[nodiscard]] Tensor<Cpu<float>> latents_of_picture(const NetworkFiles& network,
                                                    const std::string& where,
                                                    std::span<const std::uint8_t> pixels,
                                                    Size size);

/// The images [N, C, H, W], about [-1, 1], of a file's latents [N, c, h, w]; of a size beyond
/// zero the upper left part.
[[nodiscard]] Tensor<Cpu<float>> decode_latents(const NetworkFiles& network,
                                                const RunOptions& options,
                                                const LatentOptions& given, TensorFile file,
                                                Size size);

/// RGB pixels through the whole autoencoder.
struct Reconstruction {
    std::vector<std::uint8_t> pixels; ///< of the size that went in
    double psnr_db = 0;
    double encode_seconds = 0, decode_seconds = 0;
};
[[nodiscard]] Reconstruction
reconstruct_pixels(const NetworkFiles& network, const RunOptions& options,
                   const std::string& where, std::span<const std::uint8_t> pixels, Size size);

/// Pixels that are worth trying: what an image may have, summed over a batch.
inline constexpr std::int64_t max_pixels = std::int64_t{1} << 26;

/// Throws Error unless x [N, C, H, W] has the `what` channels that `path` expects.
inline void require_channels(const std::string& where, const Tensor<Cpu<float>>& x,
                             std::int64_t expected, const std::string& what,
                             const std::string& path) {
    if (x.dim(1) == expected) return;
    fail(where, std::to_string(x.dim(1)) + " channels in " + to_string(x.shape()),
         std::to_string(expected) + " " + what + " channels of " + path);
}

/// Throws Error for more pixels than are worth trying, enlarged `factor` times each way. In
/// doubles, because the factor of a forged config has no bounds.
inline void require_pixels(const std::string& where, const Tensor<Cpu<float>>& x,
                           double factor) {
    const auto area = static_cast<double>(x.dim(0)) * static_cast<double>(x.dim(2) * x.dim(3));
    if (area * factor * factor <= static_cast<double>(max_pixels)) return;
    fail(where, to_string(x.shape()) + ", which makes too many pixels",
         "at most " + std::to_string(max_pixels));
}

} // namespace latent::command
