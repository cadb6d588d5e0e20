// latent decode IN -m MODEL -o OUT: latents to an image, or a tensor of images.

#include "files.hpp"
#include "latents.hpp"
#include "network.hpp"
#include "pictures.hpp"

#include <latent/io/image.hpp>
#include <latent/pipelines/image.hpp>

#include <CLI/CLI.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

namespace latent::command {

namespace {

/// Latents from a file of tensors, or from the .png that `latent encode` writes.
TensorFile read_latents(const NetworkFiles& network, const std::filesystem::path& path,
                        const std::string& key) {
    const MappedFile file(path);
    const auto bytes = file.bytes();
    const auto where = display(path);
    if (!latent::detail::is_png(bytes))
        return read_tensor(path, key, "latents", 3 * max_pixels);
    const auto info = image_info(where, bytes);
    if (info.channels != 4 || info.bits != 8) {
        fail(where,
             std::to_string(info.channels) + " channels of " + std::to_string(info.bits) +
                 " bits",
             "4 of 8 bits: red, green, blue and alpha", "latent encode writes such latents");
    }
    const auto image = decode_image(where, bytes, 4);
    return {where,
            latents_of_picture(network, where, image.pixels, {image.width, image.height}),
            {}};
}

} // namespace

void Decode::add_to(CLI::App& app) {
    auto* const command = app.add_subcommand("decode", "Latents to images");
    command
        ->add_option("IN", in,
                     "A safetensors or .npy file with latents [N, C, h, w], or a .png of them")
        ->required();
    command
        ->add_option(
            "-o,--out", out,
            "A .png (several images: NAME-0.png, NAME-1.png, ...), or a .safetensors or .npy "
            "file with the images in about [-1, 1], under the key sample")
        ->required();
    command->add_option("--key", key, "The tensor in IN (default: latents, or its only one)");
    command->add_flag("--scaled", scaled,
                      "IN has latents as the UNet sees them (known without this where "
                      "`latent encode` wrote them)");
    add_network_options(*command, network);
    add_device_option(*command, options);
    add_run_options(*command, options);
    add_tiling_options(*command, options);
    add_stream_option(*command, options);
    command->footer("Example:\n  latent decode latents.safetensors --decoder taef2_decoder.pth "
                    "-o photo.png");
    command->callback([this, command] {
        require_network(network, false, true);
        require_device(*command, options);
        run();
    });
}

void Decode::run() const {
    require_output(out, {".png", ".safetensors", ".npy"});
    const NetworkFiles side{network.model, "", network.decoder};
    auto file = read_latents(side, in, key);
    const auto size = size_of(file);
    const auto images =
        decode_latents(side, options, {.scaled = scaled}, std::move(file), size);
    stop_if_interrupted();
    if (extension(out) == ".png") {
        write_pictures(out, images.dim(0), options.quiet, [&](std::int64_t n) {
            return Image{images.dim(3), images.dim(2), 3, rgb_from_image(images, n)};
        });
    } else {
        write_tensor(out, "sample", images);
    }
}

} // namespace latent::command
