// Running a network with a recorder.

#include "record_network.hpp"

#include "files.hpp"

#include <latent/io/load_autoencoder_kl.hpp>
#include <latent/io/load_autoencoder_tiny.hpp>
#include <latent/io/load_vae_approx.hpp>
#include <latent/io/model_kind.hpp>
#include <latent/ops/check_finite.hpp>
#include <latent/parity/parameters.hpp>
#include <latent/parity/record.hpp>
#include <latent/tensor/workspace.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent::command {

namespace {

/// The largest recording that is tried.
constexpr double max_recording_gib = 32;

/// Keeps what it is told from the module `entry` on, which gets the whole input, and hands
/// every module the input that `isolate` has for it. Ctrl-C ends the run.
template <class Device>
class Listener {
public:
    Listener(const Tensor<Device>& input, const RecordOptions& options)
        : input_(&input), entry_(&options.entry), record_(options.inputs) {
        if (options.isolated != nullptr) isolate_.emplace(*options.isolated, record_);
    }

    template <class Module>
    const Tensor<Device>& enter(const Module& module, const Tensor<Device>& x) const {
        const bool enters = !inside_ && (entry_->empty() || module.path == *entry_);
        inside_ = inside_ || enters;
        if (!inside_) return x;
        const auto& in = enters && !entry_->empty() ? *input_ : x;
        return isolate_ ? isolate_->enter(module, in) : record_.enter(module, in);
    }
    void operator()(std::string_view path, const Tensor<Device>& y) const {
        stop_if_interrupted();
        if (inside_) record_(path, y);
    }
    [[nodiscard]] Recording finish() const { return record_.finish(); }

private:
    const Tensor<Device>* input_;
    const std::string* entry_;
    RecordTrace<Device> record_;
    std::optional<IsolateTrace<Device, RecordTrace<Device>>> isolate_;
    mutable bool inside_ = false; // a trace is handed on as const
};

template <class Device, template <class> class Network>
Recording run(const Network<Device>& network, const Tensor<Cpu<double>>& x,
              const RecordOptions& options) {
    Workspace workspace({.threads = options.threads});
    Tensor<Device> input(x.shape());
    std::ranges::transform(x.values(), input.data(), [](double value) {
        return static_cast<typename Device::scalar>(value);
    });
    const Listener<Device> listener(input, options);
    (void)network.forward(input, listener);
    return listener.finish();
}

Precision precision_of(std::span<const CheckpointPart> parts) {
    for (const auto& part : parts) {
        for (const auto& tensor : part.file.tensors()) {
            if (tensor.dtype == DType::F64) return Precision::f64;
        }
    }
    return Precision::f32;
}

/// Counts what a recorder would keep.
struct CountTrace {
    std::int64_t* numbers;

    void operator()(std::string_view, const auto& y) const { *numbers += y.numel(); }
};

/// The parameters that a network asks for when build(Weights) makes it on Meta. Throws Error
/// where its recording would be larger than anybody means it to be.
template <class Build>
std::vector<ParameterRequest> check_size(const Build& build, const Shape& shape,
                                         const RecordOptions& options) {
    Recorder recorder;
    const auto network = build(Weights(recorder));
    std::int64_t numbers = 0;
    {
        Workspace workspace({.threads = 1});
        (void)network.forward(Tensor<Meta>(shape), CountTrace{&numbers});
    }
    const double size = options.precision == Precision::f64 ? 8 : 4;
    const auto gib = static_cast<double>(numbers) * size / (1024.0 * 1024 * 1024);
    if (gib > max_recording_gib) {
        fail("a recording of " + to_string(shape), latent::detail::short_number(gib) + " GiB",
             "at most " + latent::detail::short_number(max_recording_gib),
             "a few latents tell as much");
    }
    return recorder.requests();
}

/// One side of a network: `load(Device())` gives it with its weights, `build(Weights)` without,
/// `open_source()` its parameters.
template <class Load, class Build, class OpenSource>
Recording record_side(const Load& load, const Build& build, const OpenSource& open_source,
                      const Tensor<Cpu<double>>& x, const RecordOptions& options) {
    const auto requests = check_size(build, x.shape(), options);
    auto recording = options.precision == Precision::f64 ? run(load(Cpu<double>()), x, options)
                                                         : run(load(Cpu<float>()), x, options);
    if (!options.parameters) return recording;
    CheckpointSource source = open_source();
    const auto precision = precision_of(source.parts());
    add_parameters(recording, std::make_unique<CheckpointSource>(std::move(source)), requests,
                   precision);
    return recording;
}

Recording record_kl(const std::string& model, Direction direction, const Tensor<Cpu<double>>& x,
                    const RecordOptions& options) {
    const auto config = open_autoencoder_kl(model).config;
    const auto open_source = [&] { return autoencoder_kl_source(open_autoencoder_kl(model)); };
    if (direction == Direction::encode) {
        return record_side(
            [&](auto device) { return load_encoder_kl<decltype(device)>(model); },
            [&](const Weights& root) { return EncoderKL<Meta>(root, config); }, open_source, x,
            options);
    }
    return record_side([&](auto device) { return load_decoder_kl<decltype(device)>(model); },
                       [&](const Weights& root) { return DecoderKL<Meta>(root, config); },
                       open_source, x, options);
}

Recording record_tiny(const std::string& model, Direction direction,
                      const Tensor<Cpu<double>>& x, const RecordOptions& options) {
    const auto config = open_autoencoder_tiny(model).config;
    const auto open_source = [&] {
        return CheckpointSource(open_autoencoder_tiny(model).parts);
    };
    if (direction == Direction::encode) {
        return record_side(
            [&](auto device) { return load_encoder_tiny<decltype(device)>(model); },
            [&](const Weights& root) { return EncoderTiny<Meta>(root["encoder"], config); },
            open_source, x, options);
    }
    return record_side(
        [&](auto device) { return load_decoder_tiny<decltype(device)>(model); },
        [&](const Weights& root) { return DecoderTiny<Meta>(root["decoder"], config); },
        open_source, x, options);
}

Recording record_approx(const std::string& model, const Tensor<Cpu<double>>& x,
                        const RecordOptions& options) {
    return record_side([&](auto device) { return load_vae_approx<decltype(device)>(model); },
                       [](const Weights& root) { return VAEApprox<Meta>(root); },
                       [&] { return CheckpointSource(Checkpoint::open(model)); }, x, options);
}

} // namespace

NetworkSides sides_of_network(const std::string& model) {
    const auto kind = model_kind(model);
    NetworkSides sides{.path = display(model),
                       .class_name = std::string(to_string(kind)),
                       .image = {},
                       .latent = {}};
    if (kind == ModelKind::autoencoder_kl) {
        const auto files = open_autoencoder_kl(model);
        if (files.encoder) sides.image = files.config.in_channels;
        if (files.decoder) sides.latent = files.config.latent_channels;
        sides.factor = files.config.factor();
        sides.scaled = false;
        sides.has_conv_in = true;
    } else if (kind == ModelKind::autoencoder_tiny) {
        const auto files = open_autoencoder_tiny(model);
        if (files.encoder) sides.image = files.config.in_channels;
        if (files.decoder) sides.latent = files.config.latent_channels;
        sides.factor = files.config.encoder_factor();
    } else {
        sides.latent = 4;
    }
    return sides;
}

Direction NetworkSides::direction(const std::string& where, const Shape& x,
                                  const std::string& chosen) const {
    const auto channels = x.rank() == 4 ? x[1] : -1;
    const bool encodes = image && *image == channels && chosen != "decode";
    const bool decodes = latent && *latent == channels && chosen != "encode";
    if (encodes && decodes) {
        fail(where, to_string(x) + ", which may be images or latents of " + path,
             "--side encode or --side decode");
    }
    if (encodes) return Direction::encode;
    if (decodes) return Direction::decode;
    std::string expected;
    if (image && chosen != "decode")
        expected = "images [N, " + std::to_string(*image) + ", H, W]";
    if (latent && chosen != "encode") {
        expected += (expected.empty() ? "" : " or ") + std::string("latents [N, ") +
                    std::to_string(*latent) + ", h, w]";
    }
    if (expected.empty()) fail(path, "no side that can " + chosen, "one that can");
    fail(where, to_string(x), expected + " for " + path);
}

Recording record_network(const std::string& model, Direction direction,
                         const Tensor<Cpu<double>>& x, const RecordOptions& options) {
    auto recording = [&] {
        switch (model_kind(model)) {
        case ModelKind::autoencoder_kl:
            return record_kl(model, direction, x, options);
        case ModelKind::autoencoder_tiny:
            return record_tiny(model, direction, x, options);
        case ModelKind::vae_approx:
            break;
        }
        return record_approx(model, x, options);
    }();
    recording.where = display(model);
    recording.metadata["latent"] = std::string(to_string(options.precision));
    return recording;
}

} // namespace latent::command
