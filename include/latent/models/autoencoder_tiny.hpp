#pragma once

#include "latent/models/decoder_tiny.hpp"
#include "latent/models/encoder_tiny.hpp"
#include "latent/models/latent_codec.hpp"
#include "latent/models/tiling.hpp"
#include "latent/tensor/workspace.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace latent {

/// The tiny autoencoder: images to latents and back with about 2.4 million parameters, a
/// preview of what the full AutoencoderKL would give for an eighteenth of its multiply-adds.
/// It covers TAESD and TAESDXL (4 latent channels), TAESD3 and TAEF1 (16), TAEF2 (32) and
/// TAESANA (32, factor 32); see AutoencoderTinyConfig. Latents are as the UNet sees them:
/// scaling factor 1.
/// Source: the taesd project; parity: diffusers AutoencoderTiny.
///
///     const AutoencoderTiny<Cpu<float>> vae(weights, config);
///     auto latents = vae.encode(image);     // [N, 3, H, W] in [-1, 1] -> [N, 4, H / 8, W / 8]
///     auto decoded = vae.decode(latents);   // -> [N, 3, H, W], not clamped
///
/// Large images need less memory in parts (models/tiling.hpp):
///
///     vae.use_tiling = true;
///     vae.tiling = Tiling::exact;           // the same bits; not for TAEF2
template <class Device>
struct AutoencoderTiny {
    AutoencoderTinyConfig config;
    EncoderTiny<Device> encoder;
    DecoderTiny<Device> decoder;

    bool use_slicing = false; ///< the images of a batch one after the other
    bool use_tiling = false;  ///< an image tile by tile, as `tiling` says; whatever its size
    Tiling tiling = Tiling::blended;
    /// Pixels for a latent, as diffusers counts them for its tiles: 2**out_channels is 8 for
    /// RGB images, which happens to be TAESD's factor. Set it where a network has another one.
    std::int64_t spatial_scale_factor;
    double tile_overlap_factor = 0.125;      ///< of a blended tile's side
    std::int64_t tile_sample_min_size = 512; ///< pixels; of an exact tile, those it stands for
    std::int64_t tile_latent_min_size;       ///< latents of a tile to decode: 64

    explicit AutoencoderTiny(const Weights& w, const AutoencoderTinyConfig& chosen = {})
        : config(chosen),
          encoder(w["encoder"], chosen),
          decoder(w["decoder"], chosen),
          spatial_scale_factor(std::int64_t{1}
                               << std::min<std::int64_t>(chosen.out_channels, 62)),
          tile_latent_min_size(tile_sample_min_size / spatial_scale_factor) {}

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> encode(const Tensor<Device>& x,
                                        const Trace& trace = {}) const {
        const RunScope run;
        const auto whole = [&](const Tensor<Device>& part) {
            if (!use_tiling) return encoder.forward(part, trace);
            return tiling == Tiling::exact ? exact_tiled_encode(part, trace)
                                           : tiled_encode(part, trace);
        };
        return use_slicing ? sliced(x, whole) : whole(x);
    }

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> decode(const Tensor<Device>& z,
                                        const Trace& trace = {}) const {
        const RunScope run;
        const auto whole = [&](const Tensor<Device>& part) {
            if (!use_tiling) return decoder.forward(part, trace);
            return tiling == Tiling::exact ? exact_tiled_decode(part, trace)
                                           : tiled_decode(part, trace);
        };
        return use_slicing ? sliced(z, whole) : whole(z);
    }

    /// In blended tiles of tile_sample_min_size pixels. Throws Error unless both sides of the
    /// image are multiples of the factor. Parity: _tiled_encode.
    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> tiled_encode(const Tensor<Device>& x,
                                              const Trace& trace = {}) const {
        const auto factor = scale_factor("tiled_encode", config.encoder_factor());
        return blended_tiles(x,
                             {.where = "tiled_encode",
                              .tile = tile_sample_min_size,
                              .overlap_factor = tile_overlap_factor,
                              .down = factor},
                             [&](const auto& part) { return encoder.forward(part, trace); });
    }
    /// In blended tiles of tile_latent_min_size latents. Parity: _tiled_decode.
    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> tiled_decode(const Tensor<Device>& z,
                                              const Trace& trace = {}) const {
        const auto factor = scale_factor("tiled_decode", config.decoder_factor());
        return blended_tiles(z,
                             {.where = "tiled_decode",
                              .tile = tile_latent_min_size,
                              .overlap_factor = tile_overlap_factor,
                              .up = factor},
                             [&](const auto& part) { return decoder.forward(part, trace); });
    }

    /// In exact tiles: the bits of encoder.forward(x), with the memory of a tile.
    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> exact_tiled_encode(const Tensor<Device>& x,
                                                    const Trace& trace = {}) const {
        const auto factor = config.encoder_factor();
        return exact_tiles(
            x, encoder.receptive_field(),
            latents_of_tile("tile_sample_min_size", tile_sample_min_size, factor),
            [&](const auto& part) { return encoder.forward(part, trace); });
    }
    /// In exact tiles: the bits of decoder.forward(z).
    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> exact_tiled_decode(const Tensor<Device>& z,
                                                    const Trace& trace = {}) const {
        return exact_tiles(z, decoder.receptive_field(),
                           tile_latent_min_size * config.decoder_factor(),
                           [&](const auto& part) { return decoder.forward(part, trace); });
    }

    /// Latents to [0, 1], so that they can be stored as an image, and back.
    [[nodiscard]] Tensor<Device> scale_latents(const Tensor<Device>& z) const {
        return latent::scale_latents(z, config);
    }
    [[nodiscard]] Tensor<Device> unscale_latents(const Tensor<Device>& z) const {
        return latent::unscale_latents(z, config);
    }

    /// Encode, round the latents to 8 bits, decode. Parity: AutoencoderTiny.forward.
    [[nodiscard]] Tensor<Device>
    forward(const Tensor<Device>& x) const requires Device::on_host {
        const RunScope run;
        const auto latents = encode(x);
        const auto bytes = to_uint8(scale_latents(latents));
        return decode(unscale_latents(from_uint8<Device>(bytes, latents.shape())));
    }

private:
    [[nodiscard]] std::int64_t scale_factor(std::string_view where, std::int64_t factor) const {
        if (spatial_scale_factor != factor) {
            fail(where, "spatial_scale_factor " + std::to_string(spatial_scale_factor),
                 std::to_string(factor) + ", this network's pixels for a latent",
                 "2**out_channels, diffusers' default, is right for TAESD's kin alone: set "
                 "spatial_scale_factor and tile_latent_min_size");
        }
        return factor;
    }
};

} // namespace latent
