/// The stored AutoencoderKLs of reference_data/models/, as generate/autoencoder_kl.py makes
/// them.
#pragma once

#include "support/golden.hpp"

#include <latent/models/autoencoder_kl.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace latent::test {

struct KlNetwork {
    std::string name;
    std::uint64_t seed =
        0; ///< of the weights; the image has the next one, the latents seed + 2
    AutoencoderKLConfig config;
    Shape image, latents;
    std::int64_t parameters = 0;
    std::size_t tensors = 0;

    [[nodiscard]] std::string file() const { return "models/" + name; }
    [[nodiscard]] bool large() const { return parameters > 1'000'000; }
    [[nodiscard]] Tensor<Cpu<float>> draw_image() const {
        Generator random(seed + 1);
        return uniform(random, image);
    }
    [[nodiscard]] Tensor<Cpu<float>> draw_latents() const {
        Generator random(seed + 2);
        return random.randn<Cpu<float>>(latents);
    }
    template <class Device>
    [[nodiscard]] AutoencoderKL<Device> model() const {
        TorchInit init(seed);
        return AutoencoderKL<Device>(Weights{init}, config);
    }
};

/// Blocks of `channels`, from the image inwards, none of them with attention.
[[nodiscard]] inline AutoencoderKLConfig kl_config(const std::vector<std::int64_t>& channels) {
    AutoencoderKLConfig config;
    config.block_out_channels = channels;
    config.down_block_types.assign(channels.size(), "DownEncoderBlock2D");
    config.up_block_types.assign(channels.size(), "UpDecoderBlock2D");
    return config;
}

/// SD1, SD2, SDXL.
[[nodiscard]] inline AutoencoderKLConfig sd1_config() {
    auto config = kl_config({128, 256, 512, 512});
    config.layers_per_block = 2;
    config.sample_size = 512;
    return config;
}

/// SD3, FLUX.1.
[[nodiscard]] inline AutoencoderKLConfig sd3_config() {
    auto config = sd1_config();
    config.latent_channels = 16;
    config.use_quant_conv = config.use_post_quant_conv = false;
    return config;
}

/// No number is a usual one.
[[nodiscard]] inline AutoencoderKLConfig uneven_kl_config() {
    auto config = kl_config({24, 36, 48});
    config.in_channels = 1;
    config.out_channels = 4;
    config.latent_channels = 3;
    config.layers_per_block = 2;
    config.norm_num_groups = 12;
    config.act_fn = "mish";
    config.shift_factor = 0.1;
    config.use_quant_conv = config.use_post_quant_conv = false;
    return config;
}

/// Attention everywhere but in the middle.
[[nodiscard]] inline AutoencoderKLConfig attention_kl_config() {
    auto config = kl_config({16, 24});
    config.down_block_types.assign(2, "AttnDownEncoderBlock2D");
    config.up_block_types = {"UpDecoderBlock2D", "AttnUpDecoderBlock2D"};
    config.norm_num_groups = 8;
    config.mid_block_add_attention = false;
    config.use_post_quant_conv = false;
    return config;
}

[[nodiscard]] inline std::vector<KlNetwork> kl_networks() {
    return {
        {"kl_small", 20, kl_config({32, 64}), {2, 3, 21, 18}, {2, 4, 5, 3}, 658375, 124},
        {"kl_uneven", 30, uneven_kl_config(), {2, 1, 13, 22}, {2, 3, 3, 4}, 622450, 200},
        {"kl_attention", 40, attention_kl_config(), {1, 3, 15, 12}, {2, 4, 3, 5}, 104923, 142},
        {"sd1", 0, sd1_config(), {1, 3, 64, 64}, {1, 4, 8, 8}, 83653863, 248},
        {"sd3", 3, sd3_config(), {1, 3, 64, 64}, {1, 16, 8, 8}, 83819683, 244},
    };
}

/// The full-size networks, which take the sanitizers long, or the others.
[[nodiscard]] inline std::vector<KlNetwork> kl_networks(bool large) {
    auto networks = kl_networks();
    std::erase_if(networks, [=](const KlNetwork& network) { return network.large() != large; });
    return networks;
}

} // namespace latent::test
