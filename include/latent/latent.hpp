#pragma once

/// \file
/// Latent: Stable Diffusion from scratch. This header is the table of contents; it needs Eigen
/// alone.
/// Read the chapters in this order.

// 1. Tensors: an error that is one line, shapes, memory and threads, devices, random numbers.
#include "latent/tensor/error.hpp"     // where: got VALUE, expected RULE; hint
#include "latent/tensor/shape.hpp"     // [N, C, H, W]
#include "latent/tensor/threads.hpp"   // a pool of threads, or the caller's own
#include "latent/tensor/workspace.hpp" // the memory and the threads of a run
#include "latent/tensor/parallel.hpp"  // parallel_for: the same bits for any number of threads
#include "latent/tensor/tensor.hpp"    // Tensor<Device>: moved, never copied by accident
#include "latent/tensor/devices.hpp"   // Cpu<float>, Cpu<double>, Meta
#include "latent/tensor/random.hpp"    // torch's random numbers, bit for bit
#include "latent/tensor/print.hpp"     // printing as torch prints
#include "latent/tensor/init.hpp"      // torch's default initialisation
#include "latent/tensor/weights.hpp"   // a place in a checkpoint, from which a block is built
#include "latent/tensor/trace.hpp"     // who listens to a run

// 2. Operations: pure functions, each with its definition beside its fast form.
#include "latent/ops/activation.hpp"       // relu, silu, mish, gelu
#include "latent/ops/arithmetic.hpp"       // add, scale, tanh, clamp
#include "latent/ops/linear.hpp"           // the matrix product
#include "latent/ops/group_norm.hpp"       // mean 0 and variance 1, group by group
#include "latent/ops/upsample_nearest.hpp" // each pixel becomes a square
#include "latent/ops/interpolate.hpp"      // bilinear and bicubic enlargement
#include "latent/ops/conv2d.hpp"           // convolution: the definition, Winograd, columns
#include "latent/ops/window.hpp"           // parts of an image: cut out, pasted, blended

// 3. Layers: what owns parameters.
#include "latent/layers/conv2d.hpp"
#include "latent/layers/group_norm.hpp"
#include "latent/layers/linear.hpp"

// 4. Blocks and models.
#include "latent/blocks/autoencoder_tiny_block.hpp" // three convolutions and a skip
#include "latent/models/receptive_field.hpp"        // what a network sees of its input
#include "latent/models/tiling.hpp"                 // large images in slices and tiles
#include "latent/models/latent_codec.hpp"           // latents in 8 bits
#include "latent/models/autoencoder_tiny.hpp"       // AutoencoderTiny: image <-> latents
