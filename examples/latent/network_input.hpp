#pragma once

#include "files.hpp"
#include "latents.hpp"
#include "network.hpp"
#include "pictures.hpp"
#include "record_network.hpp"

#include <latent/io/image.hpp>
#include <latent/parity/layout.hpp>
#include <latent/parity/recording.hpp>
#include <latent/pipelines/image.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

/// What a network runs on when it is recorded: a file's image or latents, or what somebody
/// else's network ran on.

namespace latent::command {

struct NetworkInput {
    std::string where; ///< begins an Error
    Tensor<Cpu<double>> values;
    Direction direction = Direction::decode;
    std::string entry = {}; ///< the module that they go into; empty: the network's first
};

namespace detail {

[[nodiscard]] inline Tensor<Cpu<double>> widened(const Tensor<Cpu<float>>& x) {
    Tensor<Cpu<double>> wide(x.shape());
    std::ranges::copy(x.values(), wide.data());
    return wide;
}

/// Refuses latents of the other kind, where the file says which they are.
inline void require_scale(const TensorFile& file, bool scaled) {
    const auto said = says_scaled(file);
    if (!said || *said == scaled) return;
    fail(file.where, *said ? "scaled latents, as its metadata say" : "raw latents",
         scaled ? "scaled ones for a tiny network" : "raw ones for an AutoencoderKL",
         scaled ? "latent encode --scaled writes them" : "latent encode writes them");
}

} // namespace detail

/// An image, padded to whole latents, or a tensor [N, C, H, W] from a file.
[[nodiscard]] inline NetworkInput input_from_file(const std::filesystem::path& path,
                                                  const std::string& key,
                                                  const NetworkSides& sides,
                                                  const std::string& side) {
    NetworkInput input{.where = display(path), .values = {}};
    const MappedFile file(path);
    if (is_picture(path, file.bytes())) {
        const auto pixels = decode_image(input.where, file.bytes());
        const auto image = image_from_rgb(pixels.pixels, pixels.width, pixels.height);
        input.direction = sides.direction(input.where, image.shape(),
                                          side.empty() && sides.image == 3 ? "encode" : side);
        input.values = detail::widened(pad_to_multiple(image, sides.factor));
        return input;
    }
    const auto narrow = read_tensor(path, key, "latents", 3 * max_pixels);
    input.where = narrow.where;
    input.direction = sides.direction(input.where, narrow.tensor.shape(), side);
    if (input.direction == Direction::decode) detail::require_scale(narrow, sides.scaled);
    // Once more, in double: the truth starts from what the file has.
    const auto checkpoint = Checkpoint::open(path);
    input.values = Tensor<Cpu<double>>(narrow.tensor.shape());
    checkpoint.read(detail::choose_tensor(checkpoint, key, "latents"), input.values.values());
    return input;
}

namespace detail {

/// A recorded input as [N, C, H, W].
[[nodiscard]] inline Tensor<Cpu<double>> as_images(const std::string& where,
                                                   Tensor<Cpu<double>> x, Layout layout) {
    const auto dims = x.shape().dims();
    const bool last = layout != Layout::nchw;
    if (dims.size() == 3 || dims.size() == 4) {
        const auto d = dims.last(3);
        const auto N = dims.size() == 4 ? dims[0] : 1;
        const Shape shape = last ? Shape{N, d[2], d[0], d[1]} : Shape{N, d[0], d[1], d[2]};
        if (auto images = arranged(std::move(x), shape, layout)) return std::move(*images);
    }
    fail(where, "shape " + to_string(x.shape()), "images, or latents",
         "--input FILE gives them");
}

/// Names under which a network's input is recorded, and the module that it goes into.
struct InputName {
    std::string_view name;
    Direction direction;
    std::string_view entry;
};
inline constexpr std::array input_names{
    InputName{"post_quant_conv:input", Direction::decode, "post_quant_conv"},
    InputName{"decoder:input", Direction::decode, "decoder"},
    InputName{"decoder.conv_in:input", Direction::decode, "decoder.conv_in"},
    InputName{"encoder:input", Direction::encode, "encoder"},
    InputName{"encoder.conv_in:input", Direction::encode, "encoder.conv_in"},
};
inline constexpr std::array<std::string_view, 6> plain_input_names{
    ":input", "input", "latents", "image", "sample", "z"};

} // namespace detail

/// The input of the first module that a recording has of a network, or the tensor in it that is
/// called input, latents, image, sample or z. `side` is "encode", "decode" or empty; `layout`
/// is that of its images. Throws Error where there is none, or two and no side.
[[nodiscard]] inline NetworkInput recorded_input(const Recording& recording, Layout layout,
                                                 const NetworkSides& sides,
                                                 const std::string& side) {
    const auto read = [&](std::string_view name) {
        const auto where = recording.where + ": " + in_quotes(name);
        auto x = detail::as_images(where, recording.read(std::string(name)), layout);
        const auto finite = [](double value) { return std::isfinite(value); };
        if (!std::ranges::all_of(x.values(), finite)) fail(where, "NaN or infinity", "numbers");
        return NetworkInput{.where = where, .values = std::move(x)};
    };
    const detail::InputName* found = nullptr;
    for (const auto& input : detail::input_names) {
        // A tiny network does something before its first convolution.
        const bool inner = input.name.find(".conv_in") != std::string_view::npos;
        if (!recording.has(std::string(input.name)) || (inner && !sides.has_conv_in)) continue;
        if (side == (input.direction == Direction::encode ? "decode" : "encode")) continue;
        if (found != nullptr && found->direction != input.direction) {
            fail(recording.where, "both an encoder and a decoder",
                 "--side encode or --side decode");
        }
        if (found == nullptr) found = &input;
    }
    if (found != nullptr) {
        auto input = read(found->name);
        const bool encode = found->direction == Direction::encode;
        input.direction =
            sides.direction(input.where, input.values.shape(), encode ? "encode" : "decode");
        input.entry = found->entry;
        return input;
    }
    for (const auto name : detail::plain_input_names) {
        if (!recording.has(std::string(name))) continue;
        auto input = read(name);
        input.direction = sides.direction(input.where, input.values.shape(), side);
        return input;
    }
    fail(recording.where, "no input of the network",
         "\"decoder:input\", \"encoder:input\" or a tensor named \"input\"",
         "record with inputs, name it in --map, or give --input FILE");
}

} // namespace latent::command
