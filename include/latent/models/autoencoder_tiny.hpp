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
    double tile_overlap_factor = 0.125;      ///< of a tile's side; not of an exact one's
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
        return in_parts(
            x,
            parts({.where = "tiled_encode",
                   .tile = tile_sample_min_size,
                   .overlap_factor = tile_overlap_factor,
                   .down = config.encoder_factor(),
                   .output_tile = tile_latent_min_size}),
            [&](const auto& part) { return encoder.forward(part, trace); },
            [&] { return encoder.receptive_field(); });
    }

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> decode(const Tensor<Device>& z,
                                        const Trace& trace = {}) const {
        const RunScope run;
        return in_parts(
            z,
            parts({.where = "tiled_decode",
                   .tile = tile_latent_min_size,
                   .overlap_factor = tile_overlap_factor,
                   .up = config.decoder_factor(),
                   .output_tile = tile_sample_min_size}),
            [&](const auto& part) { return decoder.forward(part, trace); },
            [&] { return decoder.receptive_field(); });
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
    [[nodiscard]] Parts parts(const TileSizes& tiles) const {
        Parts way{.slicing = use_slicing, .tiles = tiles};
        if (!use_tiling) return way;
        way.tiling = tiling;
        const auto factor = tiles.up * tiles.down;
        if (tiling == Tiling::blended && spatial_scale_factor != factor) {
            fail(tiles.where, "spatial_scale_factor " + std::to_string(spatial_scale_factor),
                 std::to_string(factor) + ", this network's pixels for a latent",
                 "2**out_channels, diffusers' default, is right for TAESD's kin alone: set "
                 "spatial_scale_factor and tile_latent_min_size");
        }
        return way;
    }
};

} // namespace latent
