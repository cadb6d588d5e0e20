// Running a network from its files: opening, checking what goes in, running, timing.

#include "network.hpp"

#include "progress.hpp"

#include <latent/io/load.hpp>
#include <latent/io/system.hpp>
#include <latent/models/tiling.hpp>
#include <latent/pipelines/image.hpp>
#include <latent/pipelines/latent_image.hpp>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>
#include <utility>

namespace latent::command {

namespace {

using Device = Cpu<float>;

AutoencoderTinyFiles open_network(const NetworkFiles& network) {
    if (!network.model.empty()) return open_autoencoder_tiny(network.model);
    if (network.encoder.empty()) return open_autoencoder_tiny(network.decoder);
    if (network.decoder.empty()) return open_autoencoder_tiny(network.encoder);
    return open_autoencoder_tiny(network.encoder, network.decoder);
}

void require_channels(const std::string& where, const Tensor<Device>& x, std::int64_t expected,
                      const std::string& what, const std::string& path) {
    if (x.dim(1) == expected) return;
    fail(where, std::to_string(x.dim(1)) + " channels in " + to_string(x.shape()),
         std::to_string(expected) + " " + what + " channels of " + path);
}

/// In doubles, because the factor of a forged config has no bounds.
void require_pixels(const std::string& where, const Tensor<Device>& x, double scale,
                    int factors) {
    double pixels = static_cast<double>(x.dim(0)) * static_cast<double>(x.dim(2) * x.dim(3));
    for (int i = 0; i < factors; ++i) pixels *= scale * scale;
    if (pixels <= static_cast<double>(max_pixels)) return;
    fail(where, to_string(x.shape()) + ", which makes too many pixels",
         "at most " + std::to_string(max_pixels));
}

/// Whether a side makes latents of pixels, or pixels of latents.
template <class AnyDevice>
constexpr bool encodes(const EncoderTiny<AnyDevice>&) {
    return true;
}
template <class AnyDevice>
constexpr bool encodes(const DecoderTiny<AnyDevice>&) {
    return false;
}

/// A side's output for x, in slices and tiles as the options say.
template <template <class> class Side, class AnyDevice, class Trace>
Tensor<AnyDevice> in_parts(const Side<AnyDevice>& side, const AutoencoderTinyConfig& config,
                           const Tensor<AnyDevice>& x, const RunOptions& options,
                           const Trace& trace) {
    using Input = Tensor<AnyDevice>;
    const auto factor = encodes(side) ? config.encoder_factor() : config.decoder_factor();
    const auto whole = [&](const Input& part) { return side.forward(part, trace); };
    const auto tiled = [&](const Input& part) {
        if (options.tiling.empty()) return whole(part);
        const auto latents = latents_of_tile("--tile-size", options.tile_size, factor);
        if (options.tiling == "exact") {
            const auto tile = encodes(side) ? latents : latents * factor;
            return exact_tiles(part, side.receptive_field(), tile, whole);
        }
        BlendedTiling tiles{.where = "--tiling diffusers"};
        tiles.tile = encodes(side) ? options.tile_size : latents;
        (encodes(side) ? tiles.down : tiles.up) = factor;
        return blended_tiles(part, tiles, whole);
    };
    return options.slicing ? sliced(x, tiled) : tiled(x);
}

/// How the work of a run is spread, known from a run without data; empty where nobody would
/// look.
template <template <class> class Side>
Schedule plan(const AutoencoderTinyConfig& config, const std::string& path, const Shape& shape,
              const RunOptions& options) {
    Schedule schedule;
    if (options.quiet || !is_terminal(stderr)) return schedule;
    Workspace run({.threads = 1});
    Recorder recorder;
    const Side<Meta> side(Weights(recorder, path), config);
    const Tensor<Meta> x(shape);
    (void)in_parts<Side>(side, config, x, options, ScheduleTrace{&schedule});
    return schedule;
}

template <template <class> class Side>
Tensor<Device> run_side(const Side<Device>& side, const AutoencoderTinyConfig& config,
                        const std::string& title, const Tensor<Device>& x,
                        const RunOptions& options, double* seconds = nullptr) {
    const Progress progress(title, plan<Side>(config, side.path, x.shape(), options));
    const auto start = std::chrono::steady_clock::now();
    Workspace run({.threads = options.threads});
    auto y = in_parts<Side>(side, config, x, options, progress);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (seconds != nullptr) *seconds = elapsed.count();
    return y;
}

AutoencoderTiny<Device> load_both(const NetworkFiles& network, std::string& path) {
    if (network.empty()) {
        path = "TAESD of seed 0";
        TorchInit weights(0);
        return AutoencoderTiny<Device>(Weights(weights));
    }
    auto files = open_network(network);
    path = files.path;
    return load_autoencoder_tiny(std::move(files));
}

} // namespace

Encoded encode_images(const NetworkFiles& network, const RunOptions& options,
                      const std::string& where, const Tensor<Device>& images, bool picture) {
    auto files = open_network(network);
    const auto config = files.config;
    require_channels(where, images, config.in_channels, "image", files.path);
    require_pixels(where, images, 1, 0);
    if (picture) {
        if (images.dim(0) != 1) fail(where, to_string(images.shape()), "one image for a .png");
        (void)latent_images(files.path, config.latent_channels);
    }
    const auto encoder = load_encoder_tiny(std::move(files));
    const auto padded = pad_to_multiple(images, config.encoder_factor());
    Encoded encoded;
    encoded.latents = run_side(encoder, config, "encode", padded, options);
    encoded.padded = padded.shape() != images.shape();
    if (picture) encoded.picture = rgba_from_latents(encoded.latents, config);
    return encoded;
}

Tensor<Device> latents_of_picture(const NetworkFiles& network, const std::string& where,
                                  std::span<const std::uint8_t> pixels, Size size) {
    const auto config = open_network(network).config;
    (void)latents_shape(where, config.latent_channels, size.width, size.height);
    return latents_from_rgba(pixels, size.width, size.height, config);
}

Tensor<Device> decode_latents(const NetworkFiles& network, const RunOptions& options,
                              const std::string& where, const Tensor<Device>& latents,
                              Size size) {
    auto files = open_network(network);
    const auto config = files.config;
    require_channels(where, latents, config.latent_channels, "latent", files.path);
    require_pixels(where, latents, static_cast<double>(config.upsampling_scaling_factor),
                   static_cast<int>(config.decoder_block_out_channels.size()) - 1);
    const auto factor = config.decoder_factor();
    const Size whole{latents.dim(3) * factor, latents.dim(2) * factor};
    if (size.width > whole.width || size.height > whole.height) {
        fail(where,
             std::to_string(size.width) + " x " + std::to_string(size.height) +
                 " pixels in the file's metadata",
             "at most the " + std::to_string(whole.width) + " x " +
                 std::to_string(whole.height) + " that these latents give");
    }
    const auto decoder = load_decoder_tiny(std::move(files));
    auto images = run_side(decoder, config, "decode", latents, options);
    return size == Size{} || size == whole ? std::move(images)
                                           : crop(images, size.height, size.width);
}

Reconstruction reconstruct_pixels(const NetworkFiles& network, const RunOptions& options,
                                  const std::string& where,
                                  std::span<const std::uint8_t> pixels, Size size) {
    std::string path;
    const auto vae = load_both(network, path);
    const auto& config = vae.config;
    const auto image = image_from_rgb(pixels, size.width, size.height);
    require_channels(where, image, config.in_channels, "image", path);
    if (config.out_channels != 3 || config.encoder_factor() != config.decoder_factor()) {
        fail(path, "a network whose output is not an image of its input's size",
             "one that can reconstruct");
    }
    const auto padded = pad_to_multiple(image, config.encoder_factor());
    Reconstruction result;
    const auto latents =
        run_side(vae.encoder, config, "encode", padded, options, &result.encode_seconds);
    const auto decoded =
        run_side(vae.decoder, config, "decode", latents, options, &result.decode_seconds);
    result.pixels = rgb_from_image(crop(decoded, size.height, size.width));
    result.psnr_db = psnr_db(pixels, result.pixels);
    return result;
}

void print_figures(const Reconstruction& reconstruction) {
    char text[160];
    std::snprintf(text, sizeof text,
                  "psnr_db %.4f\nencode_s %.4f\ndecode_s %.4f\npeak_mib %.1f\n",
                  reconstruction.psnr_db, reconstruction.encode_seconds,
                  reconstruction.decode_seconds, peak_memory_mib());
    std::cout << text;
}

} // namespace latent::command
