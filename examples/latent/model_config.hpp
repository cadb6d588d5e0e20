#pragma once

#include <latent/io/config.hpp>
#include <latent/io/load_autoencoder_kl.hpp>
#include <latent/io/load_autoencoder_tiny.hpp>
#include <latent/io/model_files.hpp>
#include <latent/io/model_kind.hpp>
#include <latent/io/text.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

/// Configs without weights: what a config.json alone tells about a network.

namespace latent::command {

/// Whether the bytes are JSON text. In safetensors a length stands first, of which the upper
/// bytes are 0, as no text has them.
[[nodiscard]] inline bool is_json(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    return first != std::string_view::npos && text[first] == '{' &&
           text.substr(0, 8).find('\0') == std::string_view::npos;
}

/// Whether a file of JSON is a sharded checkpoint's index: by its name, as
/// model.safetensors.index.json, or by what it holds.
[[nodiscard]] inline bool is_index(const std::filesystem::path& path, std::string_view text) {
    return path.extension() == ".json" &&
           (path.filename().string().find(".index.") != std::string::npos ||
            text.find("\"weight_map\"") != std::string_view::npos);
}

/// Whether a file is a config.json, by its name or by what it holds.
[[nodiscard]] inline bool is_config(const std::filesystem::path& path, std::string_view text) {
    return (is_json(text) || path.extension() == ".json") && !is_index(path, text);
}

/// The class that a config.json is of: its _class_name says it, or else fields that one class
/// alone has; nothing where neither tells. Throws Error for another class.
[[nodiscard]] inline std::optional<ModelKind> config_kind(const std::filesystem::path& path) {
    const auto json = load_config_json(path);
    if (!json.is_object()) {
        fail(display(path), latent::detail::json_text(json), "a JSON object");
    }
    if (const auto name = json.find("_class_name"); name != json.end()) {
        for (const auto kind : {ModelKind::autoencoder_kl, ModelKind::autoencoder_tiny}) {
            if (*name == to_string(kind)) return kind;
        }
        fail(display(path), "_class_name " + latent::detail::json_text(*name),
             "AutoencoderKL or AutoencoderTiny");
    }
    if (json.contains("down_block_types")) return ModelKind::autoencoder_kl;
    if (json.contains("num_decoder_blocks")) return ModelKind::autoencoder_tiny;
    return std::nullopt;
}

/// VAEApprox is one network.
struct VAEApproxConfig {
    [[nodiscard]] std::int64_t decoder_factor() const { return 8; } ///< of what it stands for
};

/// A network's config, and the sides that are there.
struct ModelConfig {
    std::string path; ///< begins an Error
    std::variant<AutoencoderKLConfig, AutoencoderTinyConfig, VAEApproxConfig> config;
    bool encoder = true, decoder = true;
};

namespace detail {

/// The config.json of a path that has no weights to ask: the file itself, or the one of a
/// folder that holds no more.
[[nodiscard]] inline std::optional<std::filesystem::path>
lone_config(const std::filesystem::path& path) {
    namespace files = latent::detail;
    if (!files::is_folder(path)) {
        if (!files::file_exists(path)) return std::nullopt;
        const MappedFile file(path);
        const auto bytes = file.bytes();
        const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return is_config(path, text) ? std::optional(path) : std::nullopt;
    }
    const auto folder =
        files::is_folder(path / "snapshots") ? files::cache_snapshot(path) : path;
    for (const auto& place : {folder, folder / "vae"}) {
        if (files::weights_in(place)) return std::nullopt;
    }
    for (const auto& place : {folder, folder / "vae"}) {
        if (files::file_exists(place / "config.json")) return place / "config.json";
    }
    return std::nullopt;
}

} // namespace detail

/// The config of whatever stands at the path: a config.json, a folder with one, with weights or
/// without, or a file of weights, whose names and shapes tell. No weight is read.
[[nodiscard]] inline ModelConfig model_config(const std::filesystem::path& path) {
    if (const auto alone = detail::lone_config(path)) {
        const auto where = display(*alone);
        const auto kind = config_kind(*alone);
        if (!kind) {
            fail(where, "a config without _class_name",
                 "that of an AutoencoderKL or AutoencoderTiny");
        }
        if (*kind == ModelKind::autoencoder_kl)
            return {where, load_autoencoder_kl_config(*alone).config};
        return {where, load_autoencoder_tiny_config(*alone).config};
    }
    switch (model_kind(path)) {
    case ModelKind::autoencoder_kl: {
        const auto files = open_autoencoder_kl(path);
        return {files.path, files.config, files.encoder, files.decoder};
    }
    case ModelKind::autoencoder_tiny: {
        const auto files = open_autoencoder_tiny(path);
        return {files.path, files.config, files.encoder.has_value(), files.decoder.has_value()};
    }
    case ModelKind::vae_approx:
        break;
    }
    return {display(path), VAEApproxConfig{}, false, true};
}

} // namespace latent::command
