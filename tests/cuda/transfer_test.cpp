#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <latent/cuda.hpp>
#include <latent/latent.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("tensors go to the GPU and come back", "[cuda]") {
    const CudaRun gpu;
    const auto x = Generator(1).randn<Cpu<float>>({2, 3, 5, 7});
    CHECK(same_bits(to<Cpu<float>>(to<Cuda<float>>(x)), x));
    CHECK(same_bits(to<Cpu<float>>(to<Cuda<float>>(x).clone()), x));
    const auto half = to<Cpu<float>>(to<Cuda<Half>>(x));
    const auto coarse = to<Cpu<double>>(to<Cuda<BFloat16>>(x));
    for (std::int64_t i = 0; i < x.numel(); ++i) {
        CHECK(half.data()[i] == static_cast<float>(Half::nearest(x.data()[i])));
        CHECK(static_cast<float>(coarse.data()[i]) ==
              static_cast<float>(BFloat16::nearest(x.data()[i])));
    }
    CHECK(same_bits(to<Cpu<float>>(Generator(1).randn<Cuda<float>>({2, 3, 5, 7})), x));
}
