/// Files of seeded networks, as the projects that train them name their tensors.
#pragma once

#include <latent/io/safetensors_writer.hpp>
#include <latent/models/autoencoder_tiny.hpp>
#include <latent/models/vae_approx.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace latent::test {

/// From our name to the file's; an empty one leaves the tensor out.
using FileName = std::function<std::string(const std::string&)>;

/// encoder.layers.3.conv.0.weight, as diffusers has it.
[[nodiscard]] inline std::string diffusers_name(const std::string& name) { return name; }

/// A side of the taesd project's files: 3.conv.0.weight, and one more in the decoder.
[[nodiscard]] inline FileName taesd_name(const std::string& side) {
    return [side](const std::string& name) -> std::string {
        const auto prefix = side + ".layers.";
        if (!name.starts_with(prefix)) return {};
        const auto dot = name.find('.', prefix.size());
        const auto number = std::stoi(name.substr(prefix.size(), dot - prefix.size()));
        return std::to_string(number + (side == "decoder" ? 1 : 0)) + name.substr(dot);
    };
}

/// What a network asks for, in the order in which torch draws it.
[[nodiscard]] inline std::vector<ParameterRequest>
parameters_of(const AutoencoderTinyConfig& config) {
    Recorder recorder;
    (void)AutoencoderTiny<Meta>(Weights(recorder), config);
    return recorder.requests();
}

/// Saves the network that AutoencoderTiny(Weights(TorchInit(seed)), config) is. As BF16 every
/// value loses its lower 16 bits.
inline void save_network(const std::filesystem::path& path, const AutoencoderTinyConfig& config,
                         std::uint64_t seed, const FileName& rename, bool bfloat16 = false) {
    TorchInit init(seed);
    const auto requests = parameters_of(config);
    std::vector<std::vector<float>> values;
    std::vector<NamedTensor> tensors;
    values.reserve(requests.size());
    for (const auto& request : requests) {
        auto& data = values.emplace_back(static_cast<std::size_t>(request.shape.numel()));
        init.read(request, std::span<float>(data));
        const auto name = rename(request.name);
        if (name.empty()) continue;
        auto bytes = std::as_writable_bytes(std::span(data));
        if (bfloat16) {
            for (std::size_t i = 0; i < data.size(); ++i) {
                std::memmove(bytes.data() + 2 * i, bytes.data() + 4 * i + 2, 2);
            }
            bytes = bytes.first(2 * data.size());
        }
        tensors.emplace_back(name, bfloat16 ? DType::BF16 : DType::F32, request.shape, bytes);
    }
    save_safetensors(path, std::move(tensors));
}

/// Saves the network that VAEApprox(Weights(TorchInit(seed))) is.
inline void save_vae_approx(const std::filesystem::path& path, std::uint64_t seed) {
    Recorder recorder;
    (void)VAEApprox<Meta>(Weights(recorder));
    TorchInit init(seed);
    std::vector<std::vector<float>> values;
    std::vector<NamedTensor> tensors;
    values.reserve(recorder.requests().size());
    for (const auto& request : recorder.requests()) {
        auto& data = values.emplace_back(static_cast<std::size_t>(request.shape.numel()));
        init.read(request, std::span<float>(data));
        tensors.emplace_back(request.name, DType::F32, request.shape,
                             std::as_bytes(std::span(data)));
    }
    save_safetensors(path, std::move(tensors));
}

} // namespace latent::test
