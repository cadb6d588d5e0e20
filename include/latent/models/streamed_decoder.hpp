#pragma once

#include "latent/models/decoder.hpp"
#include "latent/models/streamed_resnet.hpp"
#include "latent/models/tiling.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// Decoding in a fraction of the memory, with the bits of decoding at once: the largest tensors
/// are never whole. Chapter: docs/streaming.md.

namespace latent {

/// How a decoder is streamed: for each resnet of each up block, how often the tensor is
/// computed that it can do without. That is the image which the block above upsamples, of a
/// block's first resnet, and conv1's output of the others.
struct StreamPlan {
    std::vector<std::vector<Passes>> passes;
    /// Numbers that a step holds at a time for each latent pixel, strips aside: the most.
    std::int64_t numbers = 0;
};

namespace detail {

/// The numbers that a resnet holds for each latent pixel when it makes so many passes.
struct StreamWay {
    Passes passes;
    std::int64_t numbers;
};

/// Whether the first resnet of a block can do without the image that it works on.
template <class Device>
[[nodiscard]] bool streams_upsampler(const Decoder<Device>& decoder, std::size_t block) {
    const auto& blocks = decoder.up_blocks;
    return block > 0 && block < blocks.size() && blocks[block].attentions.empty() &&
           blocks[block - 1].upsampler && blocks[block - 1].upsampler->conv &&
           blocks[block - 1].upsampler->conv->kernel.geometry().fuses_upsampling(2);
}

/// Whether a resnet's convolutions normalise on the way, as strips need it.
template <class Device>
[[nodiscard]] bool normalises_strips(const ResnetBlock2D<Device>& resnet) {
    return resnet.conv1.kernel.geometry().fuses_norm() &&
           resnet.conv2.kernel.geometry().fuses_norm();
}

/// The ways to run a resnet, the fastest first.
template <class Device>
[[nodiscard]] std::vector<StreamWay> stream_ways(const Decoder<Device>& decoder,
                                                 std::size_t block, std::size_t index) {
    const auto& resnet = decoder.up_blocks[block].resnets[index];
    const auto pixels = std::int64_t{1} << (2 * block); // to each latent one
    const auto x = pixels * resnet.norm1.config.num_channels;
    const auto h = pixels * resnet.norm2.config.num_channels;
    const auto y = resnet.conv_shortcut ? h : 0; // else it is in x's memory
    std::vector<StreamWay> ways{{Passes::once, x + h + y}};
    if (!normalises_strips(resnet)) return ways;
    if (index == 0 && streams_upsampler(decoder, block)) {
        const auto small = x / 4; // an upsampler keeps the channels
        if (resnet.conv_shortcut) ways.push_back({Passes::twice, small + h + y});
        ways.push_back({Passes::three_times, small + h});
    } else if (!resnet.conv_shortcut && decoder.up_blocks[block].attentions.empty()) {
        ways.push_back({Passes::twice, x});
    }
    return ways;
}

} // namespace detail

/// Each resnet in the fastest way that holds no more than what some resnet has to hold in any
/// case. All tensors grow alike with the image, so its size does not matter.
/// In a block with attention nothing is streamed: attention holds more, and all of it.
template <class Device>
[[nodiscard]] StreamPlan stream_plan(const Decoder<Device>& decoder) {
    StreamPlan plan;
    const auto for_resnets = [&](const auto& body) {
        for (std::size_t i = 0; i < decoder.up_blocks.size(); ++i) {
            for (std::size_t k = 0; k < decoder.up_blocks[i].resnets.size(); ++k) {
                body(i, detail::stream_ways(decoder, i, k));
            }
        }
    };
    for_resnets([&](std::size_t, const auto& ways) {
        plan.numbers = std::max(plan.numbers, ways.back().numbers);
    });
    plan.passes.resize(decoder.up_blocks.size());
    for_resnets([&](std::size_t block, const auto& ways) {
        const auto way = std::ranges::find_if(
            ways, [&](const auto& one) { return one.numbers <= plan.numbers; });
        plan.passes[block].push_back(way->passes);
    });
    return plan;
}

namespace detail {

/// One image.
template <class Device, class Trace>
[[nodiscard]] Tensor<Device> streamed(const Decoder<Device>& decoder, const Tensor<Device>& z,
                                      std::int64_t strip_rows, const Trace& trace) {
    const auto plan = stream_plan(decoder);
    const auto without_upsampled = [&](std::size_t block) {
        return streams_upsampler(decoder, block) && plan.passes[block][0] != Passes::once;
    };
    auto x = decoder.conv_in.forward(z, trace);
    x = decoder.mid_block.forward(std::move(x), trace);
    for (std::size_t i = 0; i < decoder.up_blocks.size(); ++i) {
        const auto& block = decoder.up_blocks[i];
        for (std::size_t k = 0; k < block.resnets.size(); ++k) {
            const auto& resnet = block.resnets[k];
            const auto passes = plan.passes[i][k];
            if (k == 0 && without_upsampled(i)) {
                x = streamed(*decoder.up_blocks[i - 1].upsampler, resnet, x, passes, strip_rows,
                             trace);
            } else if (passes == Passes::once) {
                x = resnet.forward(std::move(x), trace);
            } else {
                x = streamed(resnet, std::move(x), strip_rows, trace);
            }
            if (!block.attentions.empty()) x = block.attentions[k].forward(x, trace);
        }
        if (without_upsampled(i + 1)) continue;
        if (block.upsampler) x = block.upsampler->forward(x, trace);
        trace(block.path, x);
    }
    auto y = norm_conv(decoder.conv_norm_out, Activation::silu, decoder.conv_out, x, trace);
    trace(decoder.path, y);
    return y;
}

} // namespace detail

/// decoder.forward(z), the same bits, image by image. Stable Diffusion's decoder then holds
/// three tensors of 64 channels at full resolution, where it holds eight otherwise.
///   z [N, latent_channels, h, w]  ->  [N, out_channels, h f, w f]
/// A trace hears of what is whole: of all modules of a resnet that is not streamed, else of
/// itself, and of its conv1 and conv_shortcut where these are kept; not of an upsampler, nor of
/// its block, that is streamed. A trace that looks at no values (is_traced) hears of strips,
/// too.
template <HasStrips Device, Observer<Device> Trace = NoTrace>
[[nodiscard]] Tensor<Device> streamed_decode(const Decoder<Device>& decoder,
                                             const Tensor<Device>& z, const Trace& trace = {},
                                             std::int64_t strip_rows = 12) {
    if (strip_rows < 1 || strip_rows % detail::strip_alignment != 0) {
        fail("streamed_decode", std::to_string(strip_rows) + " rows",
             "a positive multiple of " + std::to_string(detail::strip_alignment));
    }
    const RunScope run;
    return sliced(z, [&](const Tensor<Device>& image) {
        return detail::streamed(decoder, image, strip_rows, trace);
    });
}

} // namespace latent
