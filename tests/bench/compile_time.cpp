// A program that decodes with AutoencoderKL, as a small project might have it. Nobody runs it:
// `./dev bench compile` measures how long it takes to compile.
#include <latent/latent.hpp>

#include <iostream>

int main() try {
    latent::TorchInit init(0);
    latent::AutoencoderKLConfig config;
    config.block_out_channels = {128, 256, 512, 512};
    config.down_block_types.assign(4, "DownEncoderBlock2D");
    config.up_block_types.assign(4, "UpDecoderBlock2D");
    config.layers_per_block = 2;
    using Device = latent::Cpu<float>;
    const latent::AutoencoderKL<Device> vae(latent::Weights(init), config);
    std::cout << vae.decode(latent::Generator(1).randn<Device>({1, 4, 64, 64})) << '\n';
} catch (const latent::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
}
