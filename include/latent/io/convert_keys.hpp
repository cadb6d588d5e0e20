#pragma once

#include "latent/io/autoencoder_kl_keys.hpp"
#include "latent/io/convert_file.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/tensor/shape.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace latent {

namespace detail {

/// Whether a parameter is a matrix of an attention's, which ldm keeps as a 1x1 convolution.
[[nodiscard]] inline bool is_attention_matrix(std::string_view name) {
    return name.find(".attentions.") != std::string_view::npos && name.ends_with(".weight") &&
           !name.ends_with(".group_norm.weight");
}

/// The shape with so many dimensions, ones put to its end or taken from it; as it is where that
/// cannot be.
[[nodiscard]] inline Shape with_rank(const Shape& shape, std::size_t rank) {
    auto dims = std::vector<std::int64_t>(shape.dims().begin(), shape.dims().end());
    while (dims.size() > rank && dims.back() == 1) dims.pop_back();
    if (dims.size() > rank) return shape;
    dims.resize(rank, 1);
    return Shape(std::move(dims));
}

} // namespace detail

/// What convert_tensors() shall write for the autoencoder of a file to stand alone under the
/// names of another layout, without a prefix: its tensors alone, the matrices of attention as
/// [C, C, 1, 1] for ldm and [C, C] for diffusers.
[[nodiscard]] inline std::vector<TensorCopy>
autoencoder_kl_copies(std::span<const TensorInfo> tensors, const AutoencoderKLKeys& keys,
                      AutoencoderKLLayout layout) {
    const auto rules = autoencoder_kl_rules(layout, keys.up_blocks);
    const std::size_t rank = layout == AutoencoderKLLayout::ldm ? 4 : 2;
    std::vector<TensorCopy> copies;
    for (const auto& [name, tensor] : autoencoder_kl_tensors(tensors, keys)) {
        copies.push_back({.from = tensor->name,
                          .name = renamed(name, rules),
                          .shape = detail::is_attention_matrix(name)
                                       ? detail::with_rank(tensor->shape, rank)
                                       : tensor->shape});
    }
    return copies;
}

} // namespace latent
