#pragma once

#include "files.hpp"
#include "network.hpp"
#include "progress.hpp"

#include <latent/io/load_autoencoder_kl.hpp>
#include <latent/io/load_autoencoder_tiny.hpp>
#include <latent/io/model_kind.hpp>
#include <latent/io/system.hpp>
#include <latent/models/tiling.hpp>
#include <latent/ops/check_finite.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>
#include <utility>
#include <variant>

/// The classes of autoencoder behind one set of functions, and one side of one on its way
/// through an image.

namespace latent::command {

using Device = Cpu<float>;

/// The files of a network of either class, open.
using OpenFiles = std::variant<AutoencoderTinyFiles, AutoencoderKLFiles>;

[[nodiscard]] inline OpenFiles open_network(const NetworkFiles& network,
                                            const RunOptions& options) {
    OpenFiles files;
    if (!network.encoder.empty() && !network.decoder.empty()) {
        if (model_kind(network.encoder) == ModelKind::autoencoder_kl) {
            fail(display(network.encoder), "half of an AutoencoderKL",
                 "a tiny autoencoder's encoder and decoder",
                 "both halves of an AutoencoderKL are one file or folder, for --model");
        }
        files = open_autoencoder_tiny(network.encoder, network.decoder);
    } else {
        const auto& path = !network.model.empty()     ? network.model
                           : !network.encoder.empty() ? network.encoder
                                                      : network.decoder;
        switch (model_kind(path)) {
        case ModelKind::autoencoder_kl:
            files = open_autoencoder_kl(path);
            break;
        case ModelKind::autoencoder_tiny:
            files = open_autoencoder_tiny(path);
            break;
        case ModelKind::vae_approx:
            fail(display(path), "a VAEApprox", "an autoencoder",
                 "it makes previews: latent preview --method approx");
        }
    }
    std::visit(
        [&](auto& open) {
            open.check_finite = options.check_finite;
            open.weights = options.weights;
        },
        files);
    if (const auto* const tiny = std::get_if<AutoencoderTinyFiles>(&files);
        tiny != nullptr && options.stream) {
        fail(tiny->path, "--stream for a tiny autoencoder", "an AutoencoderKL",
             "--tiling exact gives a tiny one's image in less memory");
    }
    if (const auto* const kl = std::get_if<AutoencoderKLFiles>(&files);
        kl != nullptr && options.tiling == "exact") {
        fail(kl->path, "--tiling exact for an AutoencoderKL",
             "--tile-blend smooth, or diffusers",
             "its group norms and attention look at the whole image, so no tile is exact");
    }
    return files;
}

template <class AnyDevice = Device>
[[nodiscard]] EncoderTiny<AnyDevice> load_encoder(AutoencoderTinyFiles files) {
    return load_encoder_tiny<AnyDevice>(std::move(files));
}
template <class AnyDevice = Device>
[[nodiscard]] EncoderKL<AnyDevice> load_encoder(AutoencoderKLFiles files) {
    return load_encoder_kl<AnyDevice>(std::move(files));
}
template <class AnyDevice = Device>
[[nodiscard]] DecoderTiny<AnyDevice> load_decoder(AutoencoderTinyFiles files) {
    return load_decoder_tiny<AnyDevice>(std::move(files));
}
template <class AnyDevice = Device>
[[nodiscard]] DecoderKL<AnyDevice> load_decoder(AutoencoderKLFiles files) {
    return load_decoder_kl<AnyDevice>(std::move(files));
}

/// Whether a side makes latents of pixels, or pixels of latents.
template <template <class> class Side>
inline constexpr bool encodes = false;
template <>
inline constexpr bool encodes<EncoderTiny> = true;
template <>
inline constexpr bool encodes<EncoderKL> = true;

/// The tiles that diffusers has for a class.
[[nodiscard]] inline Tiling own_tiling(const AutoencoderTinyConfig&) { return Tiling::blended; }
[[nodiscard]] inline Tiling own_tiling(const AutoencoderKLConfig&) { return Tiling::ramped; }
[[nodiscard]] inline double own_overlap(const AutoencoderTinyConfig&) { return 0.125; }
[[nodiscard]] inline double own_overlap(const AutoencoderKLConfig&) { return 0.25; }
[[nodiscard]] inline std::int64_t own_tile(const AutoencoderTinyConfig&) { return 512; }
[[nodiscard]] inline std::int64_t own_tile(const AutoencoderKLConfig& config) {
    const auto factor = config.factor(); // as diffusers cuts it to whole latents
    return std::max(config.sample_size / factor, std::int64_t{1}) * factor;
}

/// How a side goes through images, as the options say. Throws Error for a tile that is no whole
/// number of latents.
template <template <class> class Side, class Config>
[[nodiscard]] Parts parts_of(const Config& config, const RunOptions& options) {
    Parts parts{.slicing = options.slicing, .tiling = {}, .tiles = {}};
    if (options.tile_blend == "smooth") {
        parts.tiling = Tiling::smooth;
    } else if (options.tiling == "exact") {
        parts.tiling = Tiling::exact;
    } else if (options.tiling == "diffusers" || options.tile_blend == "diffusers") {
        parts.tiling = own_tiling(config);
    }
    if (!parts.tiling) return parts;
    const auto factor = encodes<Side> ? config.encoder_factor() : config.decoder_factor();
    const auto pixels = options.tile_size.value_or(own_tile(config));
    if (pixels < 1 || pixels % factor != 0) {
        fail("--tile-size", std::to_string(pixels) + " pixels",
             "a positive multiple of " + std::to_string(factor) +
                 ", this network's pixels for a latent");
    }
    const auto latents = pixels / factor;
    auto& tiles = parts.tiles;
    tiles.where = "--tile-size";
    tiles.tile = encodes<Side> ? pixels : latents;
    tiles.output_tile = encodes<Side> ? latents : pixels;
    (encodes<Side> ? tiles.down : tiles.up) = factor;
    tiles.overlap_factor = parts.tiling == Tiling::smooth ? 0.25 : own_overlap(config);
    return parts;
}

/// A side's output for x; that of a decoder in strips, if the options say so.
template <template <class> class Side, class AnyDevice, class Trace>
[[nodiscard]] Tensor<AnyDevice> side_of(const Side<AnyDevice>& side, const Tensor<AnyDevice>& x,
                                        const RunOptions& options, const Trace& trace) {
    if constexpr (requires { side.streamed(x, trace); }) {
        if (options.stream) return side.streamed(x, trace);
    }
    return side.forward(x, trace);
}

/// A side's output for x, in slices and tiles as the options say.
template <template <class> class Side, class AnyDevice, class Config, class Trace>
[[nodiscard]] Tensor<AnyDevice> side_in_parts(const Side<AnyDevice>& side, const Config& config,
                                              const Tensor<AnyDevice>& x,
                                              const RunOptions& options, const Trace& trace) {
    return in_parts(
        x, parts_of<Side>(config, options),
        [&](const auto& part) { return side_of(side, part, options, trace); },
        [&] { return side.receptive_field(); });
}

/// How the work of a run is spread, known from a run without data; empty where nobody would
/// look.
template <template <class> class Side, class Config>
[[nodiscard]] Schedule plan(const Config& config, const Shape& shape,
                            const RunOptions& options) {
    Schedule schedule;
    if (options.quiet || options.check_finite || !is_terminal(stderr)) return schedule;
    Workspace run({.threads = 1});
    Recorder recorder;
    const Side<Meta> side(Weights(recorder), config);
    const Tensor<Meta> x(shape);
    (void)side_in_parts(side, config, x, options, ScheduleTrace{&schedule});
    return schedule;
}

/// run(look), whose trace `look` is to see every layer: throws Error, with the network's file,
/// at the first one that is not finite, and tells on stderr where half precision would have
/// overflowed.
template <class Run>
[[nodiscard]] Tensor<Device> run_checked(const std::string& path, const RunOptions& options,
                                         const Run& run) {
    const FiniteCheck check;
    const auto look = [&](std::string_view layer, const Tensor<Device>& output) {
        stop_if_interrupted();
        check(layer, output);
    };
    auto y = latent::detail::naming_file(path, [&] { return run(look); });
    if (const auto& overflow = check.half_overflow()) {
        std::cerr << path << ": remark: " << overflow->path << " reaches "
                  << latent::detail::short_number(overflow->largest)
                  << ", and half precision ends at 65504: this network overflows in float16 "
                     "(SDXL's is known for it), but not in float32 or bfloat16\n";
    } else if (!options.quiet) {
        std::cerr << path << ": remark: every layer is finite, and within half precision\n";
    }
    return y;
}

/// Throws Error, with the network's file, for a result that is not finite.
inline void require_finite(const std::string& path, const Tensor<Device>& y) {
    const auto found = extremes(y);
    if (!found.first) return;
    fail(path,
         std::to_string(found.not_finite) + " of " + std::to_string(y.numel()) +
             " results that are NaN or infinite",
         "finite numbers", "--check-finite names the weight or the layer");
}

/// A side's output for x, with its progress shown; `seconds` receives what the run took.
template <template <class> class Side, class Config>
[[nodiscard]] Tensor<Device> run_side(const Side<Device>& side, const Config& config,
                                      const std::string& path, const std::string& title,
                                      const Tensor<Device>& x, const RunOptions& options,
                                      double* seconds = nullptr) {
    const Progress progress(title, plan<Side>(config, x.shape(), options));
    const auto start = std::chrono::steady_clock::now();
    Workspace run({.threads = options.threads});
    const auto forward = [&](const auto& trace) {
        return side_in_parts(side, config, x, options, trace);
    };
    auto y = options.check_finite ? run_checked(path, options, forward) : forward(progress);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (seconds != nullptr) *seconds = elapsed.count();
    require_finite(path, y);
    return y;
}

} // namespace latent::command
