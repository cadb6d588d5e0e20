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
#include "latent/ops/leaky_relu.hpp"       // relu that lets a little through
#include "latent/ops/arithmetic.hpp"       // add, multiply, scale, exp, tanh, clamp
#include "latent/ops/channels.hpp"         // one number for a whole channel
#include "latent/ops/combine.hpp"          // two weighted sums in one pass
#include "latent/ops/linear.hpp"           // the matrix product
#include "latent/ops/group_norm.hpp"       // mean 0 and variance 1, group by group
#include "latent/ops/upsample_nearest.hpp" // each pixel becomes a square
#include "latent/ops/interpolate.hpp"      // bilinear and bicubic enlargement
#include "latent/ops/conv2d.hpp"           // convolution: the definition, Winograd, columns
#include "latent/ops/window.hpp"           // parts of an image: cut out, pasted, blended
#include "latent/ops/pad.hpp"              // zeros around an image
#include "latent/ops/transpose.hpp"        // an image's pixels to tokens, and back
#include "latent/ops/concat.hpp"           // tensors put together, and taken apart
#include "latent/ops/attention.hpp"        // every token looks at every other one
#include "latent/ops/check_finite.hpp"     // where NaN and infinity come from

// 3. Layers: what owns parameters.
#include "latent/layers/conv2d.hpp"
#include "latent/layers/group_norm.hpp"
#include "latent/layers/linear.hpp"

// 4. Blocks: layers wired together.
#include "latent/blocks/resnet_block_2d.hpp"        // two convolutions and a skip
#include "latent/blocks/attention.hpp"              // self-attention over an image's pixels
#include "latent/blocks/downsample_2d.hpp"          // half the size
#include "latent/blocks/upsample_2d.hpp"            // twice the size
#include "latent/blocks/down_encoder_block_2d.hpp"  // a resolution on the way down
#include "latent/blocks/up_decoder_block_2d.hpp"    // a resolution on the way up
#include "latent/blocks/unet_mid_block_2d.hpp"      // the lowest resolution
#include "latent/blocks/autoencoder_tiny_block.hpp" // three convolutions and a skip

// 5. Schedulers: noise to a sample, step by step.
#include "latent/schedulers/noise_schedule.hpp"   // how noise is added in training
#include "latent/schedulers/timestep_spacing.hpp" // which timesteps a run visits
#include "latent/schedulers/sigmas.hpp"           // noise as a deviation
#include "latent/schedulers/prediction.hpp"       // what a network's output means
#include "latent/schedulers/scheduler.hpp"        // what all of them are
#include "latent/schedulers/convert_config.hpp"   // one's config for another
#include "latent/schedulers/all.hpp"              // each of them, in a header of its own

// 6. Models: whole networks, and large images through them.
#include "latent/models/receptive_field.hpp"  // what a network sees of its input
#include "latent/models/tile_blending.hpp"    // tiles as diffusers joins them
#include "latent/models/smooth_tiles.hpp"     // tiles of one size, joined without a kink
#include "latent/models/tiling.hpp"           // large images in slices and tiles
#include "latent/models/encoder.hpp"          // image to moments
#include "latent/models/decoder.hpp"          // latents to image
#include "latent/models/streamed_decoder.hpp" // the same in a fraction of the memory
#include "latent/models/diagonal_gaussian_distribution.hpp" // where latents may lie
#include "latent/models/latent_scaling.hpp"                 // raw, and as the UNet sees them
#include "latent/models/latent_colours.hpp"                 // and as colours, by a table
#include "latent/models/autoencoder_kl.hpp"                 // Stable Diffusion's autoencoder
#include "latent/models/latent_codec.hpp"                   // latents in 8 bits
#include "latent/models/autoencoder_tiny.hpp"               // the tiny one
#include "latent/models/vae_approx.hpp"                     // latents to a small picture
