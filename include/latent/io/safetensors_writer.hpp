#pragma once

#include "latent/io/json.hpp"
#include "latent/io/system.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Writing safetensors (safetensors.hpp says what such a file is). The same tensors and
/// metadata give the same bytes: tensors stand by falling alignment of their dtype, then by
/// name, as the reference has it.

namespace latent {

/// A tensor to be written: a name, and a view of values that must live until they are saved.
struct NamedTensor {
    template <class Scalar>
    NamedTensor(std::string tensor_name, const Tensor<Cpu<Scalar>>& tensor)
        : name(std::move(tensor_name)),
          dtype(sizeof(Scalar) == 4 ? DType::F32 : DType::F64),
          shape(tensor.shape()),
          bytes(std::as_bytes(tensor.values())) {}
    /// Bytes as they shall stand in the file: little-endian, row-major.
    NamedTensor(std::string tensor_name, DType type, Shape tensor_shape,
                std::span<const std::byte> values)
        : name(std::move(tensor_name)),
          dtype(type),
          shape(std::move(tensor_shape)),
          bytes(values) {}

    std::string name;
    DType dtype;
    Shape shape;
    std::span<const std::byte> bytes;
};

namespace detail {

[[nodiscard]] inline std::string json_string(std::string_view where, const std::string& text) {
    if (!is_utf8(text)) fail(where, "the name " + in_quotes(text), "a name in UTF-8");
    return Json(text).dump();
}

/// The size of a tensor's elements in the file.
[[nodiscard]] inline std::size_t safetensors_size(std::string_view where,
                                                  const std::string& name, DType dtype,
                                                  const Shape& shape) {
    const auto bits = checked_product(shape.numel(), bits_of(dtype));
    if (!bits || *bits % 8 != 0) {
        fail(where, "shape " + to_string(shape) + " of " + in_quotes(name),
             "a whole number of bytes below 2^60");
    }
    return static_cast<std::size_t>(*bits / 8);
}

/// The first part of the file: the header's length and the header. `tensors` stand in order.
template <class Item>
[[nodiscard]] std::string safetensors_head(std::string_view where,
                                           const std::vector<Item>& tensors,
                                           const std::map<std::string, std::string>& metadata) {
    std::string json = "{";
    if (!metadata.empty()) {
        for (const auto& [key, value] : metadata) {
            json += json.size() == 1 ? "\"__metadata__\":{" : ",";
            json += json_string(where, key) + ":" + json_string(where, value);
        }
        json += "}";
    }
    std::size_t position = 0;
    for (const auto& tensor : tensors) {
        if (json.size() > 1) json += ",";
        json += json_string(where, tensor.name) + ":{\"dtype\":\"";
        json += to_string(tensor.dtype);
        json += "\",\"shape\":[";
        for (std::size_t axis = 0; axis < tensor.shape.rank(); ++axis) {
            if (axis > 0) json += ",";
            json += std::to_string(tensor.shape[axis]);
        }
        json += "],\"data_offsets\":[" + std::to_string(position) + ",";
        position += safetensors_size(where, tensor.name, tensor.dtype, tensor.shape);
        json += std::to_string(position) + "]}";
    }
    json += "}";
    // Spaces up to a multiple of 8, so that the values are aligned in a mapped file.
    json.resize((json.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = json.size();
    return std::string(reinterpret_cast<const char*>(&length), sizeof length) + json;
}

} // namespace detail

/// Writes a safetensors file, whole or not at all, without holding its values: `tensors` are
/// anything that has a name, a dtype and a shape, and emit(tensor, file) writes the bytes of
/// one of them, exactly as many as they say. Throws Error for a name twice, a reserved name, or
/// a path that cannot be written to.
template <class Item, class Emit>
void write_safetensors(const std::filesystem::path& path, std::vector<Item> tensors,
                       const std::map<std::string, std::string>& metadata, Emit emit) {
    const auto where = display(path);
    std::ranges::sort(tensors, [](const Item& a, const Item& b) {
        return a.dtype != b.dtype ? a.dtype > b.dtype : a.name < b.name;
    });
    std::vector<std::string_view> names;
    for (const auto& tensor : tensors) names.push_back(tensor.name);
    std::ranges::sort(names);
    if (std::ranges::adjacent_find(names) != names.end() ||
        std::ranges::binary_search(names, std::string_view("__metadata__"))) {
        fail(where, "a tensor name that is taken",
             "every name once, none of them __metadata__");
    }
    const auto head = detail::safetensors_head(where, tensors, metadata);
    if (head.size() - 8 > max_safetensors_header) {
        fail(where, "a header of " + std::to_string(head.size() - 8) + " bytes",
             "at most " + std::to_string(max_safetensors_header), "no reader takes more");
    }
    write_atomically(path, [&](OutputFile& file) {
        file.write(head);
        for (const auto& tensor : tensors) emit(tensor, file);
    });
}

/// The same of tensors whose values are at hand.
inline void save_safetensors(const std::filesystem::path& path,
                             std::vector<NamedTensor> tensors,
                             const std::map<std::string, std::string>& metadata = {}) {
    const auto where = display(path);
    for (const auto& [name, dtype, shape, bytes] : tensors) {
        if (detail::safetensors_size(where, name, dtype, shape) == bytes.size()) continue;
        fail(where, std::to_string(bytes.size()) + " bytes for " + in_quotes(name),
             "the size of shape " + to_string(shape));
    }
    write_safetensors(
        path, std::move(tensors), metadata,
        [](const NamedTensor& tensor, OutputFile& file) { file.write(tensor.bytes); });
}

} // namespace latent
