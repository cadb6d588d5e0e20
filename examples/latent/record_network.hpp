#pragma once

#include <latent/parity/recording.hpp>
#include <latent/parity/statistics.hpp>
#include <latent/tensor/devices.hpp>

#include <cstdint>
#include <optional>
#include <string>

/// Running a network with a recorder: of either side, in float32, or in float64, our truth.
/// Compiled in record_network.cpp.

namespace latent::command {

/// What a network does: images to latents, or latents to images.
enum class Direction { encode, decode };

/// What is known of a network before a weight is read.
struct NetworkSides {
    std::string path;                          ///< begins an Error
    std::string class_name;                    ///< "AutoencoderKL"
    std::optional<std::int64_t> image, latent; ///< channels of the sides that are there
    std::int64_t factor = 1;                   ///< pixels for a latent
    bool scaled = true;       ///< whether its latents are as the UNet sees them
    bool has_conv_in = false; ///< as the first step of either side

    /// The side that takes x; `chosen` is "encode", "decode" or empty. Throws Error where none
    /// does, or both do and nothing is chosen. `where` names x.
    [[nodiscard]] Direction direction(const std::string& where, const Shape& x,
                                      const std::string& chosen) const;
};
[[nodiscard]] NetworkSides sides_of_network(const std::string& model);

struct RecordOptions {
    Precision precision = Precision::f32; ///< or f64
    bool inputs = true;                   ///< of each module, too
    bool parameters = true;
    /// Each module gets its own input from here, in place of what came before it.
    const Recording* isolated = nullptr;
    /// The module that x goes into, e.g. "decoder" behind post_quant_conv: what would come
    /// before it is left out. Empty: the first.
    std::string entry = {};
    int threads = 0;
};

/// What goes into and comes out of every module on the way of x through the network. With
/// parameters it reads them from the model's files as long as it lives.
[[nodiscard]] Recording record_network(const std::string& model, Direction direction,
                                       const Tensor<Cpu<double>>& x,
                                       const RecordOptions& options);

} // namespace latent::command
