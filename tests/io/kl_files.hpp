/// Files of seeded AutoencoderKL networks, under the names of several projects.
#pragma once

#include <latent/io/autoencoder_kl_keys.hpp>
#include <latent/io/safetensors_writer.hpp>
#include <latent/models/autoencoder_kl.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace latent::test {

/// Stable Diffusion 1, whole; for names and shapes.
[[nodiscard]] inline AutoencoderKLConfig stable_diffusion_config() {
    AutoencoderKLConfig config;
    config.block_out_channels = {128, 256, 512, 512};
    config.down_block_types.assign(4, "DownEncoderBlock2D");
    config.up_block_types.assign(4, "UpDecoderBlock2D");
    config.layers_per_block = 2;
    config.sample_size = 512;
    return config;
}

/// Three blocks, so that none is its own mirror image.
[[nodiscard]] inline AutoencoderKLConfig three_block_config() {
    AutoencoderKLConfig config;
    config.block_out_channels = {32, 32, 64};
    config.down_block_types.assign(3, "DownEncoderBlock2D");
    config.up_block_types.assign(3, "UpDecoderBlock2D");
    config.sample_size = 512;
    return config;
}

/// Attention behind the resnets of some blocks, another one of the encoder than of the decoder.
[[nodiscard]] inline AutoencoderKLConfig attending_config() {
    auto config = three_block_config();
    config.down_block_types[2] = "AttnDownEncoderBlock2D";
    config.up_block_types[0] = "AttnUpDecoderBlock2D";
    config.up_block_types[1] = "AttnUpDecoderBlock2D";
    return config;
}

/// As SD3 and FLUX.1 have it: 16 channels, nothing between them and the halves.
[[nodiscard]] inline AutoencoderKLConfig sixteen_channel_config() {
    auto config = three_block_config();
    config.latent_channels = 16;
    config.use_quant_conv = config.use_post_quant_conv = false;
    return config;
}

[[nodiscard]] inline std::vector<ParameterRequest>
kl_parameters(const AutoencoderKLConfig& config) {
    Recorder recorder;
    (void)AutoencoderKL<Meta>(Weights(recorder), config);
    return recorder.requests();
}

/// Where a parameter stands in a file; an empty name leaves it out.
struct PlaceInFile {
    std::string name;
    Shape shape;
};
using KLForm = std::function<PlaceInFile(const ParameterRequest&)>;

[[nodiscard]] inline PlaceInFile current_form(const ParameterRequest& request) {
    return {request.name, request.shape};
}

/// The names of these keys; of matrices the shape of `rank` dimensions, ones at the end.
[[nodiscard]] inline KLForm form_of(AutoencoderKLKeys keys, std::size_t rank = 2) {
    return [rules = keys.rules(), rank](const ParameterRequest& request) -> PlaceInFile {
        std::vector<std::int64_t> dims(request.shape.dims().begin(),
                                       request.shape.dims().end());
        if (dims.size() == 2) dims.resize(rank, 1);
        return {renamed(request.name, rules), Shape(std::move(dims))};
    };
}
[[nodiscard]] inline KLForm ldm_form(const AutoencoderKLConfig& config, std::string prefix) {
    AutoencoderKLKeys keys;
    keys.layout = AutoencoderKLLayout::ldm;
    keys.prefix = std::move(prefix);
    keys.up_blocks = std::ssize(config.block_out_channels);
    return form_of(std::move(keys), 4);
}

[[nodiscard]] inline std::vector<TensorInfo> kl_tensors(const AutoencoderKLConfig& config,
                                                        const KLForm& form = current_form) {
    std::vector<TensorInfo> tensors;
    for (const auto& request : kl_parameters(config)) {
        auto [name, shape] = form(request);
        if (!name.empty()) tensors.push_back({.name = std::move(name), .shape = shape});
    }
    return tensors;
}

/// Saves the network that AutoencoderKL(Weights(TorchInit(seed)), config) is, and `others`.
inline void save_kl(const std::filesystem::path& path, const AutoencoderKLConfig& config,
                    std::uint64_t seed, const KLForm& form = current_form,
                    std::vector<NamedTensor> others = {}) {
    TorchInit init(seed);
    std::vector<std::vector<float>> values;
    const auto requests = kl_parameters(config);
    values.reserve(requests.size());
    for (const auto& request : requests) {
        auto& data = values.emplace_back(static_cast<std::size_t>(request.shape.numel()));
        init.read(request, std::span<float>(data));
        auto [name, shape] = form(request);
        if (name.empty()) continue;
        others.emplace_back(std::move(name), DType::F32, std::move(shape),
                            std::as_bytes(std::span(data)));
    }
    save_safetensors(path, std::move(others));
}

} // namespace latent::test
