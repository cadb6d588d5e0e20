#pragma once

#include "files.hpp"
#include "network.hpp"

#include <latent/ops/arithmetic.hpp>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>

/// Latents are raw, as an AutoencoderKL has them, or scaled, as the UNet and the tiny
/// autoencoders do. `latent encode` says which in a file's metadata:
///     latents          raw or scaled
///     scaling_factor   of raw ones: (z - shift_factor) scaling_factor scales them
///     shift_factor     where there is one

namespace latent::command {

/// A number from the metadata, if it is there.
[[nodiscard]] inline std::optional<double> number_of(const TensorFile& file,
                                                     const std::string& name) {
    const auto found = file.metadata.find(name);
    if (found == file.metadata.end()) return std::nullopt;
    const auto& text = found->second;
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) {
        fail(file.where, name + " = " + in_quotes(text) + " in the file's metadata",
             "a finite decimal number");
    }
    return number;
}

/// A number as metadata have it: the fewest digits that give it back.
[[nodiscard]] inline std::string number_text(double number) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

/// Whether the metadata call the latents scaled; nothing where they do not say.
[[nodiscard]] inline std::optional<bool> says_scaled(const TensorFile& file) {
    const auto found = file.metadata.find("latents");
    if (found == file.metadata.end()) return std::nullopt;
    if (found->second == "scaled") return true;
    if (found->second == "raw") return false;
    fail(file.where, "latents = " + in_quotes(found->second) + " in the file's metadata",
         "raw or scaled");
}

/// A side of the image before it was padded, from the metadata; 0 where there is none.
[[nodiscard]] inline std::int64_t padded_side(const TensorFile& file, const std::string& name) {
    const auto found = file.metadata.find(name);
    if (found == file.metadata.end()) return 0;
    const auto& text = found->second;
    std::int64_t side = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), side);
    if (error != std::errc() || end != text.data() + text.size() || side < 1) {
        fail(file.where, name + " = " + in_quotes(text) + " in the file's metadata",
             "a whole number of at least 1");
    }
    return side;
}

/// Width and height of the image before it was padded, from the metadata; zeros of none.
[[nodiscard]] inline Size size_of(const TensorFile& file) {
    const Size size{padded_side(file, "width"), padded_side(file, "height")};
    if ((size.width == 0) != (size.height == 0))
        fail(file.where, "one of width and height in the file's metadata", "both or none");
    return size;
}

/// The latents as the UNet sees them: those that the metadata call raw are shifted and scaled
/// as they say, others are taken for scaled. What was done is told on stderr unless `quiet`.
[[nodiscard]] inline Tensor<Cpu<float>> latents_for_unet(TensorFile file, bool quiet) {
    const auto factor = number_of(file, "scaling_factor");
    const auto shift = number_of(file, "shift_factor");
    if (factor && *factor <= 0) {
        fail(file.where, "scaling_factor = " + file.metadata.at("scaling_factor"),
             "a number above zero");
    }
    if (says_scaled(file).value_or(true)) return std::move(file.tensor);
    if (!quiet) std::cerr << file.where << ": remark: raw latents";
    if (!factor) {
        if (!quiet) std::cerr << " without a scaling_factor, taken as they are\n";
        return std::move(file.tensor);
    }
    if (!quiet) {
        std::cerr << ", taken times " << file.metadata.at("scaling_factor");
        if (shift) std::cerr << " after minus " << file.metadata.at("shift_factor");
        std::cerr << '\n';
    }
    return scale(scale(std::move(file.tensor), 1, -shift.value_or(0)), *factor);
}

} // namespace latent::command
