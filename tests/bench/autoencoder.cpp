// One side of an autoencoder at full size, and how long it took: one side of `./dev bench`.
// usage: autoencoder CASE THREADS RUNS OUT
//   CASE: tiny-decode (TAESD), sd1-decode, sd1-encode; 512 x 512 pixels
//   OUT:  the raw float32 result, for the comparison

#include "latent/io/system.hpp"
#include "latent/latent.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace {

using Device = latent::Cpu<float>;
using Result = latent::Tensor<Device>;

Result latents() { return latent::Generator(1).randn<Device>({1, 4, 64, 64}); }
Result image() { return scale(latent::Generator(1).rand<Device>({1, 3, 512, 512}), 2, -1); }

latent::AutoencoderKL<Device> stable_diffusion() {
    latent::AutoencoderKLConfig config;
    config.block_out_channels = {128, 256, 512, 512};
    config.down_block_types.assign(4, "DownEncoderBlock2D");
    config.up_block_types.assign(4, "UpDecoderBlock2D");
    config.layers_per_block = 2;
    latent::TorchInit init(0);
    return latent::AutoencoderKL<Device>(latent::Weights(init), config);
}

/// A warm-up, then `runs` timed ones, and the memory beyond what stood there before.
template <class Call>
void measure(int threads, int runs, const char* out, const Call& call) {
    const auto before = latent::peak_memory_mib();
    latent::Workspace run({.threads = threads});
    Result result = call();
    for (int i = 0; i < runs; ++i) {
        const auto start = std::chrono::steady_clock::now();
        result = call();
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        std::printf("seconds %.6f\n", seconds.count());
    }
    std::printf("mib %.1f\n", latent::peak_memory_mib() - before);
    std::ofstream(out, std::ios::binary)
        .write(reinterpret_cast<const char*>(result.data()), result.numel() * 4);
}

} // namespace

int main(int argc, char** argv) {
    const std::string name = argc == 5 ? argv[1] : "";
    const auto with = [&](const auto& call) {
        measure(std::atoi(argv[2]), std::atoi(argv[3]), argv[4], call);
        return 0;
    };
    if (name == "tiny-decode") {
        latent::TorchInit init(0);
        const latent::AutoencoderTiny<Device> vae{latent::Weights(init)};
        return with([&, z = latents()] { return vae.decode(z); });
    }
    if (name == "sd1-decode") {
        const auto vae = stable_diffusion();
        return with([&, z = latents()] { return vae.decode(z); });
    }
    if (name == "sd1-encode") {
        const auto vae = stable_diffusion();
        return with([&, x = image()] { return std::move(vae.encode(x).parameters); });
    }
    std::fputs("usage: autoencoder tiny-decode|sd1-decode|sd1-encode THREADS RUNS OUT\n",
               stderr);
    return 2;
}
