/// The stored networks of reference_data/models/, as generate/networks.py makes them.
#pragma once

#include "support/golden.hpp"

#include <latent/models/autoencoder_tiny.hpp>

#include <string>
#include <vector>

namespace latent::test {

struct TinyNetwork {
    std::string name;
    std::uint64_t seed = 0;       ///< of the weights
    std::uint64_t input_seed = 0; ///< of the image; the latents have the next one
    AutoencoderTinyConfig config;
    Shape image, latents;
    std::int64_t encoder_parameters = 0, decoder_parameters = 0;

    [[nodiscard]] std::string file() const { return "models/" + name; }
    [[nodiscard]] Tensor<Cpu<float>> draw_image() const {
        Generator random(input_seed);
        return uniform(random, image);
    }
    [[nodiscard]] Tensor<Cpu<float>> draw_latents() const {
        Generator random(input_seed + 1);
        return random.randn<Cpu<float>>(latents);
    }
    template <class Device>
    [[nodiscard]] AutoencoderTiny<Device> model() const {
        TorchInit init(seed);
        return AutoencoderTiny<Device>(Weights{init}, config);
    }
};

[[nodiscard]] inline AutoencoderTinyConfig taesd3_config() {
    AutoencoderTinyConfig config;
    config.latent_channels = 16;
    return config;
}

[[nodiscard]] inline AutoencoderTinyConfig taef2_config() {
    AutoencoderTinyConfig config;
    config.latent_channels = 32;
    config.use_midblock_gn = true;
    return config;
}

[[nodiscard]] inline AutoencoderTinyConfig taesana_config() {
    AutoencoderTinyConfig config;
    config.latent_channels = 32;
    config.encoder_stem_channels = {32, 64};
    config.decoder_block_out_channels = {256, 128, 64, 64, 64, 64};
    config.num_decoder_blocks = {3, 3, 3, 3, 3, 1};
    config.block_out_channels = config.decoder_block_out_channels;
    return config;
}

/// No number is a usual one.
[[nodiscard]] inline AutoencoderTinyConfig uneven_config() {
    AutoencoderTinyConfig config;
    config.in_channels = 1;
    config.out_channels = 4;
    config.latent_channels = 5;
    config.act_fn = "silu";
    config.encoder_block_out_channels = {24, 24, 24};
    config.decoder_block_out_channels = {20, 20, 20};
    config.block_out_channels = config.decoder_block_out_channels;
    config.num_encoder_blocks = {2, 1, 0};
    config.num_decoder_blocks = {1, 0, 2};
    config.upsampling_scaling_factor = 3;
    return config;
}

[[nodiscard]] inline AutoencoderTinyConfig bicubic_config() {
    AutoencoderTinyConfig config;
    config.act_fn = "mish";
    config.upsample_fn = "bicubic";
    config.encoder_block_out_channels = {16, 16};
    config.decoder_block_out_channels = {16, 16};
    config.block_out_channels = config.decoder_block_out_channels;
    config.num_encoder_blocks = {1, 1};
    config.num_decoder_blocks = {1, 1};
    return config;
}

[[nodiscard]] inline std::vector<TinyNetwork> tiny_networks() {
    return {
        {"taesd", 0, 1, {}, {1, 3, 72, 64}, {1, 4, 9, 8}, 1222532, 1222531},
        {"taesd3", 3, 4, taesd3_config(), {1, 3, 24, 16}, {1, 16, 3, 2}, 1229456, 1229443},
        {"uneven", 5, 6, uneven_config(), {2, 1, 19, 13}, {2, 5, 3, 4}, 58565, 41424},
        {"taef2", 7, 8, taef2_config(), {1, 3, 72, 72}, {1, 32, 9, 9}, 1338528, 1338499},
        {"taesana", 9, 10, taesana_config(), {1, 3, 128, 160}, {1, 32, 4, 5}, 1256288, 8301763},
        {"bicubic", 11, 12, bicubic_config(), {1, 3, 10, 6}, {1, 4, 3, 5}, 17252, 17251},
    };
}

/// The networks that take the sanitizers long, and the others.
[[nodiscard]] inline std::vector<TinyNetwork> tiny_networks(bool large) {
    auto networks = tiny_networks();
    std::erase_if(networks, [=](const TinyNetwork& network) {
        return (network.encoder_parameters > 1'000'000 && network.image.numel() > 2000) !=
               large;
    });
    return networks;
}

} // namespace latent::test
