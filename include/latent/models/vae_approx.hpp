#pragma once

#include "latent/layers/conv2d.hpp"
#include "latent/ops/leaky_relu.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace latent {

/// A picture of latents from eight small convolutions: blurred, a quarter of the image's sides,
/// and some thousand times cheaper than the decoder it stands for.
///   z [N, 4, h, w], scaled as the UNet sees them  ->  [N, 3, 2 h, 2 w], about [-1, 1]
/// Each latent becomes 2 x 2 equal ones, 11 zeros are put on every side, and the convolutions,
/// which pad nothing themselves, take them away again: 2 (11) = 6 + 4 + 6 times 2. A LeakyReLU
/// of slope 0.1 follows each of them, the last one, too.
/// 52,395 parameters: conv1 ... conv8. Throws Error for another number of channels than 4.
/// Parity: VAEApprox of stable-diffusion-webui (modules/sd_vae_approx.py), the networks for
/// Stable Diffusion 1 and 2 and for SDXL alike.
template <class Device>
struct VAEApprox {
    static constexpr std::string_view class_name = "VAEApprox";

    std::string path;
    Conv2d<Device> conv1, conv2, conv3, conv4, conv5, conv6, conv7, conv8;

    explicit VAEApprox(const Weights& w)
        : path(w.path()),
          conv1(w["conv1"], {4, 8, 7, 1, Padding::all(11)}), // all that the eight will take
          conv2(w["conv2"], {8, 16, 5, 1, {}}),
          conv3(w["conv3"], {16, 32, 3, 1, {}}),
          conv4(w["conv4"], {32, 64, 3, 1, {}}),
          conv5(w["conv5"], {64, 32, 3, 1, {}}),
          conv6(w["conv6"], {32, 16, 3, 1, {}}),
          conv7(w["conv7"], {16, 8, 3, 1, {}}),
          conv8(w["conv8"], {8, 3, 3, 1, {}}) {}

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& z,
                                         const Trace& trace = {}) const {
        const auto [N, C, H, W] = nchw(z, "VAEApprox");
        if (C != 4 || H < 1 || W < 1) {
            fail("VAEApprox", to_string(z.shape()), "latents [N, 4, h, w]",
                 "such networks are made for Stable Diffusion 1, 2 and XL");
        }
        auto h = leaky_relu(upsample_conv(2, conv1, enter(trace, *this, z), trace), slope);
        for (const auto* conv : {&conv2, &conv3, &conv4, &conv5, &conv6, &conv7, &conv8}) {
            h = leaky_relu(conv->forward(h, trace), slope);
        }
        trace(path, h);
        return h;
    }

    static constexpr double slope = 0.1;
};

} // namespace latent
