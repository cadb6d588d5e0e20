#include "support/catch.hpp"

#include <latent/cuda.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

using namespace latent;

namespace {

Tensor<Cuda<float>> all(float value, std::int64_t count) {
    Tensor<Cpu<float>> x({count});
    std::ranges::fill(x.values(), value);
    return to<Cuda<float>>(x);
}

} // namespace

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
    CHECK(contains(message_of([] { const CudaRun gpu(1000); }), "cuda:1000"));
    CHECK(contains(message_of([] {
                       const CudaRun gpu;
                       const CudaRun another;
                   }),
                   "a second CudaRun"));
}

TEST_CASE("tensors of a planned run stand in one piece of memory", "[cuda]") {
    CudaRun gpu;
    const auto weight = all(2, 64);
    CHECK(gpu.allocations() == 1);
    const auto run = [&] {
        Tensor<Cuda<float>> sum({64});
        {
            const auto a = scaled(weight, 3);
            sum = add(scaled(a, 1), a);
        }
        const Tensor<Cuda<Half>> other({96}); // in a's place
        return sum;
    };
    gpu.plan(run);
    CHECK(gpu.planned_bytes() == 3 * 256);
    CHECK(gpu.allocations() == 2);
    CHECK(to<Cpu<float>>(weight).data()[63] == 2);
    {
        const auto sum = run();
        CHECK(gpu.allocations() == 2);
        CHECK(to<Cpu<float>>(sum).data()[63] == 12);
        const Tensor<Cuda<float>> large({1024}); // there is no place left for it
        CHECK(gpu.allocations() == 3);
    }
    gpu.release();
    CHECK(to<Cpu<float>>(run()).data()[0] == 12);
    CHECK(gpu.allocations() > 3);
}

TEST_CASE("a rehearsal that fails leaves the run as it was", "[cuda]") {
    CudaRun gpu;
    const auto x = all(1, 8);
    CHECK(contains(message_of([&] {
                       gpu.plan([&] {
                           const auto y = scaled(x, 2);
                           (void)add(scaled(y, 1), Tensor<Cuda<float>>({9}));
                       });
                   }),
                   "add"));
    CHECK(gpu.planned_bytes() == 0);
    CHECK(to<Cpu<float>>(scaled(x, 2)).data()[7] == 2);
}

TEST_CASE("a GPU without enough memory is an Error with a hint", "[cuda]") {
    const CudaRun gpu;
    const auto message =
        message_of([] { const Tensor<Cuda<float>> all({std::int64_t{1} << 44}); });
    CHECK(contains(message, "cuda: got cudaMalloc of"));
    CHECK(contains(message, "tiles, slices, or half the precision"));
}
