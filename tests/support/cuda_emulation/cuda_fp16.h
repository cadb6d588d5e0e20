#pragma once

#include "latent/tensor/half.hpp"

/// CUDA's half precision, with Latent's own rounding.

using __half = latent::Half;

inline float __half2float(__half x) { return x; }
inline __half __float2half_rn(float x) { return latent::Half::nearest(x); }
