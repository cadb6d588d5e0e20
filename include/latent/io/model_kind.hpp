#pragma once

#include "latent/io/autoencoder_kl_keys.hpp"
#include "latent/io/autoencoder_tiny_keys.hpp"
#include "latent/io/checkpoint.hpp"
#include "latent/io/config.hpp"
#include "latent/io/load.hpp"
#include "latent/io/model_files.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace latent {

/// The networks that are read from files. Their names are those of config.json's _class_name;
/// VAEApprox, which diffusers does not have, comes without a config.
enum class ModelKind { autoencoder_kl, autoencoder_tiny, vae_approx };

[[nodiscard]] inline std::string_view to_string(ModelKind kind) {
    constexpr std::array<std::string_view, 3> names{"AutoencoderKL", "AutoencoderTiny",
                                                    "VAEApprox"};
    return names[static_cast<std::size_t>(kind)];
}

namespace detail {

inline constexpr const char* known_kinds = "AutoencoderKL, AutoencoderTiny or VAEApprox";

/// A name, or a part of one, by which a network is told.
struct KindMark {
    std::string_view text, kind;
};

/// Autoencoders that share AutoencoderKL's first names but are others.
inline constexpr std::array autoencoder_marks{
    KindMark{"bn.running_mean", "AutoencoderKLFlux2"},
    KindMark{"quantize.embedding.", "VQModel"},
    KindMark{"decoder.condition_encoder.", "AsymmetricAutoencoderKL"},
    KindMark{"decoder.time_conv_out.", "AutoencoderKLTemporalDecoder"},
    KindMark{"encoder.down_blocks.0.0.", "AutoencoderDC"},
};

/// What else people hand over, and how its names begin.
inline constexpr std::array other_marks{
    KindMark{"encoder.conv_in.conv.", "a video autoencoder"},
    KindMark{"decoder.conv_in.conv.", "a video autoencoder"},
    KindMark{"encoder.conv1.", "a video autoencoder"},
    KindMark{"model.diffusion_model.", "a checkpoint without its autoencoder"},
    KindMark{"controlnet_", "ControlNetModel"},
    KindMark{"control_model.", "a ControlNet"},
    KindMark{"lora_", "a LoRA"},
    KindMark{"time_embedding.", "UNet2DConditionModel"},
    KindMark{"double_blocks.", "a diffusion transformer"},
    KindMark{"joint_blocks.", "a diffusion transformer"},
    KindMark{"transformer_blocks.", "a diffusion transformer"},
    KindMark{"text_model.", "a text encoder"},
    KindMark{"encoder.block.0.layer.", "a text encoder"},
};

[[nodiscard]] inline std::optional<std::string> marked_kind(std::span<const TensorInfo> tensors,
                                                            std::string_view prefix,
                                                            std::span<const KindMark> marks) {
    for (const auto& [text, kind] : marks) {
        for (const auto& tensor : tensors) {
            std::string_view name = tensor.name;
            if (!name.starts_with(prefix)) continue;
            if (name.substr(prefix.size()).starts_with(text)) return std::string(kind);
        }
    }
    return std::nullopt;
}

/// The class whose first names these are: AutoencoderKL, or the other that it is.
[[nodiscard]] inline std::string kl_class(std::span<const TensorInfo> tensors,
                                          const std::string& prefix) {
    if (auto other = marked_kind(tensors, prefix, autoencoder_marks)) return *other;
    for (const auto& tensor : tensors) {
        const bool first = tensor.name == prefix + "encoder.conv_in.weight" ||
                           tensor.name == prefix + "decoder.conv_in.weight";
        if (first && tensor.shape.rank() == 5) return "a video autoencoder";
    }
    return "AutoencoderKL";
}

/// Refuses a file in which an autoencoder stands that only begins like an AutoencoderKL.
inline void require_kl_class(const std::string& where, std::span<const TensorInfo> tensors,
                             const std::string& prefix) {
    const auto found = kl_class(tensors, prefix);
    if (found != "AutoencoderKL") fail(where, found, known_kinds);
}

} // namespace detail

/// Which network the names of a file's tensors belong to. Throws Error, with what was found,
/// where it is another.
[[nodiscard]] inline ModelKind model_kind(std::span<const TensorInfo> tensors,
                                          const std::string& where) {
    if (const auto keys = find_autoencoder_kl_keys(tensors)) {
        detail::require_kl_class(where, tensors, keys->prefix);
        return ModelKind::autoencoder_kl;
    }
    if (find_autoencoder_tiny_keys(tensors, "encoder") ||
        find_autoencoder_tiny_keys(tensors, "decoder")) {
        return ModelKind::autoencoder_tiny;
    }
    const auto has = [&](std::string_view name) {
        return std::ranges::any_of(
            tensors, [&](const TensorInfo& tensor) { return tensor.name == name; });
    };
    if (has("conv1.weight") && has("conv8.weight")) return ModelKind::vae_approx;
    if (const auto other = detail::marked_kind(tensors, "", detail::other_marks)) {
        fail(where, *other, detail::known_kinds);
    }
    detail::fail_names(where, tensors, detail::known_kinds);
}

/// Which network a path holds (whatever find_model() understands): config.json's _class_name
/// says so, or else the names of the tensors. Throws Error where it is another.
[[nodiscard]] inline ModelKind model_kind(const std::filesystem::path& path) {
    const auto [weights, config] = find_model(path);
    if (config) {
        const auto where = display(*config);
        const auto json = load_config_json(*config);
        const auto found = json.is_object() ? json.find("_class_name") : json.end();
        if (json.is_object() && found != json.end()) {
            for (const auto kind : {ModelKind::autoencoder_kl, ModelKind::autoencoder_tiny,
                                    ModelKind::vae_approx}) {
                if (found->is_string() &&
                    found->get_ref<const std::string&>() == to_string(kind)) {
                    return kind;
                }
            }
            fail(where, "_class_name " + detail::json_text(*found), detail::known_kinds);
        }
    }
    const auto file = Checkpoint::open(weights);
    return model_kind(file.tensors(), file.path());
}

} // namespace latent
