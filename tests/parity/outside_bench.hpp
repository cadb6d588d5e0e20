/// What tests of parity need around the outside port: a network of ours with the port's
/// weights, a recording of it, and the port's dump as a recording. The port itself knows
/// nothing of this library, nor does this header of how parity compares.
#pragma once

#include "parity/outside_faults.hpp"

#include <latent/models/autoencoder_kl.hpp>
#include <latent/parity/parameters.hpp>
#include <latent/parity/record.hpp>
#include <latent/tensor/random.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace latent::test {

/// The config.json of the port's settings; the heads of attention are not in it.
[[nodiscard]] inline AutoencoderKLConfig config_of(const outside::Settings& settings) {
    AutoencoderKLConfig config;
    config.block_out_channels.assign(settings.widths.begin(), settings.widths.end());
    config.down_block_types.clear();
    for (const bool attends : settings.attends) {
        config.down_block_types.push_back(attends ? "AttnDownEncoderBlock2D"
                                                  : "DownEncoderBlock2D");
        config.up_block_types.insert(config.up_block_types.begin(),
                                     attends ? "AttnUpDecoderBlock2D" : "UpDecoderBlock2D");
    }
    config.up_block_types.pop_back(); // the default
    config.layers_per_block = settings.layers;
    config.norm_num_groups = settings.groups;
    config.latent_channels = settings.latents;
    config.use_quant_conv = config.use_post_quant_conv = settings.quantised;
    config.scaling_factor = static_cast<double>(settings.factor);
    if (settings.shift != 0) config.shift_factor = static_cast<double>(settings.shift);
    return config;
}

/// A checkpoint that looks trained: torch's initialisation, and then every number moved, so
/// that no norm has weight 1 and bias 0 and no two layers have activations of one size.
[[nodiscard]] inline outside::Weights weights_of(const AutoencoderKLConfig& config,
                                                 std::uint64_t seed,
                                                 const outside::Louder& louder = {}) {
    Recorder recorder;
    (void)AutoencoderKL<Meta>(Weights(recorder), config);
    TorchInit init(seed);
    Generator random(seed + 100);
    outside::Weights weights;
    for (const auto& request : recorder.requests()) {
        auto& values = weights[request.name];
        values.resize(static_cast<std::size_t>(request.shape.numel()));
        init.read(request, std::span<float>(values));
        std::vector<float> noise(values.size());
        random.uniform_(noise, -0.5F, 0.5F);
        const bool is_norm = request.init.kind != Init::Kind::uniform;
        for (std::size_t i = 0; i < values.size(); ++i) {
            values[i] = values[i] * (1 + noise[i]) + (is_norm ? 0.3F * noise[i] : 0);
        }
    }
    for (const auto& [name, factor] : louder) {
        for (auto& value : weights.at(name)) value *= factor;
    }
    return weights;
}

/// The port's weights for networks of ours.
class OutsideWeights final : public WeightSource {
public:
    explicit OutsideWeights(outside::Weights weights) : weights_(std::move(weights)) {}
    void read(const ParameterRequest& request, std::span<float> out) override {
        std::ranges::copy(weights_.at(request.name), out.begin());
    }
    void read(const ParameterRequest& request, std::span<double> out) override {
        std::ranges::copy(weights_.at(request.name), out.begin());
    }

private:
    outside::Weights weights_;
};

/// The same network, with the port's number of heads.
template <class Device>
[[nodiscard]] AutoencoderKL<Device> network_of(const outside::Settings& settings,
                                               const outside::Weights& weights) {
    OutsideWeights source(weights);
    AutoencoderKL<Device> vae(Weights(source), config_of(settings));
    const auto set = [&](auto& block) {
        for (auto& attention : block.attentions) attention.heads = settings.heads;
    };
    for (auto& block : vae.encoder.down_blocks) set(block);
    for (auto& block : vae.decoder.up_blocks) set(block);
    set(vae.encoder.mid_block);
    set(vae.decoder.mid_block);
    return vae;
}

/// What goes in: for the port an image or latents as a diffusion model leaves them, for a
/// network of ours raw latents.
struct PortInput {
    int n, c, h, w;
    outside::Floats values;

    [[nodiscard]] static PortInput of(const outside::Settings& settings, bool decodes, int n,
                                      int h, int w, std::uint64_t seed) {
        PortInput input{n, decodes ? settings.latents : 3, h, w, {}};
        input.values.resize(static_cast<std::size_t>(n * input.c * h * w));
        Generator(seed).randn(input.values);
        return input;
    }
    [[nodiscard]] Tensor<Cpu<float>> raw(const outside::Settings& settings,
                                         bool decodes) const {
        Tensor<Cpu<float>> x({n, c, h, w});
        for (std::size_t i = 0; i < values.size(); ++i) {
            x.data()[i] = decodes ? values[i] / settings.factor + settings.shift : values[i];
        }
        return x;
    }
};

/// The reference: every module of our network, and its parameters.
[[nodiscard]] inline Recording recorded(const outside::Settings& settings,
                                        const outside::Weights& weights, bool decodes,
                                        const PortInput& input) {
    const auto vae = network_of<Cpu<float>>(settings, weights);
    const auto x = input.raw(settings, decodes);
    const RecordTrace<Cpu<float>> trace;
    if (decodes)
        (void)vae.decode(x, trace);
    else
        (void)vae.encode(x, trace);
    auto recording = trace.finish();
    Recorder wanted;
    (void)AutoencoderKL<Meta>(Weights(wanted), config_of(settings));
    add_parameters(recording, std::make_unique<OutsideWeights>(weights), wanted.requests());
    return recording;
}

/// One output of a dump: torch's name, or the port's where torch has none.
struct PortRow {
    std::string name, torch;
    Shape shape;
    outside::Floats values;
};

/// What the port dumps of a run, which has gaps.
[[nodiscard]] inline std::vector<PortRow> port_rows(const outside::Architecture& architecture,
                                                    const std::vector<outside::Dumped>& dump) {
    std::vector<PortRow> rows;
    for (const auto& layer : dump) {
        const auto torch = architecture.row(layer);
        if (!torch) continue;
        const auto& x = layer.values;
        std::vector<std::int64_t> dims;
        if (x.n > 1 || architecture.keeps_batch_axis) dims.push_back(x.n);
        if (layer.tokens && architecture.lists_tokens)
            dims.insert(dims.end(), {std::int64_t{x.h} * x.w, x.c});
        else
            dims.insert(dims.end(), {x.h, x.w, x.c});
        rows.push_back({layer.name, *torch, Shape(dims), x.v});
    }
    return rows;
}

[[nodiscard]] inline std::vector<PortRow>
port_run(const outside::Architecture& architecture, const outside::Weights& weights,
         bool decodes, const PortInput& input, outside::Numbers numbers,
         const outside::Fault& fault = {}, bool two_passes = true) {
    outside::Vae port(architecture.settings, weights, numbers, fault, two_passes);
    if (decodes)
        (void)port.decode(input.values, input.n, input.h, input.w);
    else
        (void)port.encode(input.values, input.n, input.h, input.w);
    return port_rows(architecture, port.dump());
}

/// A dump in memory, in the numbers that the port computed in.
class PortStore final : public TensorStore {
public:
    PortStore(std::vector<PortRow> rows, outside::Numbers numbers) : numbers_(numbers) {
        for (auto& row : rows) {
            auto name = row.torch.empty() ? row.name : row.torch;
            rows_.insert_or_assign(std::move(name), std::move(row));
        }
    }
    [[nodiscard]] std::vector<std::string> names() const override {
        std::vector<std::string> names;
        for (const auto& row : rows_) names.push_back(row.first);
        return names;
    }
    [[nodiscard]] bool has(const std::string& name) const override {
        return rows_.contains(name);
    }
    [[nodiscard]] Shape shape(const std::string& name) const override { return at(name).shape; }
    [[nodiscard]] Precision precision(const std::string&) const override {
        return numbers_ == outside::Numbers::single ? Precision::f32
               : numbers_ == outside::Numbers::half ? Precision::f16
                                                    : Precision::bf16;
    }
    [[nodiscard]] Tensor<Cpu<double>> read(const std::string& name) const override {
        const auto& row = at(name);
        Tensor<Cpu<double>> x(row.shape);
        std::ranges::copy(row.values, x.data());
        return x;
    }

private:
    [[nodiscard]] const PortRow& at(const std::string& name) const {
        const auto found = rows_.find(name);
        if (found == rows_.end()) fail("dump", name, "a tensor that was dumped");
        return found->second;
    }

    std::map<std::string, PortRow> rows_;
    outside::Numbers numbers_;
};

[[nodiscard]] inline Recording port_recording(std::vector<PortRow> rows,
                                              outside::Numbers numbers) {
    Recording recording;
    recording.where = "the outside port";
    for (const auto& row : rows) {
        recording.order.push_back(row.torch.empty() ? row.name : row.torch);
    }
    recording.tensors = std::make_unique<PortStore>(std::move(rows), numbers);
    return recording;
}

} // namespace latent::test
