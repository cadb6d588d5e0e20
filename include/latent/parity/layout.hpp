#pragma once

#include "latent/ops/transpose.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/shape.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

/// How other people lay out the values of an image, and how to bring them into PyTorch's order.

namespace latent {

/// The order of an image's axes in a dump: PyTorch's, TensorFlow's and MLX's, or a row of C
/// numbers a pixel. In memory the last two are the same.
enum class Layout { nchw, nhwc, tokens };

[[nodiscard]] constexpr std::string_view to_string(Layout layout) {
    return layout == Layout::nchw ? "nchw" : layout == Layout::nhwc ? "nhwc" : "tokens";
}

namespace detail {

/// The dimensions that are not 1: those that are have no say in where a number lies.
[[nodiscard]] inline std::vector<std::int64_t> squeezed(const Shape& shape) {
    std::vector<std::int64_t> dims;
    for (const auto dim : shape.dims()) {
        if (dim != 1) dims.push_back(dim);
    }
    return dims;
}
[[nodiscard]] inline bool is_alike(const Shape& a, const Shape& b) {
    return a.numel() == b.numel() && squeezed(a) == squeezed(b);
}

/// How values become those of the reference: as they lie, or with the pixels and the channels
/// of each of N images changing places, [N, from, to] -> [N, to, from].
struct Arrangement {
    bool turned = false;
    std::int64_t from = 1, to = 1;
};

/// The reference has an image.
[[nodiscard]] inline std::optional<Arrangement>
arranged_as_image(const Shape& got, const Shape& image, Layout layout) {
    const auto N = image[0], C = image[1], H = image[2], W = image[3];
    if (layout != Layout::nchw) {
        const bool last = is_alike(got, {N, H, W, C}) || is_alike(got, {N, H * W, C}) ||
                          is_alike(got, {N * H * W, C});
        if (last) return Arrangement{true, H * W, C};
    }
    if (is_alike(got, image) || is_alike(got, {N, C, H * W})) return Arrangement{};
    return std::nullopt;
}

/// The reference has [N, A, B]: tokens [N, L, C], or the channels first, [N, C, L].
[[nodiscard]] inline std::optional<Arrangement>
arranged_as_rows(const Shape& got, const Shape& rows, Layout layout, bool channels_first) {
    const auto N = rows[0], A = rows[1], B = rows[2];
    // As many channels as pixels: only who made it tells.
    const bool last = channels_first && A == B && layout != Layout::nchw;
    if (last) return Arrangement{true, B, A};
    if (is_alike(got, rows)) return Arrangement{};
    const auto rank = got.rank();
    const bool batched = rank > 2 && got[0] == N;
    if (rank < 2 || rank > 4 || (rank == 4 && !batched)) return std::nullopt;
    if (layout == Layout::nchw) {
        // An image: of three axes where the batch of one was left out.
        if (rank == 2 || (rank == 3 && N != 1)) return std::nullopt;
        const auto C = got[rank - 3];
        if (C == B && !(channels_first && A == B)) return Arrangement{true, B, A};
        if (C == A) return Arrangement{};
        return std::nullopt;
    }
    if (rank == 3 && !batched && N != 1) return std::nullopt;
    const auto C = got[rank - 1];
    if (C == B) return Arrangement{};
    if (C == A) return Arrangement{true, B, A};
    return std::nullopt;
}

[[nodiscard]] inline std::optional<Arrangement> arrangement(const Shape& got,
                                                            const Shape& expected,
                                                            Layout layout,
                                                            bool channels_first = false) {
    if (got == expected && layout == Layout::nchw) return Arrangement{};
    if (got.numel() != expected.numel()) return std::nullopt;
    if (expected.numel() > 0 && expected.rank() == 4) {
        return arranged_as_image(got, expected, layout);
    }
    if (expected.numel() > 0 && expected.rank() == 3) {
        return arranged_as_rows(got, expected, layout, channels_first);
    }
    if (is_alike(got, expected)) return Arrangement{};
    return std::nullopt;
}

} // namespace detail

/// The values of a dump in the shape of the reference, or nothing where the shapes cannot be
/// two of one tensor. `layout` is what the dump's images have.
///
///   the reference   nchw                       nhwc, tokens
///   [N, C, H, W]    [N, C, H, W]  [N, C, HW]   [N, H, W, C]  [N, HW, C]  [N HW, C]
///   [N, L, C]       [N, L, C]  [N, C, H, W]    [N, L, C]  [N, H, W, C]  [N L, C]
///   [N, C, L]       [N, C, L]  [N, C, H, W]    [N, C, L]  [N, L, C]  [N, H, W, C]  [N L, C]
///   other ranks     the same                   the same
///
/// Images that fit nchw alone are taken so, whatever the layout.
/// Dimensions of 1 may be missing or more: a batch of one that was left out, [C] for [1, C].
/// Where both fit, [N, A, B] of the reference are tokens, [N, L, C], and what has the
/// reference's three dimensions already stays as it is; unless the reference is known to have
/// its channels first, as a group norm has.
[[nodiscard]] inline std::optional<Tensor<Cpu<double>>> arranged(Tensor<Cpu<double>> values,
                                                                 const Shape& expected,
                                                                 Layout layout,
                                                                 bool channels_first = false) {
    const auto found = detail::arrangement(values.shape(), expected, layout, channels_first);
    if (!found) return std::nullopt;
    if (!found->turned) return std::move(values).reshaped(expected);
    const auto images = expected[0];
    const auto rows = std::move(values).reshaped({images, found->from, found->to});
    return transpose(rows).reshaped(expected);
}

/// The layout in which a tensor of the shape `got` would be one of the shape `expected`, for a
/// hint: nchw where that does, nothing where none does.
[[nodiscard]] inline std::optional<Layout> fitting_layout(const Shape& got,
                                                          const Shape& expected) {
    if (detail::arrangement(got, expected, Layout::nchw)) return Layout::nchw;
    if (!detail::arrangement(got, expected, Layout::nhwc)) return std::nullopt;
    const bool image =
        got.rank() == 4 ||
        (expected.rank() == 4 &&
         detail::is_alike(got, {expected[0], expected[2], expected[3], expected[1]}));
    return image ? Layout::nhwc : Layout::tokens;
}

} // namespace latent
