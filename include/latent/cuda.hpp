#pragma once

/// \file
/// Latent on a GPU: the third table of contents. It needs the library latent::cuda, which is
/// made of kernels/kernels.cu, and no header of CUDA's.

#include "latent/cuda/conv2d.hpp"      // convolution, and what stands around it
#include "latent/cuda/device.hpp"      // Cuda<float>, Cuda<Half>, Cuda<BFloat16>; CudaRun
#include "latent/cuda/elementwise.hpp" // one number at a time
#include "latent/cuda/ops.hpp"         // the other operations
#include "latent/cuda/schedulers.hpp"  // what schedulers ask besides
#include "latent/cuda/transfer.hpp"    // to the GPU and back
