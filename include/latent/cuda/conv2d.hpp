#pragma once

#include "latent/cuda/transfer.hpp"
#include "latent/ops/conv2d.hpp"

#include <cstdint>
#include <utility>

/// ops/conv2d.hpp on a GPU: upsampling, a tensor to add and an activation are in the kernel.

namespace latent {

template <class S>
class Conv2dFilters<Cuda<S>> {
public:
    Conv2dFilters(const Tensor<Cuda<S>>& weight, const Conv2dGeometry& geometry)
        : packed_({geometry.depth(), kernels::packed_rows(geometry.out_channels)}) {
        kernels::pack_weight(Cuda<S>::kind, detail::memory(weight), geometry.out_channels,
                             geometry.depth(), detail::memory(packed_), detail::stream(weight));
        // The weight is the caller's, and may be gone when this returns.
        kernels::synchronize(detail::stream(weight));
    }
    [[nodiscard]] const Tensor<Cuda<S>>& packed() const { return packed_; }

private:
    Tensor<Cuda<S>> packed_;
};

namespace detail {

/// Into y, which may be what is added.
template <class S>
void run_conv2d(const Tensor<Cuda<S>>& x, const Conv2dKernel<Cuda<S>>& kernel,
                const Conv2dFusion<Cuda<S>>& fusion, const Tensor<Cuda<S>>& y) {
    const auto& geometry = kernel.geometry();
    const auto& options = geometry.options;
    kernels::conv2d({.scalar = Cuda<S>::kind,
                     .images = x.dim(0),
                     .in_channels = x.dim(1),
                     .height = x.dim(2),
                     .width = x.dim(3),
                     .out_channels = y.dim(1),
                     .out_height = y.dim(2),
                     .out_width = y.dim(3),
                     .kernel_h = static_cast<int>(geometry.kernel_h),
                     .kernel_w = static_cast<int>(geometry.kernel_w),
                     .stride_down = static_cast<int>(options.stride[0]),
                     .stride_right = static_cast<int>(options.stride[1]),
                     .top = static_cast<int>(options.padding.top),
                     .left = static_cast<int>(options.padding.left),
                     .upsample = static_cast<int>(fusion.upsample),
                     .x = memory(x),
                     .weight = memory(kernel.filters().packed()),
                     .bias = kernel.bias() ? memory(*kernel.bias()) : nullptr,
                     .add = fusion.add ? memory(*fusion.add) : nullptr,
                     .after = static_cast<kernels::Activation>(fusion.activation),
                     .y = memory(y)},
                    stream(x));
}

} // namespace detail

template <class S>
[[nodiscard]] Tensor<Cuda<S>> conv2d(const Tensor<Cuda<S>>& x,
                                     const Conv2dKernel<Cuda<S>>& kernel,
                                     const Conv2dFusion<Cuda<S>>& fusion = {}) {
    Tensor<Cuda<S>> y(kernel.geometry().output_shape(x.shape(), fusion.upsample));
    if (fusion.add) require_same_shape("conv2d add", *fusion.add, y);
    detail::run_conv2d(x, kernel, fusion, y);
    return y;
}

template <class S>
[[nodiscard]] Tensor<Cuda<S>> conv2d_onto(Tensor<Cuda<S>> y, const Tensor<Cuda<S>>& x,
                                          const Conv2dKernel<Cuda<S>>& kernel,
                                          Conv2dFusion<Cuda<S>> fusion = {}) {
    const auto shape = kernel.geometry().output_shape(x.shape(), fusion.upsample);
    if (y.shape() != shape) fail("conv2d add", to_string(y.shape()), to_string(shape));
    fusion.add = &y;
    detail::run_conv2d(x, kernel, fusion, y);
    return y;
}

} // namespace latent
