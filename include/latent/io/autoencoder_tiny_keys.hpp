#pragma once

#include "latent/io/rename.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/tensor/error.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The names under which projects keep the same parameters, and what names and shapes tell
/// about a network. Our names are diffusers'; a rule of rename.hpp leads from there to a
/// file's.

namespace latent {

/// How a file names one side ("encoder" or "decoder") of an AutoencoderTiny: what stands before
/// a layer's number, and how much higher than in diffusers that number is.
struct AutoencoderTinyKeys {
    std::string side;
    std::string prefix; ///< with its last dot, or empty
    std::int64_t shift = 0;

    /// From encoder.layers.3.conv.0.weight to the name in the file.
    [[nodiscard]] RenameRule rule() const {
        return {.from = side + ".layers.#", .to = prefix + "#", .shift = shift};
    }
};

/// The tensors of one layer by the rest of their names ("weight", "conv.0.bias"), and a side's
/// layers by their number in diffusers.
using LayerTensors = std::map<std::string, Shape, std::less<>>;
using NumberedLayers = std::map<std::int64_t, LayerTensors>;

[[nodiscard]] inline NumberedLayers numbered_layers(std::span<const TensorInfo> tensors,
                                                    const AutoencoderTinyKeys& keys) {
    constexpr std::int64_t most = 100'000;
    NumberedLayers layers;
    for (const auto& tensor : tensors) {
        std::string_view name = tensor.name;
        if (!name.starts_with(keys.prefix)) continue;
        name.remove_prefix(keys.prefix.size());
        const auto dot = name.find('.');
        const auto number = detail::part_number(name.substr(0, dot));
        if (dot == std::string_view::npos || number < keys.shift || number > most) continue;
        layers[number - keys.shift].emplace(name.substr(dot + 1), tensor.shape);
    }
    return layers;
}

/// How the file names that side, or nothing where it has none. Known are
///   encoder.layers.0.weight, decoder.layers.0.weight   diffusers
///   encoder.0.weight, decoder.1.weight                 taesd's network, both sides in one file
///   0.weight | 1.weight                                its files for one side each
/// The taesd project counts the limiter of the decoder's latents as a layer: one more than
/// diffusers.
[[nodiscard]] inline std::optional<AutoencoderTinyKeys>
find_autoencoder_tiny_keys(std::span<const TensorInfo> tensors, const std::string& side) {
    const std::int64_t limiter = side == "decoder" ? 1 : 0;
    const std::array<AutoencoderTinyKeys, 3> known{{
        {side, side + ".layers.", 0},
        {side, side + ".", limiter},
        {side, "", limiter},
    }};
    const auto begins_at_zero = [&](const AutoencoderTinyKeys& keys) {
        const auto layers = numbered_layers(tensors, keys);
        return layers.contains(0) && layers.at(0).contains("weight");
    };
    for (const auto& keys : known) {
        if (!begins_at_zero(keys)) continue;
        // Bare numbers that begin with 0 are an encoder's.
        if (keys.prefix.empty() && limiter > 0 && begins_at_zero({"encoder", "", 0})) continue;
        return keys;
    }
    return std::nullopt;
}

/// What a side's names and shapes tell about it. A stage is what has one resolution.
struct AutoencoderTinySide {
    std::int64_t in_channels = 0, out_channels = 0; ///< of the whole side
    std::vector<std::int64_t> stem_channels;        ///< of the encoder's convolutions in front
    std::vector<std::int64_t> channels, blocks;     ///< stage by stage
    std::vector<bool> pooled; ///< stage by stage: whether a block has a MidblockPool
};

namespace detail {

/// The convolution at a layer's place, or null: a block's tensors stand a level deeper.
[[nodiscard]] inline const Shape* plain_convolution(const LayerTensors& layer) {
    const auto found = layer.find("weight");
    return found == layer.end() || found->second.rank() != 4 ? nullptr : &found->second;
}

} // namespace detail

/// Reads a side off its layers: a convolution (or the encoder's stem), then stages of blocks
/// with a convolution between them, and a last convolution. `where` begins an Error.
[[nodiscard]] inline AutoencoderTinySide
describe_side(std::string_view where, const std::string& side, const NumberedLayers& layers) {
    const auto end_of = [&](const LayerTensors& layer) -> const Shape& {
        const auto* const convolution = detail::plain_convolution(layer);
        if (convolution != nullptr && layers.size() > 1) return *convolution;
        fail(where, "no convolution at both ends of the " + side,
             "a tiny autoencoder's " + side);
    };
    if (layers.empty()) fail(where, "no " + side, "a tiny autoencoder's " + side);
    const auto& first = end_of(layers.begin()->second);
    const auto last = std::prev(layers.end());
    AutoencoderTinySide result;
    result.in_channels = first[1];
    result.out_channels = end_of(last->second)[0];

    // Each convolution of a stem is followed by a relu, which takes a number and has no
    // tensors.
    auto channels = first[0];
    auto layer = layers.begin();
    for (; side == "encoder" && layer != last && !layers.contains(layer->first + 1); ++layer) {
        const auto* const convolution = detail::plain_convolution(layer->second);
        if (convolution == nullptr) break;
        channels = (*convolution)[0];
        result.stem_channels.push_back(channels);
    }
    if (result.stem_channels.empty()) ++layer;

    // A convolution opens the next stage.
    const auto open_stage = [&](std::int64_t count) {
        result.channels.push_back(count);
        result.blocks.push_back(0);
        result.pooled.push_back(false);
    };
    open_stage(channels);
    for (; layer != last; ++layer) {
        if (const auto* const convolution = detail::plain_convolution(layer->second)) {
            open_stage((*convolution)[0]);
        } else {
            ++result.blocks.back();
            if (layer->second.contains("pool.0.weight")) result.pooled.back() = true;
        }
    }
    return result;
}

} // namespace latent
