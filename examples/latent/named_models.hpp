#pragma once

#include <latent/io/system.hpp>
#include <latent/io/text.hpp>
#include <latent/tensor/error.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

/// The models that Latent brings have names: `-m small` is their folder.

namespace latent::command {

inline constexpr std::array<std::string_view, 3> named_models{"small", "tiny", "approx"};

/// Where a name's folder is: in $LATENT_MODELS, or where this program was built. Whatever else
/// there is, or is called so here, stays as it is. Throws Error where the folder is not there.
[[nodiscard]] inline std::string model_path(const std::string& given) {
    std::error_code error;
    if (std::ranges::find(named_models, given) == named_models.end()) return given;
    if (std::filesystem::exists(given, error)) return given;
    const auto told = environment("LATENT_MODELS");
    const auto folder = std::filesystem::path(told ? *told : LATENT_MODELS_FOLDER) / given;
    if (!std::filesystem::is_directory(folder, error)) {
        fail(given, "no folder " + display(folder), "that of a model that Latent brings",
             "LATENT_MODELS says where they are");
    }
    return folder.string();
}

/// For CLI11's -m: a name becomes its folder.
[[nodiscard]] inline CLI::Validator by_name() {
    return {[](std::string& text) {
                text = model_path(text);
                return std::string();
            },
            "", "by_name"};
}

} // namespace latent::command
