/// TAEF2's trained weights and a photo, from the folder that LATENT_DATA names.
#pragma once

#include "support/golden.hpp"

#include <latent/tensor/weights.hpp>

#include <filesystem>
#include <memory>

namespace latent::test {

/// The two .pth files of weights/ under the names of one model: encoder.*, decoder.*.
[[nodiscard]] std::unique_ptr<WeightSource> taef2_weights(const std::filesystem::path& data);

/// The astronaut's face, 128 x 128 pixels, [1, 3, 128, 128] in [-1, 1], as generate/networks.py
/// cuts it out.
[[nodiscard]] Tensor<Cpu<float>> astronaut_face(const std::filesystem::path& data);

} // namespace latent::test
