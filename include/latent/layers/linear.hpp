#pragma once

#include "latent/ops/linear.hpp"
#include "latent/tensor/trace.hpp"
#include "latent/tensor/weights.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace latent {

struct LinearConfig {
    std::int64_t in_features = 0;
    std::int64_t out_features = 0;
    bool bias = true;
};

/// y = x weight^T + bias with its parameters weight [out_features, in_features], bias
/// [out_features].
///   x [..., in_features]  ->  y [..., out_features]
/// Parity: torch.nn.Linear, its default initialisation too.
template <class Device>
struct Linear {
    static constexpr std::string_view class_name = "Linear";

    std::string path;
    Tensor<Device> weight, bias;

    Linear(const Weights& w, const LinearConfig& config)
        : path(w.path()),
          weight(w.parameter<Device>("weight", {config.out_features, config.in_features},
                                     Init::kaiming_uniform(config.in_features))) {
        if (config.bias) {
            bias = w.parameter<Device>("bias", {config.out_features},
                                       Init::bias_uniform(config.in_features));
        }
    }

    /// Of parameters that are there already; an empty bias is none.
    Linear(std::string place, Tensor<Device> chosen_weight, Tensor<Device> chosen_bias)
        : path(std::move(place)),
          weight(std::move(chosen_weight)),
          bias(std::move(chosen_bias)) {}

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& x,
                                         const Trace& trace = {}) const {
        auto y = linear(enter(trace, *this, x), weight, bias);
        trace(path, y);
        return y;
    }
};

} // namespace latent
