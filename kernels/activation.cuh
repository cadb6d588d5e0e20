#pragma once

#include "device.cuh"

#include <cmath>

/// relu, silu, mish and gelu of one number, in float32. Parity: torch.nn.functional.

namespace latent::kernels {

[[nodiscard]] __device__ inline float activate(Activation what, float x) {
    switch (what) {
    case Activation::none:
        return x;
    case Activation::relu:
        return x < 0 ? 0 : x; // NaN stays NaN
    case Activation::silu:
        return x / (1 + expf(-x));
    case Activation::mish:
        return x * tanhf(x > 20 ? x : log1pf(expf(x)));
    case Activation::gelu:
        return 0.5F * x * (1 + erff(x * 0.70710678F));
    }
    return x;
}

} // namespace latent::kernels
