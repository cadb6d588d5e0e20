#pragma once

#include "latent/io/npy_header.hpp"
#include "latent/io/safetensors_writer.hpp"
#include "latent/io/system.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// .npy, numpy's file of one array: 6 bytes of signature, 2 of version, the header's length (2
/// bytes in version 1, else 4), the header, and the elements. Source: numpy/lib/format.py.

namespace latent {

inline constexpr std::string_view npy_signature = "\x93NUMPY";

/// Whether the bytes begin as a .npy file does.
[[nodiscard]] inline bool is_npy(std::span<const std::byte> bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return text.starts_with(npy_signature);
}

/// Reads and checks the header of a .npy file; `bytes` is the whole file, whose values are not
/// looked at. The one tensor has the name "tensor". Throws Error, beginning with `where`, for
/// arrays of anything but numbers, and unless the file ends with the last element.
[[nodiscard]] inline FileContents read_npy(std::string_view where,
                                           std::span<const std::byte> bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto begin_of_length = npy_signature.size() + 2;
    if (!is_npy(bytes) || bytes.size() < begin_of_length + 4) {
        fail(where, std::to_string(bytes.size()) + " bytes", "a .npy file with its header",
             "it was cut short");
    }
    const int version = static_cast<unsigned char>(text[npy_signature.size()]);
    if (version < 1 || version > 3 || text[npy_signature.size() + 1] != 0) {
        fail(where, "version " + std::to_string(version) + " of the format", "1.0, 2.0 or 3.0");
    }
    const auto* const length_at = bytes.data() + begin_of_length;
    const std::size_t length_size = version == 1 ? 2 : 4;
    const std::uint64_t length = version == 1 ? detail::load<std::uint16_t>(length_at)
                                              : detail::load<std::uint32_t>(length_at);
    const auto begin_of_header = begin_of_length + length_size;
    if (length > bytes.size() - begin_of_header) {
        fail(where,
             "a header length of " + std::to_string(length) + " bytes in a file of " +
                 std::to_string(bytes.size()),
             "a header inside of the file", "it was cut short");
    }
    const auto header_text = text.substr(begin_of_header, static_cast<std::size_t>(length));
    auto header = detail::NpyHeaderParser(where, header_text).parse();

    TensorInfo tensor;
    tensor.name = "tensor";
    tensor.dtype = header.dtype;
    tensor.begin = begin_of_header + header_text.size();
    tensor.big_endian = header.big_endian;
    tensor.shape = detail::claimed_shape(where, tensor.name, std::move(header.shape));
    const auto bits = detail::checked_product(tensor.shape.numel(), bits_of(tensor.dtype));
    const auto stored = bytes.size() - tensor.begin;
    if (!bits || static_cast<std::uint64_t>(*bits / 8) != stored) {
        fail(where, std::to_string(stored) + " bytes behind the header",
             (bits ? std::to_string(*bits / 8) : "far more") + ", the size of shape " +
                 detail::shape_text(tensor.shape.dims()) + " and dtype " +
                 std::string(to_string(tensor.dtype)),
             bits && static_cast<std::uint64_t>(*bits / 8) < stored ? "" : "it was cut short");
    }
    if (header.fortran_order && tensor.shape.numel() > 0) {
        std::int64_t step = 1;
        for (const auto dim : tensor.shape.dims()) {
            tensor.strides.push_back(step);
            step *= dim;
        }
    }
    return {"npy", {std::move(tensor)}, {}};
}

/// numpy's name for the dtype, "<f4", or nothing: numpy has no BF16 and none of the F8 kinds.
[[nodiscard]] inline std::optional<std::string> npy_descr(DType dtype) {
    for (const auto& type : detail::npy_types) {
        if (type.dtype != dtype) continue;
        return (bits_of(dtype) == 8 ? "|" : "<") + std::string(type.code);
    }
    return std::nullopt;
}

/// What stands in front of the elements: version 1.0, padded so that they are aligned to 64.
[[nodiscard]] inline std::string npy_head(std::string_view where, DType dtype,
                                          const Shape& shape) {
    const auto descr = npy_descr(dtype);
    if (!descr) {
        fail(where, std::string(to_string(dtype)) + " for a .npy file", "a dtype of numpy",
             "numpy has F16, F32 and F64");
    }
    std::string dict = "{'descr': '" + *descr + "', 'fortran_order': False, 'shape': (";
    for (const auto dim : shape.dims()) dict += std::to_string(dim) + ", ";
    // (2, 3, ) is no tuple of numpy's making, (2,) is.
    if (shape.rank() > 0) dict.pop_back();
    if (shape.rank() > 1) dict.pop_back();
    dict += "), }";
    const std::size_t fixed = npy_signature.size() + 4;
    dict.append(63 - (fixed + dict.size()) % 64, ' ');
    dict += '\n';
    std::string head(npy_signature);
    head += std::string("\1\0", 2);
    head += static_cast<char>(dict.size() & 0xFFU);
    head += static_cast<char>(dict.size() >> 8U);
    return head + dict;
}

/// Writes a .npy file, whole or not at all. Throws Error for a dtype that numpy has not.
inline void save_npy(const std::filesystem::path& path, const NamedTensor& tensor) {
    const auto head = npy_head(display(path), tensor.dtype, tensor.shape);
    write_atomically(path, [&](OutputFile& file) {
        file.write(head);
        file.write(tensor.bytes);
    });
}

} // namespace latent
