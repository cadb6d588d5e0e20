#pragma once

#include "latent/ops/conv2d.hpp"
#include "latent/ops/group_norm.hpp"
#include "latent/ops/strip.hpp"
#include "latent/ops/window.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

/// An image [N, C, H, W] in strips of whole rows, from the top to the end: what is never in
/// memory as a whole. A strip has the bits that the whole image would have there.

namespace latent {

/// A device whose convolutions and group norms take strips.
template <class Device>
concept HasStrips = requires(const Strip<Device>& strip, const Conv2dKernel<Device>& kernel,
                             const Conv2dFusion<Device>& fusion, GroupMoments& moments) {
    conv2d(strip, kernel, Range{}, fusion);
    moments.add(*strip.rows);
};

namespace detail {

/// The first row of a strip is a multiple of this. A fast convolution works in squares of 2x2
/// or 4x4 outputs, in which each place has roundings of its own.
inline constexpr std::int64_t strip_alignment = 4;

/// Calls body(rows) for strips of `step` rows, a multiple of four; the last may have fewer.
template <class Body>
void for_strips(std::int64_t height, std::int64_t step, const Body& body) {
    for (std::int64_t top = 0; top < height; top += step) {
        body(Range{top, std::min(top + step, height)});
    }
}

/// The window that is some rows of all images.
template <class Device>
[[nodiscard]] Window row_window(const Tensor<Device>& x, Range rows) {
    return {{0, x.dim(0)}, rows, {0, x.dim(3)}};
}

/// x[rows] = strip.
template <class Device>
void paste_rows(Tensor<Device>& x, Range rows, const Tensor<Device>& strip) {
    paste(x, row_window(x, rows), strip, whole_window(strip));
}

/// The last `kept` rows of `above`, and `strip` below them.
template <class Device>
[[nodiscard]] Tensor<Device> joined_rows(const Tensor<Device>& above, std::int64_t kept,
                                         Tensor<Device> strip) {
    if (kept == 0) return strip;
    Tensor<Device> joined({strip.dim(0), strip.dim(1), kept + strip.dim(2), strip.dim(3)});
    const Range last{above.dim(2) - kept, above.dim(2)};
    paste(joined, row_window(joined, {0, kept}), above, row_window(above, last));
    paste_rows(joined, {kept, joined.dim(2)}, strip);
    return joined;
}

/// An image for a 3x3 convolution, which sees a row above and a row below its own:
/// `make(rows)` makes the image, each row once, and `use(strip, rows)` is called with each row
/// once, too, and a strip that has these rows and their neighbours. `use` stays four rows
/// behind `make` until the image ends.
template <class Device, class Make, class Use>
void for_strips_with_neighbours(std::int64_t height, std::int64_t step, const Make& make,
                                const Use& use) {
    Tensor<Device> strip;
    std::int64_t used = 0;
    for_strips(height, step, [&](Range rows) {
        const auto first = std::max<std::int64_t>(used - 1, 0);
        strip = joined_rows(strip, rows.begin - first, make(rows));
        const Range ready{used, rows.end < height ? rows.end - strip_alignment : height};
        if (ready.size() == 0) return; // a first strip of four rows
        use(Strip<Device>{&strip, first, height}, ready);
        used = ready.end;
    });
}

} // namespace detail

} // namespace latent
