#pragma once

#include "commands.hpp"
#include "sides.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// Networks on a GPU: loaded there, run, and what comes out fetched. Compiled in gpu.cpp.

namespace latent::command {

/// What a network runs on.
struct DeviceName {
    enum class Kind { cpu, f32, f16, bf16 }; ///< cpu, or what a GPU's tensors are of
    Kind kind = Kind::cpu;
    int index = 0; ///< which GPU

    /// From "cpu", "cuda", "cuda:1", "cuda:f16", "cuda:bf16" or "cuda:1:f16"; nothing for
    /// another text.
    [[nodiscard]] static std::optional<DeviceName> from(const std::string& text);
};
[[nodiscard]] inline bool on_gpu(const RunOptions& options) { return options.device != "cpu"; }

/// One side of the network in these files on the GPU that options.device names: its output for
/// x, checked as run_side() does. `seconds` receives what the run took, transfers included
/// but not the planning of its memory.
/// Throws Error where there is no such GPU.
[[nodiscard]] Tensor<Device> encode_on_gpu(OpenFiles files, const Tensor<Device>& x,
                                           const RunOptions& options,
                                           double* seconds = nullptr);
[[nodiscard]] Tensor<Device> decode_on_gpu(OpenFiles files, const Tensor<Device>& x,
                                           const RunOptions& options,
                                           double* seconds = nullptr);
/// A VAEApprox, likewise.
[[nodiscard]] Tensor<Device>
approximate_on_gpu(const std::string& path, const Tensor<Device>& z, const RunOptions& options);

/// A line for what can be run on, as `latent devices` prints it.
struct DeviceLine {
    std::string name;  ///< for --device
    std::string about; ///< what it is, or why there is none
};
[[nodiscard]] std::vector<DeviceLine> known_devices();

} // namespace latent::command
