#pragma once

#include "latent/io/dtype.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"
#include "latent/tensor/shape.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent {

/// What a checkpoint says about one of its tensors. A reader makes one only after it has
/// checked that every element lies inside of the file.
struct TensorInfo {
    std::string name;
    DType dtype = DType::F32;
    Shape shape;
    /// The position in the file of element [0, 0, ...], in bytes; unaligned in old files.
    std::size_t begin = 0;
    /// Steps between neighbours along each axis, in elements; empty means row-major and dense.
    std::vector<std::int64_t> strides = {};
    /// Whether an element's bytes stand in reverse (torch files written on such machines).
    bool big_endian = false;
    /// Which signs are turned while reading: of the numbers, or of the real parts; and of the
    /// imaginary parts. (torch conjugates and negates by a flag, and saves the flag.)
    bool negate = false, negate_imaginary = false;
    /// Which of the checkpoint's files holds it: 0, but for sharded ones.
    std::size_t file = 0;
};

/// The longest header of a safetensors file; the reference reader has the same limit.
inline constexpr std::uint64_t max_safetensors_header = 100'000'000;

/// All that opening a checkpoint finds out: its kind, its tensors in the file's order (every
/// name once), and the strings that travel with them.
struct FileContents {
    std::string format;
    std::vector<TensorInfo> tensors;
    std::map<std::string, std::string> metadata;
    std::size_t left_out = 0; ///< tensors in the file that have no name: in lists, for one
};

namespace detail {

/// a * b, or nothing where that exceeds 63 bits. Neither may be negative.
[[nodiscard]] inline std::optional<std::int64_t> checked_product(std::int64_t a,
                                                                 std::int64_t b) {
    if (a != 0 && b > std::numeric_limits<std::int64_t>::max() / a) return std::nullopt;
    return a * b;
}

/// a + b, or nothing where that exceeds 63 bits. Neither may be negative.
[[nodiscard]] inline std::optional<std::int64_t> checked_sum(std::int64_t a, std::int64_t b) {
    if (b > std::numeric_limits<std::int64_t>::max() - a) return std::nullopt;
    return a + b;
}

/// "[2, 3]", cut where a file gives more dimensions than anybody could read.
[[nodiscard]] inline std::string shape_text(std::span<const std::int64_t> dims) {
    std::string text = "[";
    for (const auto dim : dims) {
        if (text.size() > 1) text += ", ";
        if (text.size() > 100) return text + "...]";
        text += std::to_string(dim);
    }
    return text + "]";
}

/// The most dimensions of a tensor; torch and numpy have the same limit.
inline constexpr std::size_t max_rank = 64;

/// The shape of these dimensions, which a file claims. Throws Error, in the file's name, where
/// they are too many, one is negative or their product exceeds 63 bits.
[[nodiscard]] inline Shape claimed_shape(std::string_view where, std::string_view tensor,
                                         std::vector<std::int64_t> dims) {
    if (dims.size() > max_rank) {
        fail(where, std::to_string(dims.size()) + " dimensions of tensor " + in_quotes(tensor),
             "at most " + std::to_string(max_rank));
    }
    std::optional<std::int64_t> numel = 1;
    bool empty = false;
    for (const auto dim : dims) {
        if (dim < 0) {
            fail(where, "shape " + shape_text(dims) + " of tensor " + in_quotes(tensor),
                 "dimensions of at least 0");
        }
        empty = empty || dim == 0;
        if (numel) numel = checked_product(*numel, dim);
    }
    if (!numel && !empty) {
        fail(where, "shape " + shape_text(dims) + " of tensor " + in_quotes(tensor),
             "an element count below 2^63");
    }
    return Shape(std::move(dims));
}

/// Throws Error where a name occurs twice.
inline void require_unique_names(std::string_view where, std::span<const TensorInfo> tensors) {
    std::vector<std::string_view> names;
    names.reserve(tensors.size());
    for (const auto& tensor : tensors) names.push_back(tensor.name);
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    if (twice != names.end()) {
        fail(where, "a duplicate: tensor " + in_quotes(*twice) + " twice", "every name once");
    }
}

} // namespace detail

} // namespace latent
