#pragma once

#include "latent/ops/arithmetic.hpp"
#include "latent/ops/conv2d_geometry.hpp"
#include "latent/ops/im2col.hpp"
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
class Conv2dKernel;

template <class S>
class Conv2dKernel<Cpu<S>> {
public:
    Conv2dKernel(const Tensor<Cpu<S>>& weight, std::optional<Tensor<Cpu<S>>> bias,
                 const Conv2dOptions& options = {})
        : geometry_(weight.shape(), options),
          bias_(std::move(bias)),
          packed_(geometry_.uses_winograd() ? detail::winograd_pack(weight)
                                            : detail::im2col_pack(weight)) {
        if (bias_ && bias_->shape() != Shape{geometry_.out_channels}) {
            fail("conv2d bias", to_string(bias_->shape()),
                 "shape " + to_string(Shape{geometry_.out_channels}));
        }
    }

    [[nodiscard]] const Conv2dGeometry& geometry() const { return geometry_; }
    [[nodiscard]] const S* packed() const { return packed_.data(); }
    [[nodiscard]] const S* bias() const { return bias_ ? bias_->data() : nullptr; }

private:
    Conv2dGeometry geometry_;
    std::optional<Tensor<Cpu<S>>> bias_;
    Tensor<Cpu<S>> packed_;
};

template <>
class Conv2dKernel<Meta> {
public:
    Conv2dKernel(const Tensor<Meta>& weight, const std::optional<Tensor<Meta>>&,
                 const Conv2dOptions& options = {})
        : geometry_(weight.shape(), options) {}
    [[nodiscard]] const Conv2dGeometry& geometry() const { return geometry_; }

private:
    Conv2dGeometry geometry_;
};

/// The cross-correlation that networks call convolution; with `fusion`, what stands around it.
///   x [N, in_channels, H, W]  ->  y [N, out_channels, OH, OW]   (Conv2dGeometry::output_shape)
/// 3x3 with stride 1 runs as Winograd F(2x2, 3x3), the rest as blocks of columns.
/// The result has the same bits for any number of threads, and a fused call the same bits as
/// its steps one after the other, except that an upsampled 3x3 needs fewer and so other
/// roundings.
/// Parity: torch.nn.functional.conv2d (groups 1, dilation 1, zero padding).
template <class S>
[[nodiscard]] Tensor<Cpu<S>> conv2d(const Tensor<Cpu<S>>& x, const Conv2dKernel<Cpu<S>>& kernel,
                                    const Conv2dFusion<Cpu<S>>& fusion = {}) {
    using V = Simd<S>;
    const auto& geometry = kernel.geometry();
    const bool fuses_upsampling = geometry.fuses_upsampling(fusion.upsample);
    if (fusion.upsample != 1 && !fuses_upsampling) {
        return conv2d(upsample_nearest(x, fusion.upsample), kernel,
                      {.add = fusion.add, .activation = fusion.activation});
    }
    Tensor<Cpu<S>> y(geometry.output_shape(x.shape(), fusion.upsample));
    if (fusion.add) require_same_shape("conv2d add", *fusion.add, y);
    const auto [N, C, H, W] = nchw(x, "conv2d");
    const S* add = fusion.add ? fusion.add->data() : nullptr;
    const auto winograd = [&, N = N, C = C, H = H, W = W]<bool Upsampled>() {
        detail::Winograd<V, Upsampled>{x.data(),
                                       C,
                                       H,
                                       W,
                                       kernel.packed(),
                                       kernel.bias(),
                                       y.dim(1),
                                       geometry.options.padding,
                                       y.data(),
                                       y.dim(2),
                                       y.dim(3),
                                       add,
                                       fusion.activation}
            .run(N);
    };
    if (fuses_upsampling) {
        winograd.template operator()<true>();
    } else if (geometry.uses_winograd()) {
        winograd.template operator()<false>();
    } else {
        detail::Im2col<V>{geometry, x.data(), H,        W,   kernel.packed(),  kernel.bias(),
                          y.data(), y.dim(2), y.dim(3), add, fusion.activation}
            .run(N);
    }
    return y;
}

[[nodiscard]] inline Tensor<Meta> conv2d(const Tensor<Meta>& x,
                                         const Conv2dKernel<Meta>& kernel,
                                         const Conv2dFusion<Meta>& fusion = {}) {
    if (fusion.upsample != 1 && !kernel.geometry().fuses_upsampling(fusion.upsample)) {
        return conv2d(upsample_nearest(x, fusion.upsample), kernel, {.add = fusion.add});
    }
    Tensor<Meta> y(kernel.geometry().output_shape(x.shape(), fusion.upsample));
    if (fusion.add) require_same_shape("conv2d add", *fusion.add, y);
    if (auto* run = Workspace::current()) {
        run->report().multiply_adds += y.numel() * kernel.geometry().depth();
    }
    return y;
}

} // namespace latent
