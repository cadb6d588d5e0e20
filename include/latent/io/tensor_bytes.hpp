#pragma once

#include "latent/io/tensor_info.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// From where a tensor's elements lie in a file to a row of them, in the order and with the
/// bytes that everybody expects: row-major and little-endian.

namespace latent {

/// Whether the elements lie in the file as they shall be read.
[[nodiscard]] inline bool is_plain(const TensorInfo& tensor) {
    return tensor.strides.empty() && !tensor.big_endian && !tensor.negate &&
           !tensor.negate_imaginary;
}

/// The size of all elements, dense.
[[nodiscard]] inline std::size_t byte_size(const TensorInfo& tensor) {
    return static_cast<std::size_t>(tensor.shape.numel() * bits_of(tensor.dtype) / 8);
}

/// The bytes of a plain tensor; `file` is the whole file.
[[nodiscard]] inline std::span<const std::byte> plain_bytes(std::span<const std::byte> file,
                                                            const TensorInfo& tensor) {
    return file.subspan(tensor.begin, byte_size(tensor));
}

namespace detail {

/// The bytes of one part: whole elements of every width, also where four of them share three.
inline constexpr std::size_t part_size = 6144;

/// Collects strided or byte-swapped elements, a part at a time.
template <class Take>
void gather_parts(std::span<const std::byte> file, const TensorInfo& tensor, Take& take) {
    const auto width = static_cast<std::size_t>(bits_of(tensor.dtype)) / 8;
    const auto number = tensor.dtype == DType::C64 ? width / 2 : width; // swapped each alone
    // Axes of one element need no counting.
    std::vector<std::int64_t> dims;
    std::vector<std::size_t> step;
    auto dense = tensor.shape.numel();
    for (std::size_t axis = 0; axis < tensor.shape.rank(); ++axis) {
        const auto dim = tensor.shape[axis];
        if (dim > 0) dense /= dim;
        if (dim == 1) continue;
        dims.push_back(dim);
        step.push_back(
            static_cast<std::size_t>(tensor.strides.empty() ? dense : tensor.strides[axis]));
    }

    std::array<std::byte, part_size> part;
    std::size_t filled = 0, element = 0;
    std::vector<std::int64_t> index(dims.size());
    for (std::int64_t left = tensor.shape.numel(); left > 0; --left) {
        const auto source = file.subspan(tensor.begin + element * width, width);
        const auto to = part.begin() + static_cast<std::ptrdiff_t>(filled);
        std::ranges::copy(source, to);
        if (tensor.big_endian) {
            for (std::size_t i = 0; i < width; i += number) {
                std::reverse(to + static_cast<std::ptrdiff_t>(i),
                             to + static_cast<std::ptrdiff_t>(i + number));
            }
        }
        // The sign is the highest bit of the last byte.
        constexpr std::byte sign{0x80};
        if (tensor.negate) to[static_cast<std::ptrdiff_t>(number - 1)] ^= sign;
        if (tensor.negate_imaginary) to[static_cast<std::ptrdiff_t>(width - 1)] ^= sign;
        filled += width;
        if (filled == part.size() || left == 1) {
            take(std::span<const std::byte>(part).first(filled));
            filled = 0;
        }
        // The next index: the last axis counts, a full axis starts again and carries.
        for (std::size_t axis = dims.size(); axis-- > 0;) {
            element += step[axis];
            if (++index[axis] < dims[axis]) break;
            element -= step[axis] * static_cast<std::size_t>(dims[axis]);
            index[axis] = 0;
        }
    }
}

} // namespace detail

/// Hands a tensor's elements to `take(std::span<const std::byte>)`, some whole elements at a
/// time; `file` is the whole file. No more memory is needed than for one part.
template <class Take>
void for_each_part(std::span<const std::byte> file, const TensorInfo& tensor, Take take) {
    if (!is_plain(tensor)) return detail::gather_parts(file, tensor, take);
    for (auto rest = plain_bytes(file, tensor); !rest.empty();) {
        const auto part = rest.first(std::min(rest.size(), detail::part_size));
        take(part);
        rest = rest.subspan(part.size());
    }
}

} // namespace latent
