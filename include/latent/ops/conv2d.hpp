#pragma once

#include "latent/ops/arithmetic.hpp"
#include "latent/ops/conv2d_filters.hpp"
#include "latent/ops/im2col.hpp"
#include "latent/ops/strip.hpp"
#include "latent/ops/upsample_nearest.hpp"
#include "latent/ops/winograd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace latent {

namespace reference {

/// The definition, in plain loops with double sums:
///   y[n, k, i, j] = bias[k] + sum_{c, u, v} weight[k, c, u, v]
///                             x[n, c, i stride - top + u, j stride - left + v], x = 0 outside.
/// An empty bias tensor is no bias.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> conv2d(const Tensor<Cpu<S>>& x, const Tensor<Cpu<S>>& weight,
                                    const Tensor<Cpu<S>>& bias,
                                    const Conv2dOptions& options = {}) {
    const Conv2dGeometry geometry(weight.shape(), options);
    Tensor<Cpu<S>> y(geometry.output_shape(x.shape()));
    const auto [N, C, H, W] = nchw(x, "conv2d");
    const auto [down, right] = options.stride;
    S* out = y.data();
    for (std::int64_t n = 0; n < N; ++n) {
        for (std::int64_t k = 0; k < y.dim(1); ++k) {
            for (std::int64_t i = 0; i < y.dim(2); ++i) {
                for (std::int64_t j = 0; j < y.dim(3); ++j) {
                    double sum =
                        bias.numel()
                            ? static_cast<double>(bias.values()[static_cast<std::size_t>(k)])
                            : 0.0;
                    for (std::int64_t c = 0; c < C; ++c) {
                        for (std::int64_t u = 0; u < geometry.kernel_h; ++u) {
                            for (std::int64_t v = 0; v < geometry.kernel_w; ++v) {
                                const auto row = i * down - options.padding.top + u;
                                const auto column = j * right - options.padding.left + v;
                                if (row < 0 || row >= H || column < 0 || column >= W) continue;
                                sum += static_cast<double>(
                                           weight.data()[((k * C + c) * geometry.kernel_h + u) *
                                                             geometry.kernel_w +
                                                         v]) *
                                       static_cast<double>(
                                           x.data()[((n * C + c) * H + row) * W + column]);
                            }
                        }
                    }
                    *out++ = static_cast<S>(sum);
                }
            }
        }
    }
    return y;
}

} // namespace reference

/// A convolution's weights in the form that the device's fast path wants, made once from
///   weight [out_channels, in_channels, kernel_h, kernel_w], bias [out_channels] or none.
template <class Device>
class Conv2dKernel {
public:
    Conv2dKernel(const Tensor<Device>& weight, std::optional<Tensor<Device>> bias,
                 const Conv2dOptions& options = {})
        : geometry_(weight.shape(), options),
          filters_(weight, geometry_),
          bias_(std::move(bias)) {
        if (bias_ && bias_->shape() != Shape{geometry_.out_channels}) {
            fail("conv2d bias", to_string(bias_->shape()),
                 "shape " + to_string(Shape{geometry_.out_channels}));
        }
    }

    [[nodiscard]] const Conv2dGeometry& geometry() const { return geometry_; }
    [[nodiscard]] const Conv2dFilters<Device>& filters() const { return filters_; }
    [[nodiscard]] const std::optional<Tensor<Device>>& bias() const { return bias_; }

private:
    Conv2dGeometry geometry_;
    Conv2dFilters<Device> filters_;
    std::optional<Tensor<Device>> bias_;
};

namespace detail {

/// The rows of y [N, K, rows, OW], in one pass.
template <class S>
void conv2d_into(const Strip<Cpu<S>>& x, const Conv2dKernel<Cpu<S>>& kernel, const Range& rows,
                 const Conv2dFusion<Cpu<S>>& fusion, Tensor<Cpu<S>>& y) {
    const auto& geometry = kernel.geometry();
    const auto [N, C, R, W] = nchw(*x.rows, "conv2d");
    const ImageRows<const S> in{x.rows->data(), R * W, x.first, x.height, W};
    const S* add = fusion.add ? fusion.add->data() : nullptr;
    const S* bias = kernel.bias() ? kernel.bias()->data() : nullptr;
    const auto made = kernel.filters().widened();
    const S* filters = kernel.filters().kept_or(made).data();
    if (!geometry.uses_winograd()) {
        Im2col<S>{geometry,   in,       filters,  bias, y.data(),
                  rows.begin, rows.end, y.dim(3), add,  fusion.activation}
            .run(N);
        return;
    }
    WinogradBlock<S> image{.x = in,
                           .norm = {},
                           .channels = C,
                           .y = {y.data(), y.dim(2) * y.dim(3), rows.begin, rows.end, y.dim(3)},
                           .y_channels = y.dim(1),
                           .bias = bias,
                           .add = add,
                           .activation = fusion.activation};
    if (fusion.norm) image.norm = image_norm(*fusion.norm, fusion.before);
    const auto form =
        fusion.upsample == 2 ? WinogradForm::f2_upsampled : winograd_form(geometry);
    Winograd<S>{form, image, filters, geometry.options.padding}.run(N);
}
inline void conv2d_into(const Strip<Meta>&, const Conv2dKernel<Meta>& kernel, const Range&,
                        const Conv2dFusion<Meta>&, const Tensor<Meta>& y) {
    const auto made = kernel.filters().widened();
    if (auto* run = Workspace::current()) {
        run->report().multiply_adds += y.numel() * kernel.geometry().depth();
    }
}

/// The shape of the output for images of shape x. Throws Error for coefficients of another.
template <class Device>
[[nodiscard]] Shape conv2d_shape(const Shape& x, const Conv2dKernel<Device>& kernel,
                                 const Conv2dFusion<Device>& fusion) {
    const auto y = kernel.geometry().output_shape(x, fusion.upsample);
    if (fusion.norm) check_coefficients("conv2d norm", x, *fusion.norm);
    return y;
}

/// What one pass cannot do is done before.
template <class Device>
[[nodiscard]] Tensor<Device> conv2d_in_steps(const Tensor<Device>& x,
                                             const Conv2dKernel<Device>& kernel,
                                             Conv2dFusion<Device> fusion) {
    if (const auto* norm = std::exchange(fusion.norm, nullptr)) {
        return conv2d(normalised(x, *norm, fusion.before), kernel, fusion);
    }
    const auto factor = std::exchange(fusion.upsample, 1);
    return conv2d(upsample_nearest(x, factor), kernel, fusion);
}

template <class Device>
[[nodiscard]] Tensor<Device> conv2d_of(const Tensor<Device>& x,
                                       const Conv2dKernel<Device>& kernel,
                                       const Conv2dFusion<Device>& fusion) {
    const auto shape = conv2d_shape(x.shape(), kernel, fusion);
    if (!kernel.geometry().fuses(fusion)) return conv2d_in_steps(x, kernel, fusion);
    Tensor<Device> y(shape);
    if (fusion.add) require_same_shape("conv2d add", *fusion.add, y);
    conv2d_into(Strip<Device>::all_of(x), kernel, {0, y.dim(2)}, fusion, y);
    return y;
}

template <class Device>
[[nodiscard]] Tensor<Device> conv2d_of(const Strip<Device>& x,
                                       const Conv2dKernel<Device>& kernel, const Range& rows,
                                       const Conv2dFusion<Device>& fusion) {
    const auto whole = conv2d_shape(x.shape(), kernel, fusion);
    x.check_rows(kernel.geometry(), fusion.upsample, rows, whole[2]);
    if (!kernel.geometry().fuses(fusion)) {
        fail("conv2d of a strip", "a normalisation or an enlargement",
             "what the kernel does in one pass");
    }
    Tensor<Device> y({whole[0], whole[1], rows.size(), whole[3]});
    if (fusion.add) require_same_shape("conv2d add", *fusion.add, y);
    conv2d_into(x, kernel, rows, fusion, y);
    return y;
}

template <class Device>
[[nodiscard]] Tensor<Device> conv2d_on(Tensor<Device> y, const Tensor<Device>& x,
                                       const Conv2dKernel<Device>& kernel,
                                       Conv2dFusion<Device> fusion) {
    fusion.add = &y;
    if (!kernel.geometry().fuses(fusion)) return conv2d_in_steps(x, kernel, fusion);
    const auto shape = conv2d_shape(x.shape(), kernel, fusion);
    if (y.shape() != shape) fail("conv2d add", to_string(y.shape()), to_string(shape));
    conv2d_into(Strip<Device>::all_of(x), kernel, {0, y.dim(2)}, fusion, y);
    return y;
}

} // namespace detail

/// The cross-correlation that networks call convolution; with `fusion`, what stands around it.
///   x [N, in_channels, H, W]  ->  y [N, out_channels, OH, OW]   (Conv2dGeometry::output_shape)
/// 3x3 with stride 1 runs as Winograd F(2x2, 3x3), or as F(4x4, 3x3) where the kernel is
/// `fast`; the rest, and what has at most 4 channels, as blocks of columns.
/// The result has the same bits for any number of threads, and a fused call the same bits as
/// its steps one after the other, except that an upsampled 3x3 needs fewer and so other
/// roundings.
/// Parity: torch.nn.functional.conv2d (groups 1, dilation 1, zero padding).
template <class S>
[[nodiscard]] Tensor<Cpu<S>> conv2d(const Tensor<Cpu<S>>& x, const Conv2dKernel<Cpu<S>>& kernel,
                                    const Conv2dFusion<Cpu<S>>& fusion = {}) {
    return detail::conv2d_of(x, kernel, fusion);
}
[[nodiscard]] inline Tensor<Meta> conv2d(const Tensor<Meta>& x,
                                         const Conv2dKernel<Meta>& kernel,
                                         const Conv2dFusion<Meta>& fusion = {}) {
    return detail::conv2d_of(x, kernel, fusion);
}

/// The output rows [rows.begin, rows.end) alone, with the bits that they have in the whole,
/// from the rows of x that they look at:  y [N, out_channels, rows.size(), OW].
/// rows.begin is a multiple of 4, and so is rows.end, unless it is the output's; fusion.add has
/// y's shape. Throws Error for rows that are not there, and for what the kernel does not do in
/// one pass.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> conv2d(const Strip<Cpu<S>>& x, const Conv2dKernel<Cpu<S>>& kernel,
                                    const Range& rows,
                                    const Conv2dFusion<Cpu<S>>& fusion = {}) {
    return detail::conv2d_of(x, kernel, rows, fusion);
}
[[nodiscard]] inline Tensor<Meta> conv2d(const Strip<Meta>& x, const Conv2dKernel<Meta>& kernel,
                                         const Range& rows,
                                         const Conv2dFusion<Meta>& fusion = {}) {
    return detail::conv2d_of(x, kernel, rows, fusion);
}

/// conv2d(x) + y, in y's memory.  y has the shape of the result
template <class S>
[[nodiscard]] Tensor<Cpu<S>> conv2d_onto(Tensor<Cpu<S>> y, const Tensor<Cpu<S>>& x,
                                         const Conv2dKernel<Cpu<S>>& kernel,
                                         const Conv2dFusion<Cpu<S>>& fusion = {}) {
    return detail::conv2d_on(std::move(y), x, kernel, fusion);
}
[[nodiscard]] inline Tensor<Meta> conv2d_onto(Tensor<Meta> y, const Tensor<Meta>& x,
                                              const Conv2dKernel<Meta>& kernel,
                                              const Conv2dFusion<Meta>& fusion = {}) {
    return detail::conv2d_on(std::move(y), x, kernel, fusion);
}

} // namespace latent
