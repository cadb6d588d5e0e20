#pragma once

#include "latent/io/safetensors_header.hpp"
#include "latent/io/tensor_info.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

/// safetensors: 8 bytes N (little-endian), N bytes of JSON, and the tensors' bytes, one after
/// the other without a hole. {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0,
/// 24]}, ...}; the key "__metadata__" holds strings. Source:
/// github.com/huggingface/safetensors.

namespace latent {

namespace detail {

/// Throws Error unless the bytes between the entry's offsets are those of its shape and dtype.
inline void require_matching_size(std::string_view where, const SafetensorsEntry& entry) {
    const auto& shape = entry.info.shape;
    const auto dtype = entry.info.dtype;
    const auto what = shape_text(shape.dims()) + " of tensor " + in_quotes(entry.info.name);
    const auto bits = checked_product(shape.numel(), bits_of(dtype));
    if (!bits) fail(where, "shape " + what, "a size below 2^63 bits");
    if (*bits % 8 != 0) fail(where, "shape " + what, "a whole number of bytes");
    if (entry.end - entry.begin != static_cast<std::uint64_t>(*bits / 8)) {
        fail(where,
             std::to_string(entry.end - entry.begin) + " bytes for tensor " +
                 in_quotes(entry.info.name),
             std::to_string(*bits / 8) + ", the size of shape " + shape_text(shape.dims()) +
                 " and dtype " + std::string(to_string(dtype)));
    }
}

} // namespace detail

/// Reads and checks the header of a safetensors file; `bytes` is the whole file, of which only
/// the header is looked at. Throws Error, beginning with `where`, for anything that the format
/// does not allow: above all, the tensors must fill the file without hole, overlap or rest.
[[nodiscard]] inline FileContents read_safetensors(std::string_view where,
                                                   std::span<const std::byte> bytes) {
    if (bytes.size() < 8) {
        fail(where, std::to_string(bytes.size()) + " bytes",
             "a safetensors file, which begins with 8 bytes of header length",
             "it was cut short");
    }
    const auto length = detail::load<std::uint64_t>(bytes.data());
    if (length > max_safetensors_header) {
        fail(where, "a header length of " + std::to_string(length) + " bytes",
             "at most " + std::to_string(max_safetensors_header));
    }
    if (length > bytes.size() - 8) {
        fail(where,
             "a header length of " + std::to_string(length) + " bytes in a file of " +
                 std::to_string(bytes.size()),
             "a header inside of the file", "it was cut short");
    }
    const auto buffer = bytes.subspan(8 + static_cast<std::size_t>(length));
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8,
                                static_cast<std::size_t>(length));
    if (!is_utf8(text)) fail(where, "a header that is no UTF-8", "JSON in UTF-8");

    detail::SafetensorsHeader header(where);
    detail::scan_json(where, text, header);

    // Sorted by where they lie, the tensors must follow each other from the first byte on.
    std::ranges::sort(header.entries, {}, [](const auto& entry) {
        return std::tie(entry.begin, entry.end, entry.info.name);
    });
    FileContents contents{"safetensors", {}, std::move(header.metadata)};
    contents.tensors.reserve(header.entries.size());
    std::uint64_t position = 0;
    for (auto& entry : header.entries) {
        if (entry.begin != position || entry.end < entry.begin) {
            fail(where,
                 "data_offsets [" + std::to_string(entry.begin) + ", " +
                     std::to_string(entry.end) + "] of tensor " + in_quotes(entry.info.name),
                 "bytes that begin at " + std::to_string(position),
                 "tensors leave no hole and do not overlap");
        }
        if (entry.end > buffer.size()) {
            fail(where,
                 "tensor " + in_quotes(entry.info.name) + " up to byte " +
                     std::to_string(entry.end) + " of " + std::to_string(buffer.size()),
                 "tensors inside of the file", "it was cut short");
        }
        detail::require_matching_size(where, entry);
        position = entry.end;
        entry.info.begin = bytes.size() - buffer.size() + static_cast<std::size_t>(entry.begin);
        contents.tensors.push_back(std::move(entry.info));
    }
    if (position != buffer.size()) {
        fail(where, std::to_string(buffer.size() - position) + " bytes after the last tensor",
             "a file that ends with its last tensor");
    }
    detail::require_unique_names(where, contents.tensors);
    return contents;
}

} // namespace latent
