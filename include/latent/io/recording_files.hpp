#pragma once

#include "latent/io/checkpoint.hpp"
#include "latent/io/recording_metadata.hpp"
#include "latent/io/rounding.hpp"
#include "latent/io/safetensors_writer.hpp"
#include "latent/io/system.hpp"
#include "latent/io/text.hpp"
#include "latent/parity/recording.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Recordings as safetensors files: tensors under the names of parity/recording.hpp, and what
/// else is known beside them (recording_metadata.hpp). reference_data/generate/record.py writes
/// the same from PyTorch.

namespace latent {

/// The precision that a dtype stands for. Whole numbers and floats of 8 bits are `other`: they
/// are listed, and can be read, but nobody compares them.
[[nodiscard]] constexpr Precision precision_of(DType dtype) {
    switch (dtype) {
    case DType::F64:
        return Precision::f64;
    case DType::F32:
        return Precision::f32;
    case DType::F16:
        return Precision::f16;
    case DType::BF16:
        return Precision::bf16;
    default:
        return Precision::other;
    }
}

/// Tensors of a checkpoint that stands open, each read when it is asked for.
class CheckpointStore final : public TensorStore {
public:
    explicit CheckpointStore(Checkpoint file) : file_(std::move(file)) {}

    [[nodiscard]] const Checkpoint& file() const { return file_; }

    [[nodiscard]] std::vector<std::string> names() const override {
        std::vector<std::string> names;
        for (const auto& tensor : file_.tensors()) names.push_back(tensor.name);
        return names;
    }
    [[nodiscard]] bool has(const std::string& name) const override {
        return file_.find(name) != nullptr;
    }
    [[nodiscard]] Shape shape(const std::string& name) const override {
        return file_.at(name).shape;
    }
    [[nodiscard]] Precision precision(const std::string& name) const override {
        return precision_of(file_.at(name).dtype);
    }
    [[nodiscard]] Tensor<Cpu<double>> read(const std::string& name) const override {
        const auto& tensor = file_.at(name);
        Tensor<Cpu<double>> values(tensor.shape);
        file_.read(tensor, values.values());
        return values;
    }

private:
    Checkpoint file_;
};

namespace detail {

/// A tensor of a recording, as the writer of safetensors asks for it. What is no float of a
/// network is kept in float64.
struct RecordedTensor {
    std::string name;
    DType dtype;
    Shape shape;
};

[[nodiscard]] constexpr DType dtype_of(Precision precision) {
    switch (precision) {
    case Precision::f32:
        return DType::F32;
    case Precision::f16:
        return DType::F16;
    case Precision::bf16:
        return DType::BF16;
    default:
        return DType::F64;
    }
}

/// Writes values that a dtype holds exactly, a few thousand at a time.
inline void write_values(OutputFile& file, std::span<const double> values, DType dtype) {
    constexpr std::size_t piece = 4096;
    std::array<std::byte, piece * sizeof(double)> room;
    for (auto rest = values; !rest.empty();) {
        const auto part = rest.first(std::min(piece, rest.size()));
        if (dtype == DType::F64) {
            file.write(std::as_bytes(part));
        } else {
            const auto size = part.size() * static_cast<std::size_t>(bits_of(dtype)) / 8;
            const auto out = std::span(room).first(size);
            round_elements(DType::F64, std::as_bytes(part), dtype, out);
            file.write(out);
        }
        rest = rest.subspan(part.size());
    }
}

} // namespace detail

/// Writes a recording, whole or not at all; of its values only one tensor is held at a time.
/// Each keeps its precision and its bits (NaNs become the quiet one). Throws Error for a path
/// that cannot be written to.
inline void save_recording(const std::filesystem::path& path, const Recording& recording) {
    if (!recording.tensors) fail(display(path), "a recording without tensors", "a recording");
    const auto names = recording.tensors->names();
    std::vector<detail::RecordedTensor> tensors;
    for (const auto& name : names) {
        tensors.push_back({name, detail::dtype_of(recording.tensors->precision(name)),
                           recording.tensors->shape(name)});
    }
    const auto metadata = recording_metadata(display(path), recording, names);
    write_safetensors(path, std::move(tensors), metadata,
                      [&](const detail::RecordedTensor& tensor, OutputFile& file) {
                          const auto values = recording.tensors->read(tensor.name);
                          detail::write_values(file, values.values(), tensor.dtype);
                      });
}

/// What tensors are that nothing is said of: outputs in an order that nobody knows, which stand
/// as the store names them. Those that are named as inputs, further outputs or parameters can
/// be read, but are no outputs. metadata["order"] is "unknown".
[[nodiscard]] inline Recording unordered_recording(std::string where,
                                                   std::unique_ptr<TensorStore> tensors) {
    Recording recording;
    recording.where = std::move(where);
    for (auto& name : tensors->names()) {
        const bool other = name.starts_with("parameter:") ||
                           name.find(":input") != std::string::npos ||
                           name.find(":output") != std::string::npos;
        if (!other) recording.order.push_back(std::move(name));
    }
    recording.metadata["order"] = "unknown";
    recording.tensors = std::move(tensors);
    return recording;
}

/// A checkpoint as a recording: what it says of itself, where it is one; else its tensors.
[[nodiscard]] inline Recording recording_of(Checkpoint file) {
    auto where = file.path();
    const auto metadata = file.metadata();
    auto store = std::make_unique<CheckpointStore>(std::move(file));
    if (!is_recording(where, metadata)) {
        return unordered_recording(std::move(where), std::move(store));
    }
    Recording recording;
    recording.where = std::move(where);
    recording.tensors = std::move(store);
    read_recording_metadata(metadata, recording);
    return recording;
}

/// Opens a recording: values are read when they are asked for, as doubles, whatever their
/// dtype. Errors begin with the path. Throws Error for a file that is none (open_dump of
/// dump.hpp takes any).
[[nodiscard]] inline Recording load_recording(const std::filesystem::path& path) {
    auto file = Checkpoint::open(path);
    if (!is_recording(file.path(), file.metadata())) {
        fail(file.path(), "a " + file.format() + " file that is no recording",
             "a recording of latent record or of record.py");
    }
    return recording_of(std::move(file));
}

} // namespace latent
