#pragma once

#include "latent/io/checkpoint.hpp"
#include "latent/io/load.hpp"
#include "latent/io/weight_source.hpp"
#include "latent/models/vae_approx.hpp"
#include "latent/tensor/weights.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

/// From a file to the small network of previews, in one call:
///     const auto network = load_vae_approx("vaeapprox-sdxl.pt");
///     const auto images = preview(latents, network);   // pipelines/preview.hpp

namespace latent {

/// stable-diffusion-webui's model.pt and vaeapprox-sdxl.pt, or the same tensors in any other
/// form that Checkpoint opens: conv1.weight, conv1.bias ... conv8.bias. Which of the two it is
/// the file does not tell. One Error lists all that is missing, unexpected or misshapen.
template <class Device = Cpu<float>>
[[nodiscard]] VAEApprox<Device> load_vae_approx(const std::filesystem::path& path) {
    auto file = Checkpoint::open(path);
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

} // namespace latent
