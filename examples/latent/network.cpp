// Running a network from its files: opening, checking what goes in, running, timing.

#include "network.hpp"

#include "gpu.hpp"
#include "latents.hpp"
#include "sides.hpp"

#include <latent/models/latent_scaling.hpp>
#include <latent/pipelines/image.hpp>
#include <latent/pipelines/latent_image.hpp>

#include <iostream>
#include <string>
#include <utility>
#include <variant>

namespace latent::command {

namespace {

/// What comes of an encoder's output: latents, or of an AutoencoderKL the moments.
Encoded encoded(Tensor<Device> latents, const AutoencoderTinyConfig& config, bool,
                const LatentOptions& options) {
    Encoded result;
    result.latents = std::move(latents);
    result.metadata["latents"] = "scaled";
    if (options.picture) result.picture = rgba_from_latents(result.latents, config);
    return result;
}
Encoded encoded(Tensor<Device> moments, const AutoencoderKLConfig& config, bool scaling_known,
                const LatentOptions& options) {
    DiagonalGaussianDistribution<Device> posterior(std::move(moments));
    Generator generator(options.seed);
    auto z = options.sample ? posterior.sample(generator) : posterior.mode();
    Encoded result;
    result.latents = options.scaled ? scaled_latents(std::move(z), config) : std::move(z);
    result.parameters = std::move(posterior.parameters);
    result.metadata["latents"] = options.scaled ? "scaled" : "raw";
    // Means and deviations by channel have no place in the metadata.
    if (!options.scaled && scaling_known && !config.latents_mean) {
        result.metadata["scaling_factor"] = number_text(config.scaling_factor);
        if (config.shift_factor)
            result.metadata["shift_factor"] = number_text(*config.shift_factor);
    }
    return result;
}

/// Whether only a config.json would tell how latents are scaled.
bool scaling_is_guessed(const AutoencoderTinyFiles&) { return false; }
bool scaling_is_guessed(const AutoencoderKLFiles& files) { return !files.scaling_known; }

void remark_guess(const std::string& path) {
    std::cerr << path
              << ": remark: no config.json, so the scaling_factor 0.18215 of Stable "
                 "Diffusion 1 and 2 is taken (SDXL has 0.13025)\n";
}

/// Refuses before the work what cannot be written afterwards.
void require_writable(const AutoencoderTinyFiles& files, const LatentOptions& options) {
    if (options.picture) (void)latent_images(files.path, files.config.latent_channels);
    if (options.sample) {
        fail(files.path, "a tiny autoencoder", "an AutoencoderKL for --sample",
             "a tiny one gives latents, and no distribution to sample from");
    }
}
void require_writable(const AutoencoderKLFiles& files, const LatentOptions& options) {
    if (options.picture) {
        fail(files.path, "an AutoencoderKL", "a tiny autoencoder for a .png",
             "8 bits hold the latents of a tiny one; write .safetensors or .npy");
    }
    if (options.scaled) require_scaling(files);
}

[[noreturn]] void fail_raw(const TensorFile& file) {
    fail(file.where, "raw latents, as its metadata say", "scaled ones for --scaled");
}

/// Latents from a file as this class decodes them.
Tensor<Device> latents_to_decode(TensorFile file, const AutoencoderTinyFiles&,
                                 const LatentOptions& options, bool quiet) {
    if (options.scaled && says_scaled(file) == false) fail_raw(file);
    if (options.scaled) file.metadata["latents"] = "scaled";
    return latents_for_unet(std::move(file), quiet);
}
Tensor<Device> latents_to_decode(TensorFile file, const AutoencoderKLFiles& files,
                                 const LatentOptions& options, bool quiet) {
    const auto said = says_scaled(file);
    if (options.scaled && said == false) fail_raw(file);
    if (!options.scaled && !said.value_or(false)) return std::move(file.tensor);
    require_scaling(files);
    if (!files.scaling_known && !quiet) remark_guess(files.path);
    if (!options.scaled && !quiet)
        std::cerr << file.where << ": remark: scaled latents, as its metadata say\n";
    return raw_latents(std::move(file.tensor), files.config);
}

/// The upper left part of the images, for a size beyond zero.
Tensor<Device> cropped(Tensor<Device> images, Size size) {
    if (size == Size{} || size == Size{images.dim(3), images.dim(2)}) return images;
    return crop(images, size.height, size.width);
}

/// What an encoder gives, as a decoder takes it.
Tensor<Device> latents_between(Tensor<Device> latents, const AutoencoderTinyConfig&) {
    return latents;
}
Tensor<Device> latents_between(Tensor<Device> moments, const AutoencoderKLConfig&) {
    return DiagonalGaussianDistribution<Device>(std::move(moments)).mode();
}

/// A side of the files, loaded on the device that the options name, and its output for x.
template <class Files>
Tensor<Device> encode_with(Files files, const Tensor<Device>& x, const RunOptions& options,
                           double* seconds = nullptr) {
    if (on_gpu(options)) return encode_on_gpu(std::move(files), x, options, seconds);
    const auto config = files.config;
    const auto path = files.path;
    const auto encoder = load_encoder(std::move(files));
    return run_side(encoder, config, path, "encode", x, options, seconds);
}
template <class Files>
Tensor<Device> decode_with(Files files, const Tensor<Device>& x, const RunOptions& options,
                           double* seconds = nullptr) {
    if (on_gpu(options)) return decode_on_gpu(std::move(files), x, options, seconds);
    const auto config = files.config;
    const auto path = files.path;
    const auto decoder = load_decoder(std::move(files));
    return run_side(decoder, config, path, "decode", x, options, seconds);
}

/// By an autoencoder of one class. A side is loaded when it is its turn, so that one is in
/// memory at a time.
template <class Files>
Reconstruction there_and_back(const NetworkFiles& network, Files files,
                              const std::string& where, const Tensor<Device>& image,
                              const RunOptions& options) {
    const auto config = files.config;
    require_channels(where, image, config.in_channels, "image", files.path);
    if (config.out_channels != 3 || config.encoder_factor() != config.decoder_factor()) {
        fail(files.path, "a network whose output is not an image of its input's size",
             "one that can reconstruct");
    }
    Reconstruction result;
    const auto padded = pad_to_multiple(image, config.encoder_factor());
    const auto latents = latents_between(
        encode_with(std::move(files), padded, options, &result.encode_seconds), config);
    auto again = std::get<Files>(open_network(network, options));
    const auto decoded =
        decode_with(std::move(again), latents, options, &result.decode_seconds);
    result.pixels = rgb_from_image(crop(decoded, image.dim(2), image.dim(3)));
    return result;
}

} // namespace

Encoded encode_images(const NetworkFiles& network, const RunOptions& options,
                      const LatentOptions& wanted, const std::string& where,
                      const Tensor<Device>& images) {
    const auto run = [&](auto files) {
        const auto config = files.config;
        require_channels(where, images, config.in_channels, "image", files.path);
        require_pixels(where, images, 1);
        if (wanted.picture && images.dim(0) != 1)
            fail(where, to_string(images.shape()), "one image for a .png");
        require_writable(files, wanted);
        const auto path = files.path;
        const bool guessed = scaling_is_guessed(files);
        // Of a lone file with 4 channels it is as good as known.
        const bool known = !guessed || config.latent_channels == 4;
        const auto padded = pad_to_multiple(images, config.encoder_factor());
        auto result =
            encoded(encode_with(std::move(files), padded, options), config, known, wanted);
        result.padded = padded.shape() != images.shape();
        if (guessed && known && !options.quiet) remark_guess(path);
        return result;
    };
    return std::visit(run, open_network(network, options));
}

Tensor<Device> latents_of_picture(const NetworkFiles& network, const std::string& where,
                                  std::span<const std::uint8_t> pixels, Size size) {
    const auto files = open_network(network, {});
    const auto* const tiny = std::get_if<AutoencoderTinyFiles>(&files);
    if (tiny == nullptr) {
        fail(where, "latents in 8 bits", "a tiny autoencoder to decode them",
             "an AutoencoderKL's latents are in .safetensors or .npy");
    }
    (void)latents_shape(where, tiny->config.latent_channels, size.width, size.height);
    return latents_from_rgba(pixels, size.width, size.height, tiny->config);
}

Tensor<Device> decode_latents(const NetworkFiles& network, const RunOptions& options,
                              const LatentOptions& given, TensorFile file, Size size) {
    const auto run = [&](auto files) {
        const auto config = files.config;
        const auto path = files.path;
        const auto where = file.where;
        require_channels(where, file.tensor, config.latent_channels, "latent", path);
        require_pixels(where, file.tensor, static_cast<double>(config.decoder_factor()));
        const auto factor = config.decoder_factor();
        const Size whole{file.tensor.dim(3) * factor, file.tensor.dim(2) * factor};
        if (size.width > whole.width || size.height > whole.height) {
            fail(where,
                 std::to_string(size.width) + " x " + std::to_string(size.height) +
                     " pixels in the file's metadata",
                 "at most the " + std::to_string(whole.width) + " x " +
                     std::to_string(whole.height) + " that these latents give");
        }
        const auto latents = latents_to_decode(std::move(file), files, given, options.quiet);
        return cropped(decode_with(std::move(files), latents, options), size);
    };
    return std::visit(run, open_network(network, options));
}

Reconstruction reconstruct_pixels(const NetworkFiles& network, const RunOptions& options,
                                  const std::string& where,
                                  std::span<const std::uint8_t> pixels, Size size) {
    const auto image = image_from_rgb(pixels, size.width, size.height);
    const auto run = [&](auto files) {
        return there_and_back(network, std::move(files), where, image, options);
    };
    auto result = std::visit(run, open_network(network, options));
    result.psnr_db = psnr_db(pixels, result.pixels);
    return result;
}

} // namespace latent::command
