#pragma once

#include "latent/models/decoder.hpp"
#include "latent/models/diagonal_gaussian_distribution.hpp"
#include "latent/models/encoder.hpp"
#include "latent/models/latent_scaling.hpp"
#include "latent/models/streamed_decoder.hpp"
#include "latent/models/tiling.hpp"
#include "latent/tensor/workspace.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace latent {

namespace detail {

/// quant_conv or post_quant_conv: a 1x1 convolution between the latents and the rest.
template <class Device>
[[nodiscard]] std::optional<Conv2d<Device>> quantiser(const Weights& w, bool used,
                                                      std::int64_t channels) {
    if (!used) return std::nullopt;
    return Conv2d<Device>(
        w,
        {.in_channels = channels, .out_channels = channels, .kernel_size = 1, .padding = {}});
}

template <class Device, Observer<Device> Trace>
[[nodiscard]] Tensor<Device> encode_moments(const Encoder<Device>& encoder,
                                            const std::optional<Conv2d<Device>>& quant_conv,
                                            const Tensor<Device>& x, const Trace& trace) {
    auto h = encoder.forward(x, trace);
    return quant_conv ? quant_conv->forward(h, trace) : std::move(h);
}

template <class Device, Observer<Device> Trace>
[[nodiscard]] Tensor<Device>
decode_latents(const std::optional<Conv2d<Device>>& post_quant_conv,
               const Decoder<Device>& decoder, const Tensor<Device>& z, bool in_strips,
               const Trace& trace) {
    const auto run = [&](const Tensor<Device>& x) {
        if constexpr (HasStrips<Device>) {
            if (in_strips) return streamed_decode(decoder, x, trace);
        }
        if (in_strips) fail("streaming", "a device without strips", "one that has them");
        return decoder.forward(x, trace);
    };
    return post_quant_conv ? run(post_quant_conv->forward(z, trace)) : run(z);
}

/// Group norms and attention see the whole image, so no tile has what the whole one would give.
[[noreturn]] inline ReceptiveField no_exact_tiles() {
    fail("AutoencoderKL", "exact tiles", "whole images, or tiles that are ramped or smooth",
         "its group norms and attention look at the whole image");
}

} // namespace detail

/// The autoencoder of Stable Diffusion: images to latents and back. Which one it is (SD1, SDXL,
/// SD3, FLUX.1, Playground 2.5 ...) the config says; SD1's has 83,653,863 parameters.
/// Source: Rombach et al. 2021, arXiv:2112.10752, and Esser et al. 2020, arXiv:2012.09841;
/// parity: diffusers AutoencoderKL.
///
///     const AutoencoderKL<Cpu<float>> vae(weights, config);
///     const auto posterior = vae.encode(image); // [N, 3, H, W] in [-1, 1]
///     auto z = posterior.mode();                // [N, 4, H / 8, W / 8], raw
///     auto unet_sees = scaled_latents(std::move(z), vae.config);
///     const auto back = vae.decode(raw_latents(std::move(unet_sees), vae.config));
///
/// Members stand in torch's order of construction, which is that of its random numbers.
template <class Device>
struct AutoencoderKL {
    AutoencoderKLConfig config;
    Encoder<Device> encoder;
    Decoder<Device> decoder;
    std::optional<Conv2d<Device>> quant_conv, post_quant_conv;

    bool use_slicing = false;          ///< the images of a batch one after the other
    bool use_streaming = false;        ///< decode in strips: less memory, more time, same bits
    bool use_tiling = false;           ///< images larger than a tile, tile by tile
    Tiling tiling = Tiling::ramped;    ///< diffusers' own; or smooth
    std::int64_t tile_sample_min_size; ///< pixels of a tile's side
    std::int64_t tile_latent_min_size; ///< latents of a tile's side
    double tile_overlap_factor = 0.25; ///< of a tile's side

    explicit AutoencoderKL(const Weights& w, const AutoencoderKLConfig& chosen = {})
        : config(chosen),
          encoder(w["encoder"], chosen),
          decoder(w["decoder"], chosen),
          quant_conv(detail::quantiser<Device>(w["quant_conv"], chosen.use_quant_conv,
                                               2 * chosen.latent_channels)),
          post_quant_conv(detail::quantiser<Device>(
              w["post_quant_conv"], chosen.use_post_quant_conv, chosen.latent_channels)),
          tile_sample_min_size(chosen.sample_size),
          tile_latent_min_size(chosen.sample_size / chosen.factor()) {}

    /// The distribution of the latents of x.
    ///   x [N, in_channels, H, W]  ->  mean, logvar [N, latent_channels, H / f, W / f], f = 8
    ///   for Stable Diffusion
    /// In tiles the moments are blended, before the log-variance is limited.
    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] DiagonalGaussianDistribution<Device> encode(const Tensor<Device>& x,
                                                              const Trace& trace = {}) const {
        const RunScope run;
        return DiagonalGaussianDistribution<Device>(in_parts(
            x,
            parts({.where = "AutoencoderKL::encode",
                   .tile = tile_sample_min_size,
                   .overlap_factor = tile_overlap_factor,
                   .down = config.factor(),
                   .output_tile = tile_latent_min_size}),
            [&](const auto& part) {
                return detail::encode_moments(encoder, quant_conv, part, trace);
            },
            detail::no_exact_tiles));
    }

    /// The image of raw latents.
    ///   z [N, latent_channels, h, w]  ->  [N, out_channels, h f, w f], about [-1, 1], not
    ///   clamped
    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> decode(const Tensor<Device>& z,
                                        const Trace& trace = {}) const {
        const RunScope run;
        return in_parts(
            z,
            parts({.where = "AutoencoderKL::decode",
                   .tile = tile_latent_min_size,
                   .overlap_factor = tile_overlap_factor,
                   .up = config.factor(),
                   .output_tile = tile_sample_min_size}),
            [&](const auto& part) {
                return detail::decode_latents(post_quant_conv, decoder, part, use_streaming,
                                              trace);
            },
            detail::no_exact_tiles);
    }

    /// There and back by way of the mode: what AutoencoderKL.forward does.
    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& x,
                                         const Trace& trace = {}) const {
        const RunScope run;
        return decode(encode(x, trace).mode(), trace);
    }
    /// There and back by way of a sample: forward(sample_posterior=True, generator).
    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& x, Generator& generator,
                                         const Trace& trace = {}) const {
        const RunScope run;
        return decode(encode(x, trace).sample(generator), trace);
    }

    /// Query, key and value of each attention in one product; and as they were.
    void fuse_qkv_projections() {
        for_attentions([](auto& attention) { attention.fuse_projections(); });
    }
    void unfuse_qkv_projections() {
        for_attentions([](auto& attention) { attention.unfuse_projections(); });
    }

private:
    [[nodiscard]] Parts parts(const TileSizes& tiles) const {
        Parts way{.slicing = use_slicing, .tiling = {}, .tiles = tiles};
        if (use_tiling) way.tiling = tiling;
        return way;
    }

    template <class Change>
    void for_attentions(const Change& change) {
        const auto every = [&](auto& block) {
            for (auto& attention : block.attentions) change(attention);
        };
        for (auto& block : encoder.down_blocks) every(block);
        every(encoder.mid_block);
        every(decoder.mid_block);
        for (auto& block : decoder.up_blocks) every(block);
    }
};

/// What encode() needs, alone: half the memory where nothing is decoded.
///   x [N, in_channels, H, W]  ->  moments [N, 2 latent_channels, H / f, W / f]
template <class Device>
struct EncoderKL {
    Encoder<Device> encoder;
    std::optional<Conv2d<Device>> quant_conv;

    EncoderKL(const Weights& root, const AutoencoderKLConfig& config)
        : encoder(root["encoder"], config),
          quant_conv(detail::quantiser<Device>(root["quant_conv"], config.use_quant_conv,
                                               2 * config.latent_channels)) {}

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& x,
                                         const Trace& trace = {}) const {
        return detail::encode_moments(encoder, quant_conv, x, trace);
    }
    [[nodiscard]] ReceptiveField receptive_field() const { detail::no_exact_tiles(); }
};

/// What decode() needs, alone.
///   z [N, latent_channels, h, w], raw  ->  [N, out_channels, h f, w f]
template <class Device>
struct DecoderKL {
    std::optional<Conv2d<Device>> post_quant_conv;
    Decoder<Device> decoder;

    DecoderKL(const Weights& root, const AutoencoderKLConfig& config)
        : post_quant_conv(detail::quantiser<Device>(
              root["post_quant_conv"], config.use_post_quant_conv, config.latent_channels)),
          decoder(root["decoder"], config) {}

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& z,
                                         const Trace& trace = {}) const {
        return detail::decode_latents(post_quant_conv, decoder, z, false, trace);
    }
    /// forward(z) in strips: less memory, more time, the same bits (streamed_decoder.hpp).
    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> streamed(const Tensor<Device>& z,
                                          const Trace& trace = {}) const {
        return detail::decode_latents(post_quant_conv, decoder, z, true, trace);
    }
    [[nodiscard]] ReceptiveField receptive_field() const { detail::no_exact_tiles(); }
};

} // namespace latent
