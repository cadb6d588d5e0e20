// latent preview LATENTS -o OUT.png --method linear|approx|tiny|channels: what latents look
// like, soon.

#include "files.hpp"
#include "gpu.hpp"
#include "latents.hpp"
#include "network.hpp"
#include "pictures.hpp"
#include "progress.hpp"

#include <latent/io/load_autoencoder_tiny.hpp>
#include <latent/io/load_vae_approx.hpp>
#include <latent/io/model_kind.hpp>
#include <latent/io/system.hpp>
#include <latent/pipelines/preview.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace latent::command {

namespace {

/// Refuses latents that the network does not know, and pictures too large to try.
void require_latents(const std::string& where, const Tensor<Cpu<float>>& z,
                     std::int64_t channels, const std::string& path, double factor) {
    require_channels(where, z, channels, "latent", path);
    require_pixels(where, z, factor);
}

/// The work of a run, for its progress bar; empty where nobody would look.
template <template <class> class Network, class... Config>
Schedule preview_schedule(const Shape& shape, bool quiet, const Config&... config) {
    Schedule schedule;
    if (quiet || !is_terminal(stderr)) return schedule;
    Workspace run({.threads = 1});
    Recorder recorder;
    const Network<Meta> network(Weights(recorder), config...);
    (void)network.forward(Tensor<Meta>(shape), ScheduleTrace{&schedule});
    return schedule;
}

/// Of images that are there already.
std::vector<PreviewImage> previews_of(const Tensor<Device>& images) {
    std::vector<PreviewImage> previews;
    for (std::int64_t n = 0; n < images.dim(0); ++n)
        previews.push_back(truncated_rgb_from_image(images, n));
    return previews;
}

/// The channels of each image in shades of grey, from -3 to 3, side by side.
std::vector<PreviewImage> channels_of(const Tensor<Device>& z) {
    const auto [N, C, H, W] = nchw(z, "preview");
    std::vector<PreviewImage> images;
    for (std::int64_t n = 0; n < N; ++n) {
        PreviewImage image{C * W, H, {}};
        image.pixels.reserve(static_cast<std::size_t>(3 * H * C * W));
        for (std::int64_t i = 0; i < H * C * W; ++i) {
            const auto row = i / (C * W), channel = i % (C * W) / W, column = i % W;
            const auto value = z.data()[((n * C + channel) * H + row) * W + column];
            const auto grey = std::lround(255 * std::clamp((value + 3) / 6, 0.0F, 1.0F));
            image.pixels.insert(image.pixels.end(), 3, static_cast<std::uint8_t>(grey));
        }
        images.push_back(std::move(image));
    }
    return images;
}

} // namespace

void Preview::add_to(CLI::App& app) {
    auto* const command = app.add_subcommand("preview", "Latents to small pictures, fast");
    command
        ->add_option("LATENTS", in,
                     "A safetensors or .npy file with latents [N, C, h, w], scaled as the "
                     "UNet sees them; where its metadata say raw, they are scaled first")
        ->required();
    command->add_option("-o,--out", out, "A .png (several images: NAME-0.png, NAME-1.png, ...)")
        ->required();
    command
        ->add_option(
            "--method", method,
            "linear: a table, h x w pixels. approx: a VAEApprox, 2h x 2w. tiny: a tiny "
            "autoencoder, 8h x 8w. channels: the latents themselves, side by side, from -3, "
            "black, to 3")
        ->check(CLI::IsMember({"linear", "approx", "tiny", "channels"}))
        ->capture_default_str();
    command->add_option("--key", key,
                        "The tensor in LATENTS (default: latents, or its only one)");
    auto* const model = add_model_option(
        *command, network.model,
        "For approx the VAEApprox's file, for tiny a tiny autoencoder's file or folder, for "
        "linear a folder whose config.json has latent_rgb_factors (default: the table of "
        "Stable Diffusion); or approx or tiny, which Latent brings");
    command->add_option("--decoder", network.decoder, "For tiny the decoder's file, alone")
        ->excludes(model);
    command->add_flag(
        "--sdxl", is_sdxl,
        "For linear the table of SDXL (the other methods' files are made for one)");
    add_device_option(*command, options);
    add_run_options(*command, options);
    command->footer("Example:\n  latent preview latents.safetensors --method approx "
                    "-m vae_approx_sd.pt -o preview.png");
    command->callback([this] {
        const auto given = "--method " + method;
        if (method != "linear" && is_sdxl) throw CLI::ExcludesError(given, "--sdxl");
        if (is_sdxl && !network.model.empty()) throw CLI::ExcludesError("--sdxl", "--model");
        if (method == "channels" && !network.model.empty())
            throw CLI::ExcludesError(given, "--model");
        if (method != "tiny" && !network.decoder.empty()) {
            throw CLI::ExcludesError(given, "--decoder");
        }
        if ((method == "linear" || method == "channels") && on_gpu(options)) {
            throw CLI::ExcludesError(given, "--device " + options.device);
        }
        if (method == "approx" && network.model.empty()) {
            throw CLI::RequiresError(given, "--model");
        }
        if (method == "tiny" && network.empty()) {
            throw CLI::RequiresError(given, "--model or --decoder");
        }
        run();
    });
}

void Preview::run() const {
    require_output(out, {".png"});
    auto file = read_tensor(in, key, "latents", 3 * max_pixels);
    const auto where = file.where;
    // Its remark comes when nothing is left to be refused.
    const auto latents = [&] { return latents_for_unet(std::move(file), options.quiet); };
    const auto images = [&]() -> std::vector<PreviewImage> {
        const Workspace run({.threads = options.threads});
        if (method == "linear") {
            require_latents(where, file.tensor, 4, "--method linear", 1);
            auto colours = is_sdxl ? latent_colours_sdxl : latent_colours_sd;
            if (!network.model.empty()) colours = load_latent_colours(network.model);
            return preview(latents(), LinearPreview{colours});
        }
        if (method == "channels") {
            require_pixels(where, file.tensor,
                           std::sqrt(static_cast<double>(file.tensor.dim(1))));
            return channels_of(latents());
        }
        if (method == "approx") {
            require_latents(where, file.tensor, 4, "--method approx", 2);
            if (on_gpu(options)) {
                const auto z = latents();
                return previews_of(approximate_on_gpu(network.model, z, options));
            }
            const auto approx = load_vae_approx(network.model);
            const auto z = latents();
            const Progress progress("preview",
                                    preview_schedule<VAEApprox>(z.shape(), options.quiet));
            return preview(z, approx, progress);
        }
        const auto& path = network.model.empty() ? network.decoder : network.model;
        if (const auto kind = model_kind(path); kind != ModelKind::autoencoder_tiny) {
            fail(path, std::string(to_string(kind)), "an AutoencoderTiny for --method tiny");
        }
        auto files = open_autoencoder_tiny(path);
        const auto config = files.config;
        if (config.out_channels != 3) {
            fail(files.path, std::to_string(config.out_channels) + " image channels",
                 "the 3 of red, green and blue");
        }
        // In doubles, because the factor of a forged config has no bounds.
        const auto stages = static_cast<double>(config.decoder_block_out_channels.size());
        const auto step = static_cast<double>(config.upsampling_scaling_factor);
        require_latents(where, file.tensor, config.latent_channels, files.path,
                        std::pow(step, stages - 1));
        if (on_gpu(options)) {
            const auto z = latents();
            return previews_of(decode_on_gpu(std::move(files), z, options));
        }
        const auto decoder = load_decoder_tiny(std::move(files));
        const auto z = latents();
        const Progress progress(
            "preview", preview_schedule<DecoderTiny>(z.shape(), options.quiet, config));
        return preview(z, decoder, progress);
    }();
    const auto count = static_cast<std::int64_t>(images.size());
    write_pictures(out, count, options.quiet, [&](std::int64_t n) {
        const auto& image = images[static_cast<std::size_t>(n)];
        return Image{image.width, image.height, 3, image.pixels};
    });
}

} // namespace latent::command
