#pragma once

#include "latent/ops/norm_coefficients.hpp"
#include "latent/tensor/devices.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

namespace latent {

/// Zeros around an image before a convolution, side by side: they need not be equal.
struct Padding {
    std::int64_t left = 0, right = 0, top = 0, bottom = 0;

    [[nodiscard]] static Padding all(std::int64_t n) { return {n, n, n, n}; }
    friend bool operator==(const Padding&, const Padding&) = default;
};

struct Conv2dOptions {
    std::array<std::int64_t, 2> stride{1, 1}; ///< down, right
    Padding padding{};
    bool fast = false; ///< 3x3 with stride 1: faster, and less exact (F(4x4, 3x3))
    bool half = false; ///< the weights are rounded to half precision, and kept in it
};

/// What a convolution may do on the way, so that no image is written and read again for it:
///   y = activation(conv2d(upsample_nearest(before(norm(x)))) + bias + add)
template <class Device>
struct Conv2dFusion {
    std::int64_t upsample = 1; ///< each input pixel becomes upsample x upsample pixels
    const NormCoefficients<Device>* norm = nullptr; ///< none: x as it is
    Activation before = Activation::none;           ///< behind norm
    const Tensor<Device>* add = nullptr;            ///< a tensor of the output's shape
    Activation activation = Activation::none;
};

/// The sizes of one convolution: weight [out_channels, in_channels, kernel_h, kernel_w].
struct Conv2dGeometry {
    std::int64_t in_channels = 0, out_channels = 0, kernel_h = 0, kernel_w = 0;
    Conv2dOptions options{};

    Conv2dGeometry() = default;
    Conv2dGeometry(const Shape& weight, const Conv2dOptions& chosen) : options(chosen) {
        const auto [down, right] = chosen.stride;
        const auto& pad = chosen.padding;
        if (weight.rank() != 4 || weight.numel() == 0) {
            fail("conv2d weight", to_string(weight),
                 "a shape [out_channels, in_channels, h, w]");
        }
        if (down < 1 || right < 1) {
            fail("conv2d stride", to_string(Shape{down, right}), "at least 1 each way");
        }
        if (std::min({pad.left, pad.right, pad.top, pad.bottom}) < 0) {
            fail("conv2d padding", "a negative side", "at least 0 on every side");
        }
        out_channels = weight[0], in_channels = weight[1];
        kernel_h = weight[2], kernel_w = weight[3];
    }

    /// Products summed for one output value.
    [[nodiscard]] std::int64_t depth() const { return in_channels * kernel_h * kernel_w; }

    /// Whether it runs as Winograd's. That rounds its inputs' points once for all outputs, as
    /// if the image were another one: an error which only a sum over many channels evens out.
    [[nodiscard]] bool uses_winograd() const {
        constexpr std::int64_t few_channels = 4; // an image's, or the latents'
        return in_channels > few_channels && kernel_h == 3 && kernel_w == 3 &&
               options.stride == std::array<std::int64_t, 2>{1, 1};
    }
    /// Whether it enlarges by `factor` on the way, so that no larger image is made.
    [[nodiscard]] bool fuses_upsampling(std::int64_t factor) const {
        return factor == 2 && uses_winograd() && options.padding == Padding::all(1) &&
               !options.fast;
    }
    /// Whether it normalises its input on the way.
    [[nodiscard]] bool fuses_norm() const { return uses_winograd(); }
    /// Whether one pass does all that `fusion` asks for.
    template <class Device>
    [[nodiscard]] bool fuses(const Conv2dFusion<Device>& fusion) const {
        return (fusion.upsample == 1 || fuses_upsampling(fusion.upsample)) &&
               (!fusion.norm || fuses_norm());
    }

    /// x [N, in_channels, H, W] -> [N, out_channels, OH, OW],
    ///   OH = (H * upsample + top + bottom - kernel_h) / stride + 1, rounded down; OW likewise.
    [[nodiscard]] Shape output_shape(const Shape& x, std::int64_t upsample = 1) const {
        const auto& pad = options.padding;
        if (x.rank() != 4 || x[1] != in_channels) {
            fail("conv2d input", to_string(x),
                 "a shape [N, " + std::to_string(in_channels) + ", H, W]");
        }
        const auto height = x[2] * upsample + pad.top + pad.bottom;
        const auto width = x[3] * upsample + pad.left + pad.right;
        if (height < kernel_h || width < kernel_w) {
            fail("conv2d input", to_string(x),
                 "at least " + to_string(Shape{kernel_h, kernel_w}) +
                     " pixels with the padding");
        }
        return {x[0], out_channels, (height - kernel_h) / options.stride[0] + 1,
                (width - kernel_w) / options.stride[1] + 1};
    }
};

} // namespace latent
