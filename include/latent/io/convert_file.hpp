#pragma once

#include "latent/io/checkpoint.hpp"
#include "latent/io/rounding.hpp"
#include "latent/io/safetensors_writer.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace latent {

/// A tensor with finite numbers that a narrower dtype cannot hold, and how many they were.
struct Overflow {
    std::string name;
    std::size_t count = 0;
};

/// A tensor of a checkpoint that is written under another name, or in a shape of as many
/// elements.
struct TensorCopy {
    std::string from; ///< its name in the checkpoint
    std::string name;
    Shape shape;
};

/// Writes these tensors of a checkpoint as one safetensors file, whole or not at all. Without a
/// dtype every tensor keeps its own, and its bits; with one (F32, F16 or BF16) every tensor is
/// converted, each element rounded once to nearest, ties to even. Of the values only a few
/// thousand are in memory at a time. The strings beside the tensors travel along, and
/// "format": "pt" is put to them, which Python's loaders ask for.
/// `before_each` is called before each tensor, and may throw to stop; the result lists those in
/// which numbers became infinite.
/// Throws Error for tensors that are no real numbers where a dtype is given.
inline std::vector<Overflow> convert_tensors(const Checkpoint& in,
                                             std::span<const TensorCopy> copies,
                                             const std::filesystem::path& out,
                                             std::optional<DType> dtype = std::nullopt,
                                             const std::function<void()>& before_each = {}) {
    std::vector<TensorInfo> tensors;
    std::map<std::string, const TensorInfo*, std::less<>> sources;
    for (const auto& copy : copies) {
        const auto& source = in.at(copy.from);
        if (dtype && !is_real(source.dtype)) {
            fail(in.path(),
                 "tensor " + in_quotes(source.name) + " of dtype " +
                     std::string(to_string(source.dtype)),
                 "real numbers, which have a nearest " + std::string(to_string(*dtype)),
                 "without a dtype it is copied as it is");
        }
        sources.emplace(copy.name, &source);
        tensors.push_back(
            {.name = copy.name, .dtype = dtype ? *dtype : source.dtype, .shape = copy.shape});
    }
    auto metadata = in.metadata();
    metadata.emplace("format", "pt");

    std::vector<Overflow> overflows;
    std::vector<std::byte> rounded;
    write_safetensors(
        out, std::move(tensors), metadata, [&](const TensorInfo& tensor, OutputFile& file) {
            if (before_each) before_each();
            const auto& source = *sources.find(tensor.name)->second;
            std::size_t count = 0;
            in.for_each_part(source, [&](std::span<const std::byte> part) {
                if (source.dtype == tensor.dtype) return file.write(part);
                const auto elements =
                    part.size() * 8 / static_cast<std::size_t>(bits_of(source.dtype));
                rounded.resize(elements * static_cast<std::size_t>(bits_of(tensor.dtype)) / 8);
                count += round_elements(source.dtype, part, tensor.dtype, rounded);
                file.write(rounded);
            });
            if (count > 0) overflows.push_back({tensor.name, count});
        });
    return overflows;
}

/// All tensors of a checkpoint, as they are.
[[nodiscard]] inline std::vector<TensorCopy> all_tensors(const Checkpoint& in) {
    std::vector<TensorCopy> copies;
    for (const auto& tensor : in.tensors())
        copies.push_back({tensor.name, tensor.name, tensor.shape});
    return copies;
}

/// convert_tensors of all of them.
inline std::vector<Overflow> convert_checkpoint(const Checkpoint& in,
                                                const std::filesystem::path& out,
                                                std::optional<DType> dtype = std::nullopt,
                                                const std::function<void()>& before_each = {}) {
    return convert_tensors(in, all_tensors(in), out, dtype, before_each);
}

} // namespace latent
