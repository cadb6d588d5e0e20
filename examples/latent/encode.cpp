// latent encode IN -m MODEL -o OUT: an image, or a tensor of images, to latents.

#include "files.hpp"
#include "network.hpp"

#include <latent/io/image.hpp>
#include <latent/pipelines/image.hpp>

#include <CLI/CLI.hpp>

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>

namespace latent::command {

namespace {

TensorFile read_images(const std::filesystem::path& path, const std::string& key) {
    const MappedFile file(path);
    const auto bytes = file.bytes();
    const auto end = extension(path);
    const bool image = latent::detail::is_png(bytes) || latent::detail::is_jpeg(bytes) ||
                       end == ".png" || end == ".jpg" || end == ".jpeg";
    if (!image) return read_tensor(path, key, "", 3 * max_pixels);
    const auto pixels = decode_image(display(path), bytes);
    return {display(path), image_from_rgb(pixels.pixels, pixels.width, pixels.height), {}};
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
                     "Of the sample: torch.Generator().manual_seed(SEED) draws the same")
        ->needs(sampling)
        ->capture_default_str();
    command->add_flag("--scaled", scaled,
                      "Latents as the U-Net sees them, (z - shift_factor) scaling_factor; raw "
                      "without this");
    add_network_options(*command, network);
    add_run_options(*command, options);
    add_tiling_options(*command, options);
    command->footer("Example:\n  latent encode photo.png -m taesd -o latents.safetensors");
    command->callback([this] {
        require_network(network, true, false);
        run();
    });
}

void Encode::run() const {
    require_output(out, {".safetensors", ".npy", ".png"});
    const bool picture = extension(out) == ".png";
    const auto images = read_images(in, key);
    // A decoder's file beside the encoder's is not needed here.
    auto encoded =
        encode_images({network.model, network.encoder, ""}, options,
                      {.sample = sample, .seed = seed, .scaled = scaled, .picture = picture},
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
