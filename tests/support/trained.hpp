/// Trained weights and pictures: Latent's own, in reference_data/, and TAEF2 and a photo, from
/// the folder that LATENT_DATA names.
#pragma once

#include "support/golden.hpp"

#include <latent/tensor/weights.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace latent::test {

/// The two .pth files of weights/ under the names of one model: encoder.*, decoder.*.
[[nodiscard]] std::unique_ptr<WeightSource> taef2_weights(const std::filesystem::path& data);

/// The astronaut's face, 128 x 128 pixels, [1, 3, 128, 128] in [-1, 1], as generate/networks.py
/// cuts it out.
[[nodiscard]] Tensor<Cpu<float>> astronaut_face(const std::filesystem::path& data);

/// The folder of Latent's own `small`, `tiny` or `approx`.
[[nodiscard]] std::filesystem::path own_model(const std::string& name);

/// Rows from `top` on and columns from `left` on of still_life.png or morning.png, in [-1, 1]:
/// [1, 3, height, width].
[[nodiscard]] Tensor<Cpu<float>> own_picture(const std::string& name, std::int64_t top,
                                             std::int64_t left, std::int64_t height,
                                             std::int64_t width);
/// As generate/own_models.py cuts it out: [1, 3, 48, 40].
[[nodiscard]] inline Tensor<Cpu<float>> own_picture() {
    return own_picture("still_life.png", 240, 200, 48, 40);
}

} // namespace latent::test
