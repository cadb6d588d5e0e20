// Decodes latents at TAESD's size and says how long it took: one side of `./dev bench`.
// usage: decode_tiny THREADS RUNS OUT    (OUT: the raw float32 image, for the comparison)

#include "latent/io/system.hpp"
#include "latent/latent.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("usage: decode_tiny THREADS RUNS OUT\n", stderr);
        return 2;
    }
    using Device = latent::Cpu<float>;
    latent::TorchInit init(0);
    const latent::AutoencoderTiny<Device> vae{latent::Weights(init)};
    latent::Tensor<Device> latents({1, 4, 64, 64});
    latent::Generator(1).randn(latents.values());

    const auto before = latent::peak_memory_mib();
    latent::Workspace run({.threads = std::atoi(argv[1])});
    auto image = vae.decode(latents); // the warm-up
    for (int i = 0; i < std::atoi(argv[2]); ++i) {
        const auto start = std::chrono::steady_clock::now();
        image = vae.decode(latents);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        std::printf("seconds %.6f\n", seconds.count());
    }
    std::printf("mib %.1f\n", latent::peak_memory_mib() - before);
    std::ofstream(argv[3], std::ios::binary)
        .write(reinterpret_cast<const char*>(image.data()), image.numel() * 4);
}
