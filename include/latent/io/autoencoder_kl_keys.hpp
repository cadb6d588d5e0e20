#pragma once

#include "latent/io/rename.hpp"
#include "latent/io/tensor_info.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The names under which projects keep the parameters of an AutoencoderKL. Ours are those of
/// today's diffusers; a table of rules (rename.hpp) leads from there to a file's, and its
/// inverse back.

namespace latent {

enum class AutoencoderKLLayout {
    diffusers,     ///< mid_block.attentions.0.to_q
    old_diffusers, ///< mid_block.attentions.0.query
    ldm            ///< mid.attn_1.q, the file of Stable Diffusion's authors; up.0 is the last
};

/// How a file names an AutoencoderKL, and which halves of it are there.
struct AutoencoderKLKeys {
    AutoencoderKLLayout layout = AutoencoderKLLayout::diffusers;
    std::string prefix;         ///< with its last dot, or empty
    std::int64_t up_blocks = 0; ///< the decoder's; ldm counts them from the other end
    bool encoder = false, decoder = false;
    bool old_samplers = false; ///< Conv2d_0 instead of conv
    /// The names of each Conv2d_0 beside a conv: the same values once more.
    std::set<std::string, std::less<>> twins;

    /// From a parameter's name to its name in the file.
    [[nodiscard]] std::vector<RenameRule> rules() const;
    /// What the names in the file begin with: of both halves, or of one.
    [[nodiscard]] std::vector<std::string> encoder_roots() const {
        return {prefix + "encoder.", prefix + "quant_conv."};
    }
    [[nodiscard]] std::vector<std::string> decoder_roots() const {
        return {prefix + "post_quant_conv.", prefix + "decoder."};
    }
    [[nodiscard]] std::vector<std::string> roots() const {
        auto all = encoder_roots();
        for (auto& root : decoder_roots()) all.push_back(std::move(root));
        return all;
    }
};

namespace detail {

/// ldm's names. Attention stands in mid alone, or behind every block of some levels.
[[nodiscard]] inline std::vector<RenameRule> ldm_rules(std::int64_t up_blocks) {
    std::vector<RenameRule> rules{
        {"attentions.#.group_norm", "attentions.#.norm"},
        {"attentions.#.to_q", "attentions.#.q"},
        {"attentions.#.to_k", "attentions.#.k"},
        {"attentions.#.to_v", "attentions.#.v"},
        {"attentions.#.to_out.0", "attentions.#.proj_out"},
        {"mid_block.attentions.0", "mid.attn_1"},
        {"mid_block.resnets.0", "mid.block_1"},
        {"mid_block.resnets.1", "mid.block_2"},
        {"down_blocks.#.resnets.#", "down.#.block.#"},
        {"down_blocks.#.attentions.#", "down.#.attn.#"},
        {"down_blocks.#.downsamplers.0", "down.#.downsample"},
        {"up_blocks.#.resnets.#", "up_blocks.#.block.#"},
        {"up_blocks.#.attentions.#", "up_blocks.#.attn.#"},
        {"up_blocks.#.upsamplers.0", "up_blocks.#.upsample"},
        {"conv_shortcut", "nin_shortcut"},
        {"conv_norm_out", "norm_out"},
    };
    for (std::int64_t i = 0; i < up_blocks; ++i) {
        rules.push_back({"decoder.up_blocks." + std::to_string(i),
                         "decoder.up." + std::to_string(up_blocks - 1 - i)});
    }
    return rules;
}

[[nodiscard]] inline std::vector<RenameRule> old_diffusers_rules() {
    return {{"attentions.#.to_q", "attentions.#.query"},
            {"attentions.#.to_k", "attentions.#.key"},
            {"attentions.#.to_v", "attentions.#.value"},
            {"attentions.#.to_out.0", "attentions.#.proj_attn"}};
}

/// What stands in front of an autoencoder's names, or nothing where there is none. A file with
/// several has its own under the first of these.
[[nodiscard]] inline std::optional<std::string>
autoencoder_kl_prefix(std::span<const TensorInfo> tensors) {
    std::set<std::string> found;
    for (const std::string_view name : {"encoder.conv_in.weight", "decoder.conv_in.weight"}) {
        for (const auto& tensor : tensors) {
            if (!tensor.name.ends_with(name)) continue;
            const auto prefix = tensor.name.substr(0, tensor.name.size() - name.size());
            if (prefix.empty() || prefix.ends_with('.')) found.insert(prefix);
        }
    }
    for (const std::string known : {"first_stage_model.", "vae.", ""}) {
        if (found.contains(known)) return known;
    }
    return found.empty() ? std::nullopt : std::optional(*found.begin());
}

} // namespace detail

/// The rules from a parameter's name to its name in a layout, without any prefix.
[[nodiscard]] inline std::vector<RenameRule> autoencoder_kl_rules(AutoencoderKLLayout layout,
                                                                  std::int64_t up_blocks) {
    if (layout == AutoencoderKLLayout::ldm) return detail::ldm_rules(up_blocks);
    if (layout == AutoencoderKLLayout::old_diffusers) return detail::old_diffusers_rules();
    return {};
}

inline std::vector<RenameRule> AutoencoderKLKeys::rules() const {
    auto rules = autoencoder_kl_rules(layout, up_blocks);
    if (old_samplers) {
        rules.push_back({"downsamplers.0.conv", "downsamplers.0.Conv2d_0"});
        rules.push_back({"upsamplers.0.conv", "upsamplers.0.Conv2d_0"});
    }
    if (!prefix.empty()) rules.push_back({"", prefix.substr(0, prefix.size() - 1)});
    return rules;
}

/// How the file names its AutoencoderKL, or nothing where it has none. What counts is where
/// encoder.conv_in.weight or decoder.conv_in.weight stands: behind `first_stage_model.` or
/// `vae.` in a whole Stable Diffusion checkpoint, at the front in a file of its own, or behind
/// anything else that ends with a dot.
[[nodiscard]] inline std::optional<AutoencoderKLKeys>
find_autoencoder_kl_keys(std::span<const TensorInfo> tensors) {
    const auto prefix = detail::autoencoder_kl_prefix(tensors);
    if (!prefix) return std::nullopt;
    AutoencoderKLKeys keys;
    keys.prefix = *prefix;
    constexpr std::int64_t most = 64; // far more than any network has, few enough for a table
    std::set<std::string_view> names;
    std::vector<std::string_view> aliases;
    for (const auto& tensor : tensors) {
        std::string_view name = tensor.name;
        if (!name.starts_with(keys.prefix)) continue;
        const auto parts = detail::split_name(name.substr(keys.prefix.size()));
        if (parts.size() < 3 || (parts[0] != "encoder" && parts[0] != "decoder")) continue;
        names.insert(name);
        const auto has = [&](std::string_view part) {
            return std::ranges::find(parts, part) != parts.end();
        };
        if (parts[1] == "conv_in") (parts[0] == "encoder" ? keys.encoder : keys.decoder) = true;
        if (parts[1] == "mid" || parts[1] == "down" || parts[1] == "up" ||
            parts[1] == "norm_out") {
            keys.layout = AutoencoderKLLayout::ldm;
        } else if (has("attentions") && (has("query") || has("proj_attn"))) {
            keys.layout = AutoencoderKLLayout::old_diffusers;
        }
        if (has("Conv2d_0")) aliases.push_back(name);
        if (parts[0] == "decoder" && (parts[1] == "up" || parts[1] == "up_blocks")) {
            const auto number = detail::part_number(parts[2]);
            if (number < most) keys.up_blocks = std::max(keys.up_blocks, number + 1);
        }
    }
    for (const auto alias : aliases) {
        std::string twin(alias);
        twin.replace(twin.find("Conv2d_0"), std::string_view("Conv2d_0").size(), "conv");
        if (names.contains(twin)) {
            keys.twins.emplace(alias);
        } else {
            keys.old_samplers = true;
        }
    }
    return keys;
}

/// The file's tensors of that autoencoder under our names; what is beside it, as `loss.` and
/// `model_ema.`, is left out.
[[nodiscard]] inline std::map<std::string, const TensorInfo*, std::less<>>
autoencoder_kl_tensors(std::span<const TensorInfo> tensors, const AutoencoderKLKeys& keys) {
    const auto roots = keys.roots();
    const auto back = inverse(keys.rules());
    std::map<std::string, const TensorInfo*, std::less<>> ours;
    for (const auto& tensor : tensors) {
        const auto begins = [&](const std::string& root) {
            return tensor.name.starts_with(root);
        };
        if (std::ranges::none_of(roots, begins)) continue;
        if (keys.twins.contains(tensor.name)) continue;
        ours.emplace(renamed(tensor.name, back), &tensor);
    }
    return ours;
}

} // namespace latent
