#pragma once

#include "latent/tensor/error.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <string_view>

namespace latent {

/// The activation functions that config.json can name in `act_fn`, and none.
/// Parity: diffusers.models.activations.get_activation.
enum class Activation { none, relu, silu, mish, gelu };

/// The activation that a config's `act_fn` names: relu, silu (or swish), mish, gelu.
[[nodiscard]] inline Activation activation_named(std::string_view name) {
    if (name == "relu") return Activation::relu;
    if (name == "silu" || name == "swish") return Activation::silu;
    if (name == "mish") return Activation::mish;
    if (name == "gelu") return Activation::gelu;
    fail("act_fn", "'" + std::string(name) + "'", "relu, silu, swish, mish or gelu");
}

/// One value through an activation, in double precision: the definition.
///   relu  max(x, 0)          silu  x / (1 + exp(-x))       (torch.nn.SiLU, "swish")
///   mish  x tanh(ln(1 + exp(x)))                            (Misra 2019, arXiv:1908.08681)
///   gelu  x/2 (1 + erf(x / sqrt 2))                         (Hendrycks 2016, arXiv:1606.08415)
/// NaN stays NaN.
[[nodiscard]] inline double activate(Activation kind, double x) {
    switch (kind) {
    case Activation::relu:
        return x < 0 ? 0 : x;
    case Activation::silu:
        return x / (1 + std::exp(-x));
    case Activation::mish:
        return x * std::tanh(std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))));
    case Activation::gelu:
        return x / 2 * (1 + std::erf(x * std::numbers::sqrt2 / 2));
    case Activation::none:
        break;
    }
    return x;
}

} // namespace latent
