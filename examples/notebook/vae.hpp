#pragma once

#include "vae_parts.hpp"

#include <array>
#include <vector>

/// The notebook's VAE, under its names: encoder0 is encoder[0].

namespace notebook {

struct VAE {
    Conv2d encoder0;
    std::vector<Level> encoder_down; // encoder[1] ... encoder[4]
    Mid encoder5;
    Out encoder6;
    Conv2d encoder7, decoder0, decoder1;
    Mid decoder2;
    std::vector<Level> decoder_up; // decoder[3] ... decoder[6]
    Out decoder7;

    explicit VAE(const Weights& w)
        : encoder0(w["encoder"][0], {3, 128}),
          encoder5(w["encoder"][5]),
          encoder6(w["encoder"][6], 512, 8),
          encoder7(w["encoder"][7], Resnet::conv1x1(8, 8)),
          decoder0(w["decoder"][0], Resnet::conv1x1(4, 4)),
          decoder1(w["decoder"][1], {4, 512}),
          decoder2(w["decoder"][2]),
          decoder7(w["decoder"][7], 128, 3) {
        constexpr std::array<std::int64_t, 6> channels{128, 128, 256, 512, 512, 512};
        for (std::size_t i = 0; i < 4; ++i) {
            const auto down = w["encoder"][i + 1], up = w["decoder"][i + 3];
            encoder_down.emplace_back(down, 2, channels[i], channels[i + 1]);
            decoder_up.emplace_back(up, 3, channels[5 - i], channels[4 - i]);
            if (i == 3) continue;
            encoder_down.back().add_down(down[2][1]);
            decoder_up.back().add_up(up[4]);
        }
    }

    /// x [N, 3, H, W] -> moments [N, 8, H / 8, W / 8]
    Image encode(const Image& x) const {
        auto h = encoder0.forward(x);
        for (const auto& level : encoder_down) h = level.forward(std::move(h));
        return encoder7.forward(encoder6.forward(encoder5.forward(h)));
    }
    /// z [N, 4, h, w] -> [N, 3, 8 h, 8 w]
    Image decode(const Image& z) const {
        auto h = decoder2.forward(decoder1.forward(decoder0.forward(z)));
        for (const auto& level : decoder_up) h = level.forward(std::move(h));
        return decoder7.forward(h);
    }
    /// There and back by way of a sample; its log-variance is not limited.
    Image forward(const Image& x, latent::Generator& random) const {
        return decode(latent::sample_unclamped(encode(x), random));
    }
};

} // namespace notebook
