#pragma once

#include "latent/ops/check_finite.hpp"
#include "latent/ops/conv2d.hpp"
#include "latent/tensor/trace.hpp"
#include "latent/tensor/weights.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace latent {

namespace detail {

/// Throws Error where a finite weight is too large for half precision.
template <class S>
void require_half(const std::string& name, const Tensor<Cpu<S>>& weight) {
    const auto largest = extremes(weight).largest;
    if (largest < 65520) return;
    fail(name, short_number(largest), "numbers up to 65504, the largest in half precision",
         "keep the weights in float32");
}
template <class Device>
    requires(!Device::on_host)
void require_half(const std::string&, const Tensor<Device>&) {}

} // namespace detail

struct Conv2dConfig {
    std::int64_t in_channels = 0;
    std::int64_t out_channels = 0;
    std::int64_t kernel_size = 3;
    std::int64_t stride = 1;
    Padding padding = Padding::all(1); ///< zeros around the image; {} for none
    bool bias = true;
    bool upsampled = false; ///< it stands behind an upsampling, and takes that along
};

/// A convolution with its parameters, packed for the device once, here.
///   x [N, in_channels, H, W]  ->  y [N, out_channels, OH, OW]
/// Parameters: weight [out_channels, in_channels, kernel_size, kernel_size], bias
/// [out_channels].
/// Parity: torch.nn.Conv2d, its default initialisation too.
template <class Device>
struct Conv2d {
    static constexpr std::string_view class_name = "Conv2d";

    std::string path;
    Conv2dKernel<Device> kernel;

    Conv2d(const Weights& w, const Conv2dConfig& config)
        : path(w.path()), kernel(load(w, config)) {}

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& x,
                                         const Trace& trace = {}) const {
        auto y = conv2d(enter(trace, *this, x), kernel);
        trace(path, y);
        return y;
    }

private:
    static Conv2dKernel<Device> load(const Weights& w, const Conv2dConfig& config) {
        const auto size = config.kernel_size;
        const auto fan_in = config.in_channels * size * size;
        auto weight =
            w.parameter<Device>("weight", {config.out_channels, config.in_channels, size, size},
                                Init::kaiming_uniform(fan_in));
        if (w.options().half) detail::require_half(w.path() + ".weight", weight);
        std::optional<Tensor<Device>> bias;
        if (config.bias) {
            bias =
                w.parameter<Device>("bias", {config.out_channels}, Init::bias_uniform(fan_in));
        }
        return Conv2dKernel<Device>(weight, std::move(bias),
                                    {.stride = {config.stride, config.stride},
                                     .padding = config.padding,
                                     .fast = w.options().fast && !config.upsampled,
                                     .half = w.options().half});
    }
};

/// A device whose conv2d takes the steps around it along.
template <class Device>
concept HasConv2dFusion = requires(const Tensor<Device>& x, const Conv2dKernel<Device>& k,
                                   Conv2dFusion<Device> fusion) {
    conv2d(x, k, fusion);
};

/// activation(conv(x) + add), `add` null for none; conv's own output is computed beside it when
/// a trace asks for it.
template <class Device, Observer<Device> Trace>
[[nodiscard]] Tensor<Device>
conv_add_activation(const Conv2d<Device>& conv, const Tensor<Device>& x,
                    const Tensor<Device>* added, Activation act, const Trace& trace) {
    if constexpr (HasConv2dFusion<Device>) {
        const auto& in = enter(trace, conv, x);
        if constexpr (is_traced<Trace>) trace(conv.path, conv2d(in, conv.kernel));
        return conv2d(in, conv.kernel, {.add = added, .activation = act});
    } else {
        auto y = conv.forward(x, trace);
        return activation(act, added ? add(std::move(y), *added) : std::move(y));
    }
}

/// activation(conv(x)).
template <class Device, Observer<Device> Trace>
[[nodiscard]] Tensor<Device> conv_activation(const Conv2d<Device>& conv,
                                             const Tensor<Device>& x, Activation act,
                                             const Trace& trace) {
    return conv_add_activation(conv, x, static_cast<const Tensor<Device>*>(nullptr), act,
                               trace);
}

/// activation(conv(x) + y), in y's memory where the device can.
template <class Device, Observer<Device> Trace>
[[nodiscard]] Tensor<Device> conv_onto(Tensor<Device> y, const Conv2d<Device>& conv,
                                       const Tensor<Device>& x, Activation act,
                                       const Trace& trace) {
    if constexpr (HasConv2dFusion<Device>) {
        const auto& in = enter(trace, conv, x);
        if constexpr (is_traced<Trace>) trace(conv.path, conv2d(in, conv.kernel));
        return conv2d_onto(std::move(y), in, conv.kernel, {.activation = act});
    } else {
        return activation(act, add(conv.forward(x, trace), y));
    }
}

/// conv(upsample_nearest(x, factor)). The large image is made for a trace that wants to see it.
template <class Device, Observer<Device> Trace>
[[nodiscard]] Tensor<Device> upsample_conv(std::int64_t factor, const Conv2d<Device>& conv,
                                           const Tensor<Device>& x, const Trace& trace) {
    if constexpr (HasConv2dFusion<Device>) {
        if constexpr (!is_traced<Trace>) {
            (void)enter(trace, conv, x);
        } else if constexpr (Enters<Trace, Conv2d<Device>, Device>) {
            const auto large = upsample_nearest(x, factor);
            const auto& in = enter(trace, conv, large);
            if (&in != &large) {
                auto y = conv2d(in, conv.kernel);
                trace(conv.path, y);
                return y;
            }
        }
        auto y = conv2d(x, conv.kernel, {.upsample = factor});
        trace(conv.path, y);
        return y;
    } else {
        return conv.forward(upsample_nearest(x, factor), trace);
    }
}

} // namespace latent
