// The notebook's VAE: built from the three cells before it, loaded, and held against the
// library's own AutoencoderKL, value by value.
//     04_vae [SIZE] [MODEL]     512 pixels, and weights of a seed, unless told otherwise

#include "notebook/load_vae.hpp"

#include <latent/io.hpp>

#include <cstdlib>
#include <exception>

namespace {

latent::AutoencoderKLConfig stable_diffusion() {
    latent::AutoencoderKLConfig config;
    config.block_out_channels = {128, 256, 512, 512};
    config.down_block_types.assign(4, "DownEncoderBlock2D");
    config.up_block_types.assign(4, "UpDecoderBlock2D");
    config.layers_per_block = 2;
    return config;
}

/// The weights of a file, or those that torch draws from seed 2.
std::unique_ptr<latent::WeightSource> weights_of(const char* model) {
    if (model == nullptr) return std::make_unique<latent::TorchInit>(2);
    latent::check_autoencoder_kl(latent::open_autoencoder_kl(model)); // all keys match
    return std::make_unique<latent::CheckpointSource>(
        latent::autoencoder_kl_source(latent::open_autoencoder_kl(model)));
}

} // namespace

int main(int argc, char* argv[]) try {
    using namespace notebook;
    const std::int64_t size = argc > 1 ? std::atoll(argv[1]) : 512;
    if (size < 8 || size > 2048 || size % 8 != 0) {
        latent::fail("SIZE", argv[1], "a multiple of 8, from 8 to 2048 pixels");
    }
    latent::KeptWeights checkpoint(weights_of(argc > 2 ? argv[2] : nullptr));
    const latent::Workspace run; // memory is used again

    latent::TorchInit fresh(0);
    VAE vae{Weights(fresh)};
    latent::Generator random(1);
    show_size(vae.forward(random.randn<Device>({1, 3, size, size}), random));

    const latent::AutoencoderKL<Device> params(Weights(checkpoint), stable_diffusion());
    load_vae(vae, Weights(checkpoint));
    std::cout << "<All keys matched successfully>\n";

    const auto image = random.randn<Device>({1, 3, size, size});
    const bool encodes = show_all_equal(vae.encode(image), params.encode(image).parameters);
    const auto latents = random.randn<Device>({1, 4, size / 8, size / 8});
    const bool decodes = show_all_equal(vae.decode(latents), params.decode(latents));
    return encodes && decodes ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
}
