#pragma once

#include "latent/blocks/autoencoder_tiny_block.hpp"
#include "latent/ops/interpolate.hpp"
#include "latent/ops/window.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

/// Which part of its input a network looks at for a part of its output. It is computed from the
/// network's layers, by walking them backwards; every layer that looks beyond its own pixel
/// makes the part larger.

namespace latent {

/// What one layer does along one side of the image: it enlarges it `upsample` times, puts
/// `padding` zeros in front and behind, and moves a kernel over it in steps of `stride`.
struct SpatialStep {
    std::int64_t kernel = 1, stride = 1, padding = 0;
    std::int64_t upsample = 1;
    Interpolation upsample_fn = Interpolation::nearest;
};

namespace detail {

/// a / b rounded down, for b > 0.
[[nodiscard]] constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/// The pixels of the small image that pixel i of the enlarged one is made of: those whose
/// weight in interpolation_taps is not zero.
[[nodiscard]] constexpr Range interpolation_support(Interpolation mode, std::int64_t factor,
                                                    std::int64_t i) {
    if (mode == Interpolation::nearest) {
        const auto at = floor_divide(i, factor);
        return {at, at + 1};
    }
    // source = (i + 1/2) / factor - 1/2 = numerator / (2 factor).
    const auto numerator = 2 * i + 1 - factor;
    const auto at = floor_divide(numerator, 2 * factor);
    if (numerator == at * 2 * factor) return {at, at + 1}; // the centres coincide
    const std::int64_t reach = mode == Interpolation::bicubic ? 2 : 1;
    return {at + 1 - reach, at + 1 + reach};
}

} // namespace detail

/// The layers of a network as SpatialSteps, from its input to its output. What works on each
/// pixel alone (activations, 1x1 convolutions) changes nothing, and neither does a skip
/// connection: it looks at no more than the convolutions beside it.
struct ReceptiveField {
    std::vector<SpatialStep> steps;

    /// The inputs that the outputs `out` (at least one) depend on, as if the image had no
    /// borders: parts of the range may lie outside of it. No smaller range will do.
    [[nodiscard]] Range input_of(Range out) const {
        auto range = out;
        for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
            const auto first = range.begin * step->stride - step->padding;
            const auto last = (range.end - 1) * step->stride - step->padding + step->kernel - 1;
            range = {first, last + 1};
            // The pixels of one period see all that there is to see at either end.
            const auto reach = std::min(step->upsample, range.size());
            for (std::int64_t i = 0; i < reach; ++i) {
                const auto front =
                    detail::interpolation_support(step->upsample_fn, step->upsample, first + i);
                const auto back =
                    detail::interpolation_support(step->upsample_fn, step->upsample, last - i);
                range.begin = i == 0 ? front.begin : std::min(range.begin, front.begin);
                range.end = i == 0 ? back.end : std::max(range.end, back.end);
            }
        }
        return range;
    }

    /// The output's side for an input's.
    [[nodiscard]] std::int64_t output_size(std::int64_t size) const {
        for (const auto& step : steps) {
            size = (size * step.upsample + 2 * step.padding - step.kernel) / step.stride + 1;
        }
        return size;
    }

    /// Tiles of the input must begin at multiples of this. Then a pixel meets the same pixels
    /// under each stride as in the whole image; and since tiles begin at an even place at every
    /// resolution, Winograd's squares of 2x2 outputs are the same ones, with equal roundings.
    [[nodiscard]] std::int64_t alignment() const {
        std::int64_t strides = 1;
        for (const auto& step : steps) strides *= step.stride;
        return 2 * strides;
    }

    /// The output that stands at such a beginning.
    [[nodiscard]] std::int64_t output_at(std::int64_t aligned_input) const {
        for (const auto& step : steps) {
            aligned_input = aligned_input * step.upsample / step.stride;
        }
        return aligned_input;
    }

    /// The tile of an input of this size from which the outputs `out` come with all their bits:
    /// input_of(out) inside of the image, from an aligned place on. It ends inside of the image
    /// or at its border, and only there zeros are what the whole image would have.
    [[nodiscard]] Range tile_of(Range out, std::int64_t size) const {
        const auto seen = input_of(out);
        const auto begin = std::max<std::int64_t>(seen.begin, 0);
        return {begin / alignment() * alignment(), std::min(seen.end, size)};
    }
};

/// Adds a convolution, with the enlargement in front of it.
template <class Device>
void append(ReceptiveField& field, const Conv2d<Device>& conv, std::int64_t upsample = 1,
            Interpolation upsample_fn = Interpolation::nearest) {
    const auto& geometry = conv.kernel.geometry();
    field.steps.push_back({.kernel = geometry.kernel_h,
                           .stride = geometry.options.stride[0],
                           .padding = geometry.options.padding.top,
                           .upsample = upsample,
                           .upsample_fn = upsample_fn});
}

/// Adds a block's convolutions. Throws Error for one with a group norm: its mean and variance
/// are those of the whole image, so every output depends on every input.
template <class Device>
void append(ReceptiveField& field, const AutoencoderTinyBlock<Device>& block) {
    if (block.pool) {
        fail(block.pool->path, "a group norm, whose mean and variance are the whole image's",
             "layers that see a bounded part of the image (use_midblock_gn is false)",
             "this network (TAEF2) has no exact tiles: run it untiled, or with blended tiles "
             "as diffusers does, whose tones differ from tile to tile");
    }
    for (const auto* const conv : {&block.conv1, &block.conv2, &block.conv3}) {
        append(field, *conv);
    }
}

} // namespace latent
