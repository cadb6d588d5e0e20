#pragma once

#include "latent/layers/conv2d.hpp"
#include "latent/layers/group_norm.hpp"

#include <utility>

/// A group norm, an activation and a convolution in a row, as residual blocks have them.

namespace latent {

/// A device whose convolution normalises its input while it reads it.
template <class Device>
concept HasNormConv = requires(const Tensor<Device>& x, const GroupNorm<Device>& norm,
                               const Conv2dKernel<Device>& kernel,
                               const NormCoefficients<Device>& coefficients) {
    group_norm_coefficients(x, norm.weight, norm.bias, norm.config.num_groups, norm.config.eps);
    conv2d(x, kernel, {.norm = &coefficients});
};

/// run(x, fusion) = conv(activation(norm(x))): without an image of norm's values where the
/// device can, and nobody asks for them.
template <class Device, Observer<Device> Trace, class Run>
[[nodiscard]] Tensor<Device> run_norm_conv(const GroupNorm<Device>& norm, Activation act,
                                           const Conv2d<Device>& conv, const Tensor<Device>& x,
                                           const Trace& trace, const Run& run) {
    if constexpr (HasNormConv<Device> && !is_traced<Trace>) {
        const auto& in = enter(trace, norm, x);
        (void)enter(trace, conv, in);
        const auto coefficients = group_norm_coefficients(
            in, norm.weight, norm.bias, norm.config.num_groups, norm.config.eps);
        return run(in, Conv2dFusion<Device>{.norm = &coefficients, .before = act});
    } else {
        const auto h = norm_activation(norm, x, act, trace);
        return run(enter(trace, conv, h), Conv2dFusion<Device>{});
    }
}

/// conv(activation(norm(x))).
template <class Device, Observer<Device> Trace>
[[nodiscard]] Tensor<Device> norm_conv(const GroupNorm<Device>& norm, Activation act,
                                       const Conv2d<Device>& conv, const Tensor<Device>& x,
                                       const Trace& trace) {
    auto y = run_norm_conv(norm, act, conv, x, trace,
                           [&](const Tensor<Device>& in, const Conv2dFusion<Device>& fusion) {
                               return conv2d(in, conv.kernel, fusion);
                           });
    trace(conv.path, y);
    return y;
}

/// conv(activation(norm(x))) + y, in y's memory.
template <class Device, Observer<Device> Trace>
[[nodiscard]] Tensor<Device> norm_conv_onto(Tensor<Device> y, const GroupNorm<Device>& norm,
                                            Activation act, const Conv2d<Device>& conv,
                                            const Tensor<Device>& x, const Trace& trace) {
    return run_norm_conv(norm, act, conv, x, trace,
                         [&](const Tensor<Device>& in, const Conv2dFusion<Device>& fusion) {
                             if constexpr (is_traced<Trace>)
                                 trace(conv.path, conv2d(in, conv.kernel));
                             return conv2d_onto(std::move(y), in, conv.kernel, fusion);
                         });
}

} // namespace latent
