// What a small project writes that computes on a GPU, and does without where there is none.
#include <latent/cuda.hpp>
#include <latent/latent.hpp>

#include <cstdio>

int main() {
    const auto x = latent::Generator(1).randn<latent::Cpu<float>>({1, 4, 8, 8});
    try {
        const latent::CudaRun gpu;
        const auto y = latent::scaled(latent::to<latent::Cuda<latent::Half>>(x), 2);
        std::printf("%s: %g\n", gpu.about().name.c_str(),
                    double{latent::to<latent::Cpu<float>>(y).data()[0]});
    } catch (const latent::Error& error) {
        std::puts(error.what());
    }
    return 0;
}
