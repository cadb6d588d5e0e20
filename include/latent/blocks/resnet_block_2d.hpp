#pragma once

#include "latent/layers/linear.hpp"
#include "latent/layers/norm_conv.hpp"
#include "latent/ops/channels.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace latent {

struct ResnetBlock2DConfig {
    std::int64_t in_channels = 0;
    std::int64_t out_channels = 0;
    std::int64_t groups = 32; ///< of both norms
    double eps = 1e-6;
    Activation act_fn = Activation::silu;
    std::int64_t temb_channels = 0; ///< of the time embedding; 0 for none, as in autoencoders
    bool use_in_shortcut = false;   ///< a conv_shortcut though the channel counts are equal
};

/// Two 3x3 convolutions, each after a group norm and an activation, plus a skip connection:
///   y = shortcut(x) + conv2(act(norm2(conv1(act(norm1(x))))))
///   x [N, in_channels, H, W]  ->  y [N, out_channels, H, W]
/// The shortcut is a 1x1 convolution when the channel counts differ, else the identity.
/// With a time embedding temb [N, temb_channels], time_emb_proj(act(temb)) is added to every
/// pixel behind conv1.
/// Source: He et al. 2016, arXiv:1512.03385; parity: diffusers ResnetBlock2D.
template <class Device>
struct ResnetBlock2D {
    static constexpr std::string_view class_name = "ResnetBlock2D";

    std::string path;
    Activation act_fn;
    GroupNorm<Device> norm1;
    Conv2d<Device> conv1;
    std::optional<Linear<Device>> time_emb_proj;
    GroupNorm<Device> norm2;
    Conv2d<Device> conv2;
    std::optional<Conv2d<Device>> conv_shortcut;

    ResnetBlock2D(const Weights& w, const ResnetBlock2DConfig& config)
        : path(w.path()),
          act_fn(config.act_fn),
          norm1(w["norm1"], {config.groups, config.in_channels, config.eps}),
          conv1(w["conv1"], {config.in_channels, config.out_channels}),
          time_emb_proj(projection(w, config)),
          norm2(w["norm2"], {config.groups, config.out_channels, config.eps}),
          conv2(w["conv2"], {config.out_channels, config.out_channels}) {
        if (config.use_in_shortcut || config.in_channels != config.out_channels) {
            conv_shortcut.emplace(w["conv_shortcut"],
                                  Conv2dConfig{.in_channels = config.in_channels,
                                               .out_channels = config.out_channels,
                                               .kernel_size = 1,
                                               .padding = {}});
        }
    }

    /// In x's memory where the channels stay as they are.
    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(Tensor<Device> x, const Trace& trace = {}) const {
        const auto& in = enter(trace, *this, x);
        auto h = norm_conv(norm1, act_fn, conv1, in, trace);
        return behind_conv1(std::move(x), in, h, trace);
    }

    /// With a time embedding. Throws Error for a block without time_emb_proj.
    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(Tensor<Device> x, const Tensor<Device>& temb,
                                         const Trace& trace = {}) const {
        if (!time_emb_proj) fail(path, "a time embedding", "none", "temb_channels is 0");
        const auto& in = enter(trace, *this, x);
        auto h = norm_conv(norm1, act_fn, conv1, in, trace);
        const auto t = time_emb_proj->forward(activation(act_fn, temb.clone()), trace);
        h = add_per_channel(std::move(h), t);
        return behind_conv1(std::move(x), in, h, trace);
    }

private:
    // `in` is x, unless a trace has put another tensor in its place.
    template <class Trace>
    [[nodiscard]] Tensor<Device> behind_conv1(Tensor<Device>&& x, const Tensor<Device>& in,
                                              const Tensor<Device>& h,
                                              const Trace& trace) const {
        Tensor<Device> skip;
        if (conv_shortcut) {
            skip = conv_shortcut->forward(in, trace);
            x = Tensor<Device>();
        } else {
            skip = &in == &x ? std::move(x) : in.clone();
        }
        auto y = norm_conv_onto(std::move(skip), norm2, act_fn, conv2, h, trace);
        trace(path, y);
        return y;
    }

    // Torch draws its weights between those of the two convolutions.
    static std::optional<Linear<Device>> projection(const Weights& w,
                                                    const ResnetBlock2DConfig& config) {
        if (config.temb_channels == 0) return std::nullopt;
        return Linear<Device>(w["time_emb_proj"], {config.temb_channels, config.out_channels});
    }
};

} // namespace latent
