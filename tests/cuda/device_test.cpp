#include "support/catch.hpp"

#include <latent/cuda.hpp>

#include <cmath>
#include <limits>

using namespace latent;

TEST_CASE("bfloat16 is the nearest, ties to even", "[cuda]") {
    const auto nearest = [](float x) { return static_cast<float>(BFloat16::nearest(x)); };
    CHECK(nearest(1) == 1);
    CHECK(nearest(-2.5F) == -2.5F);
    CHECK(nearest(1 + 0x1p-8F) == 1);
    CHECK(nearest(1 + 3 * 0x1p-8F) == 1 + 0x1p-6F);
    CHECK(nearest(1 + 0x1p-8F + 0x1p-20F) == 1 + 0x1p-7F);
    CHECK(std::isinf(nearest(std::numeric_limits<float>::max())));
    CHECK(std::isnan(nearest(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("a tensor on the GPU needs a run, and a run a GPU", "[cuda]") {
    CHECK(contains(message_of([] { (void)Tensor<Cuda<float>>({2}); }),
                   "a tensor without a CudaRun"));
    CHECK(contains(message_of([] { const CudaRun gpu(7); }), "cuda:7"));
}

TEST_CASE("tensors of a planned run stand in one piece of memory", "[cuda]") {
    CudaRun gpu;
    const Tensor<Cuda<float>> weight({64});
    CHECK(gpu.allocations() == 1);
    gpu.reserve(4096);
    {
        const Tensor<Cuda<float>> a({256}), b({256});
        CHECK(gpu.allocations() == 1);
        const Tensor<Cuda<float>> c({1024}); // there is no place left for it
        CHECK(gpu.allocations() == 2);
    }
    const Tensor<Cuda<Half>> d({2048});
    CHECK(gpu.allocations() == 2);
}
