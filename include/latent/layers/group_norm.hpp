#pragma once

#include "latent/ops/group_norm.hpp"
#include "latent/tensor/trace.hpp"
#include "latent/tensor/weights.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace latent {

struct GroupNormConfig {
    std::int64_t num_groups = 32;
    std::int64_t num_channels = 0;
    double eps = 1e-5;
};

/// Group normalisation with its parameters weight [num_channels] and bias [num_channels].
///   x [N, num_channels, H, W]  ->  y of the same shape
/// Parity: torch.nn.GroupNorm.
template <class Device>
struct GroupNorm {
    static constexpr std::string_view class_name = "GroupNorm";

    std::string path;
    GroupNormConfig config;
    Tensor<Device> weight, bias;

    GroupNorm(const Weights& w, const GroupNormConfig& chosen)
        : path(w.path()),
          config(chosen),
          weight(w.parameter<Device>("weight", {chosen.num_channels}, Init::ones())),
          bias(w.parameter<Device>("bias", {chosen.num_channels}, Init::zeros())) {}

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& x,
                                         const Trace& trace = {}) const {
        auto y =
            group_norm(enter(trace, *this, x), weight, bias, config.num_groups, config.eps);
        trace(path, y);
        return y;
    }
};

/// activation(norm(x)); norm's own output is computed beside it when a trace asks for it.
template <class Device, Observer<Device> Trace>
[[nodiscard]] Tensor<Device> norm_activation(const GroupNorm<Device>& norm,
                                             const Tensor<Device>& x, Activation act,
                                             const Trace& trace) {
    const auto groups = norm.config.num_groups;
    const auto eps = norm.config.eps;
    if constexpr (requires { group_norm(x, norm.weight, norm.bias, groups, eps, act); }) {
        const auto& in = enter(trace, norm, x);
        if constexpr (is_traced<Trace>) {
            trace(norm.path, group_norm(in, norm.weight, norm.bias, groups, eps));
        }
        return group_norm(in, norm.weight, norm.bias, groups, eps, act);
    } else {
        return activation(act, norm.forward(x, trace));
    }
}

} // namespace latent
