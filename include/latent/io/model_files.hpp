#pragma once

#include "latent/io/system.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

/// Where a model's files are, from the path that a person has at hand: a file, a model's
/// folder, a pipeline's folder, or a folder of the Hugging Face cache.

namespace latent {

/// The files of one model.
struct ModelFiles {
    std::filesystem::path weights; ///< a checkpoint, or the index of a sharded one
    std::optional<std::filesystem::path> config;
};

namespace detail {

[[nodiscard]] inline bool file_exists(const std::filesystem::path& path) {
    std::error_code error;
    if (std::filesystem::exists(path, error)) return true;
    // The cache holds links; a download that was broken off leaves them without their files.
    if (std::filesystem::is_symlink(path, error)) {
        fail(display(path), "a link to a file that is not there", "a file",
             "the download may be incomplete");
    }
    return false;
}

[[nodiscard]] inline bool is_folder(const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::is_directory(path, error);
}

/// models--org--name of the cache holds snapshots/REVISION/ with links into blobs/, and
/// refs/main with the name of the newest REVISION.
[[nodiscard]] inline std::filesystem::path cache_snapshot(const std::filesystem::path& folder) {
    const auto snapshots = folder / "snapshots";
    const auto main = folder / "refs" / "main";
    if (file_exists(main)) {
        const MappedFile file(main);
        const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()),
                                    file.bytes().size());
        const auto name = text.substr(0, text.find_first_of("\r\n "));
        const bool plain =
            !name.empty() && name.size() <= 128 &&
            name.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
        if (!plain) fail(display(main), in_quotes(name), "the name of a revision");
        if (is_folder(snapshots / name)) return snapshots / name;
        fail(display(main), "the revision " + in_quotes(name) + ", which is not in snapshots",
             "one that was downloaded");
    }
    std::vector<std::filesystem::path> found;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(snapshots, error), end;
         !error && entry != end; entry.increment(error)) {
        if (is_folder(entry->path())) found.push_back(entry->path());
    }
    if (found.size() == 1) return found.front();
    fail(display(snapshots), std::to_string(found.size()) + " revisions", "one",
         "name the folder of the one that is meant");
}

/// The names that diffusers gives to a model's weights, and transformers behind it: whole
/// before half precision, safetensors before pickles, one file before shards.
inline constexpr std::array weight_names = {
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.fp16.safetensors",
    "diffusion_pytorch_model.safetensors.index.fp16.json",
    "diffusion_pytorch_model.fp16.safetensors.index.json",
    "diffusion_pytorch_model.bin",
    "diffusion_pytorch_model.bin.index.json",
    "diffusion_pytorch_model.fp16.bin",
    "diffusion_pytorch_model.bin.index.fp16.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model.fp16.safetensors",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "pytorch_model.fp16.bin",
};

[[nodiscard]] inline std::optional<std::filesystem::path>
weights_in(const std::filesystem::path& folder) {
    for (const auto* const name : weight_names) {
        if (file_exists(folder / name)) return folder / name;
    }
    return std::nullopt;
}

/// Whether diffusers gives its models' weights such a name; then config.json belongs to it.
[[nodiscard]] inline bool is_diffusers_name(const std::filesystem::path& path) {
    return path.filename().string().starts_with("diffusion_pytorch_model");
}

} // namespace detail

/// The files that `path` means:
///   a file                            itself, a checkpoint or the index of a sharded one; and
///                                     where diffusers names it so, the config.json beside it
///   a model's folder                  its weights, under the first of diffusers' names, in
///                                     whole or half precision (.fp16.), and config.json
///   a pipeline's folder               the model in its `part`, as vae/
///   models--org--name of the cache    the revision that refs/main names, or the only one
/// Links are followed. Throws Error where there are no weights.
[[nodiscard]] inline ModelFiles find_model(const std::filesystem::path& path,
                                           std::string_view part = "vae") {
    if (!detail::is_folder(path)) {
        ModelFiles files{path, std::nullopt};
        auto config = path.parent_path() / "config.json";
        if (detail::is_diffusers_name(path) && detail::file_exists(config))
            files.config = std::move(config);
        return files;
    }
    auto folder = path;
    if (detail::is_folder(folder / "snapshots")) folder = detail::cache_snapshot(folder);
    auto weights = detail::weights_in(folder);
    if (!weights && detail::is_folder(folder / part)) {
        folder /= part;
        weights = detail::weights_in(folder);
    }
    if (!weights) {
        fail(display(folder), "a folder without weights",
             std::string(detail::weight_names.front()) + " or another of diffusers' names",
             "a file under any name can be given instead of its folder");
    }
    ModelFiles files{*weights, std::nullopt};
    if (detail::file_exists(folder / "config.json")) files.config = folder / "config.json";
    return files;
}

} // namespace latent
