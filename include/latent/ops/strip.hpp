#pragma once

#include "latent/ops/conv2d_geometry.hpp"
#include "latent/ops/window.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace latent {

/// Some rows of images that are `height` rows high: `rows` [N, C, R, W] are their rows first ..
/// first + R - 1.
template <class Device>
struct Strip {
    const Tensor<Device>* rows = nullptr;
    std::int64_t first = 0, height = 0;

    [[nodiscard]] static Strip all_of(const Tensor<Device>& x) {
        return {&x, 0, nchw(x, "strip")[2]};
    }

    /// The shape of the whole images.
    [[nodiscard]] Shape shape() const {
        const auto [N, C, R, W] = nchw(*rows, "strip");
        return {N, C, height, W};
    }

    /// Throws Error unless all rows are here that the rows `asked` of a convolution's output
    /// look at, of which there are `output_height`.
    void check_rows(const Conv2dGeometry& geometry, std::int64_t upsample, const Range& asked,
                    std::int64_t output_height) const {
        if (asked.begin < 0 || asked.begin % 4 != 0 || asked.begin >= asked.end ||
            asked.end > output_height || (asked.end % 4 != 0 && asked.end != output_height)) {
            fail("conv2d rows", text(asked) + " of " + std::to_string(output_height),
                 "rows of the output, from a multiple of 4 to a multiple of 4 or its end");
        }
        const auto stride = geometry.options.stride[0], top = geometry.options.padding.top;
        const auto first_seen = std::max<std::int64_t>(asked.begin * stride - top, 0);
        const auto end_seen =
            std::min((asked.end - 1) * stride - top + geometry.kernel_h, height * upsample);
        const Range seen{first_seen / upsample, (end_seen + upsample - 1) / upsample};
        const Range here{first, first + rows->dim(2)};
        if (here.begin < 0 || here.end > height || seen.begin < here.begin ||
            (seen.begin < seen.end && seen.end > here.end)) {
            fail("conv2d strip", "rows " + text(here) + " of " + std::to_string(height),
                 "at least rows " + text(seen));
        }
    }

private:
    static std::string text(const Range& range) {
        return std::to_string(range.begin) + ".." + std::to_string(range.end);
    }
};

} // namespace latent
