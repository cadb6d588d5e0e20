// latent encode IN -m MODEL -o OUT: an image, or a tensor of images, to latents.

#include "files.hpp"
#include "network.hpp"
#include "pictures.hpp"

#include <latent/io/image.hpp>
#include <latent/pipelines/image.hpp>

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <system_error>

namespace latent::command {

namespace {

TensorFile read_images(const std::filesystem::path& path, const std::string& key) {
    const MappedFile file(path);
    const auto bytes = file.bytes();
    if (!is_picture(path, bytes)) return read_tensor(path, key, "", 3 * max_pixels);
    const auto pixels = decode_image(display(path), bytes);
    return {display(path), image_from_rgb(pixels.pixels, pixels.width, pixels.height), {}};
}

/// A seed as torch takes it: 0 to 2^64 - 1, or below zero down to -2^63, counted from 2^64.
std::uint64_t seed_of(const std::string& text) {
    const auto* const end = text.data() + text.size();
    std::uint64_t seed = 0;
    std::int64_t negative = 0;
    if (text.empty()) return 0;
    if (text.front() == '-') {
        const auto read = std::from_chars(text.data(), end, negative);
        if (read.ec == std::errc() && read.ptr == end)
            return static_cast<std::uint64_t>(negative);
    } else {
        const auto read = std::from_chars(text.data(), end, seed);
        if (read.ec == std::errc() && read.ptr == end) return seed;
    }
    throw CLI::ValidationError("--seed", in_quotes(text) + " is no whole number of 64 bits");
}

} // namespace

void Encode::add_to(CLI::App& app) {
    auto* const command = app.add_subcommand("encode", "Images to latents");
    command
        ->add_option("IN", in,
                     "A PNG or JPEG, or a safetensors or .npy file with images [N, 3, H, W] "
                     "in [-1, 1]")
        ->required();
    command
        ->add_option("-o,--out", out,
                     "The latents: a .safetensors file, under the key latents, and of an "
                     "AutoencoderKL its moments under parameters; a .npy; or of a tiny "
                     "autoencoder, in 8 bits, a .png of one image's")
        ->required();
    command->add_option("--key", key, "The tensor in IN (default: its only one)");
    auto* const sampling = command->add_flag(
        "--sample", sample, "Of an AutoencoderKL a sample of the posterior, not its mode");
    command
        ->add_option("--seed", seed,
                     "Of the sample (default: 0): torch.Generator().manual_seed(SEED) draws "
                     "the same")
        ->needs(sampling);
    command->add_flag("--scaled", scaled,
                      "Latents as the UNet sees them, (z - shift_factor) scaling_factor; raw "
                      "without this");
    add_network_options(*command, network);
    add_device_option(*command, options);
    add_run_options(*command, options);
    add_tiling_options(*command, options);
    command->footer("Example:\n  latent encode photo.png -m taesd -o latents.safetensors");
    command->callback([this, command] {
        require_network(network, true, false);
        require_device(*command, options);
        (void)seed_of(seed); // a usage error where it is none
        run();
    });
}

void Encode::run() const {
    require_output(out, {".safetensors", ".npy", ".png"});
    const bool picture = extension(out) == ".png";
    const auto images = read_images(in, key);
    // A decoder's file beside the encoder's is not needed here.
    auto encoded = encode_images(
        {network.model, network.encoder, ""}, options,
        {.sample = sample, .seed = seed_of(seed), .scaled = scaled, .picture = picture},
        images.where, images.tensor);
    auto& metadata = encoded.metadata;
    if (encoded.padded) {
        metadata["width"] = std::to_string(images.tensor.dim(3));
        metadata["height"] = std::to_string(images.tensor.dim(2));
    }
    stop_if_interrupted();
    if (picture) {
        const auto width = encoded.latents.dim(3);
        const auto pixels = static_cast<std::int64_t>(encoded.picture.size()) / 4;
        write_png(out, {width, pixels / width, 4, encoded.picture});
    } else if (extension(out) == ".npy" || !encoded.parameters) {
        write_tensor(out, "latents", encoded.latents, metadata);
    } else {
        save_safetensors(
            out, {{"latents", encoded.latents}, {"parameters", *encoded.parameters}}, metadata);
    }
    if (encoded.padded && extension(out) != ".safetensors" && !options.quiet) {
        std::cerr << "remark: the image was padded, and a " << extension(out)
                  << " does not keep its size\n";
    }
}

} // namespace latent::command
