#pragma once

#include "latent/io/checkpoint.hpp"
#include "latent/io/config.hpp"
#include "latent/io/load.hpp"
#include "latent/io/model_files.hpp"
#include "latent/io/text.hpp"
#include "latent/io/weight_source.hpp"
#include "latent/models/latent_colours.hpp"
#include "latent/models/vae_approx.hpp"
#include "latent/tensor/weights.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <utility>
#include <vector>

/// From a file to the small network of previews, in one call:
///     const auto network = load_vae_approx("vaeapprox-sdxl.pt");
///     const auto images = preview(latents, network);   // pipelines/preview.hpp

namespace latent {

/// stable-diffusion-webui's model.pt and vaeapprox-sdxl.pt, or the same tensors in any other
/// form that find_model() understands: conv1.weight, conv1.bias ... conv8.bias. A lone file
/// does not tell which latents it is for. One Error lists all that is missing, unexpected or
/// misshapen.
template <class Device = Cpu<float>>
[[nodiscard]] VAEApprox<Device> load_vae_approx(const std::filesystem::path& path) {
    auto file = Checkpoint::open(find_model(path).weights);
    Recorder recorder;
    (void)VAEApprox<Meta>(Weights(recorder));
    const auto& requests = recorder.requests();
    if (std::ranges::none_of(requests, [&](const auto& request) {
            return file.find(request.name) != nullptr;
        })) {
        detail::fail_names(file.path(), file.tensors(), "a VAEApprox",
                           "its names begin with conv1 ... conv8");
    }
    CheckpointSource source(std::move(file));
    source.check(requests);
    return VAEApprox<Device>(Weights(source));
}

/// The table of LinearPreview that a folder's config.json has: latent_rgb_factors, a row of
/// red, green and blue for each of four latent channels. Throws Error where it has none.
[[nodiscard]] inline LatentColours load_latent_colours(const std::filesystem::path& path) {
    const auto config = find_model(path).config;
    if (!config) fail(display(path), "no config.json", "one with latent_rgb_factors");
    const auto where = display(*config);
    const auto json = load_config_json(*config);
    const auto found = json.is_object() ? json.find("latent_rgb_factors") : json.end();
    if (!json.is_object() || found == json.end())
        fail(where, "no latent_rgb_factors", "a table of colours for linear previews");
    std::vector<std::vector<double>> table;
    const auto fits = [](const auto& row) {
        return row.size() == 3 && std::ranges::all_of(row, [](double number) {
                   return std::isfinite(static_cast<float>(number));
               });
    };
    if (!detail::assign_field(*found, table) || table.size() != 4 ||
        !std::ranges::all_of(table, fits)) {
        fail(where, "latent_rgb_factors = " + detail::json_text(*found), "numbers [4][3]");
    }
    LatentColours colours{};
    for (std::size_t l = 0; l < colours.size(); ++l)
        for (std::size_t r = 0; r < 3; ++r) colours[l][r] = static_cast<float>(table[l][r]);
    return colours;
}

} // namespace latent
