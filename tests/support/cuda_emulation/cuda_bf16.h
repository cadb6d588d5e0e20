#pragma once

#include "latent/tensor/half.hpp"

/// CUDA's bfloat16, with Latent's own rounding.

using __nv_bfloat16 = latent::BFloat16;

inline float __bfloat162float(__nv_bfloat16 x) { return x; }
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return latent::BFloat16::nearest(x); }
