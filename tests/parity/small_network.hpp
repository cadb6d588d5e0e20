/// A small autoencoder, its weights, and recordings of it, for the tests of parity.
#pragma once

#include "support/catch.hpp"

#include <latent/models/autoencoder_kl.hpp>
#include <latent/parity/parameters.hpp>
#include <latent/parity/record.hpp>
#include <latent/tensor/random.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace latent::test {

/// Torch's initial weights, and a little more on each: norms that are not 1 and 0, so that no
/// mistake hides.
class LivelyWeights final : public WeightSource {
public:
    explicit LivelyWeights(std::uint64_t seed) : initial_(seed), more_(seed + 1) {}

    void read(const ParameterRequest& request, std::span<float> out) override {
        initial_.read(request, out);
        const auto noise = more_.randn<Cpu<float>>(request.shape);
        const auto size = request.shape.rank() == 1 ? 0.2F : 0.02F;
        for (std::size_t i = 0; i < out.size(); ++i) out[i] += size * noise.data()[i];
    }
    void read(const ParameterRequest& request, std::span<double> out) override {
        std::vector<float> values(out.size());
        read(request, std::span<float>(values));
        std::ranges::copy(values, out.begin());
    }

private:
    TorchInit initial_;
    Generator more_;
};

struct SmallDecoder {
    AutoencoderKLConfig config;
    Tensor<Cpu<float>> latents;

    SmallDecoder() : latents(Generator(1).randn<Cpu<float>>({1, 4, 10, 12})) {
        config.block_out_channels = {16, 32};
        config.down_block_types = {"DownEncoderBlock2D", "DownEncoderBlock2D"};
        config.up_block_types = {"UpDecoderBlock2D", "UpDecoderBlock2D"};
        config.norm_num_groups = 8;
        config.layers_per_block = 1;
    }

    [[nodiscard]] std::unique_ptr<WeightSource> weights() const {
        return std::make_unique<KeptWeights>(std::make_unique<LivelyWeights>(3));
    }
    template <class Device>
    [[nodiscard]] DecoderKL<Device> make() const {
        const auto source = weights();
        return DecoderKL<Device>(Weights(*source), config);
    }

    /// What a run of the network shows, with its parameters: what is right.
    [[nodiscard]] Recording reference() const {
        Recorder wanted;
        (void)DecoderKL<Meta>(Weights(wanted), config);
        Tensor<Cpu<double>> z(latents.shape());
        std::ranges::copy(latents.values(), z.data());
        const RecordTrace<Cpu<double>> record;
        (void)make<Cpu<double>>().forward(z, record);
        auto recording = record.finish();
        // Read in the order of construction, as the weights are drawn.
        auto source = weights();
        for (const auto& request : wanted.requests()) {
            std::vector<float> values(static_cast<std::size_t>(request.shape.numel()));
            source->read(request, std::span<float>(values));
        }
        add_parameters(recording, std::move(source), wanted.requests());
        return recording;
    }
};

/// The outputs of a run, as somebody else dumps them: no inputs, no classes.
template <class Device>
[[nodiscard]] Recording dump(const DecoderKL<Device>& network, const Tensor<Device>& latents) {
    const RecordTrace<Device> record(false);
    (void)network.forward(latents, record);
    auto recording = record.finish();
    recording.modules.clear();
    return recording;
}

/// A recording whose tensors went through a function, such as rounding.
template <class Change>
[[nodiscard]] Recording changed_dump(const Recording& recording, const Change& change) {
    Recording other;
    auto store = std::make_unique<MemoryStore>();
    for (const auto& name : recording.order) {
        if (auto tensor = change(name, recording.read(name))) {
            other.order.push_back(name);
            store->add(name, std::move(*tensor));
        }
    }
    other.tensors = std::move(store);
    return other;
}

} // namespace latent::test
