#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <latent/cuda.hpp>
#include <latent/latent.hpp>

#include <utility>

using namespace latent;
using namespace latent::test;

namespace {

template <class Device>
Tensor<Device> on(Tensor<Cpu<float>> x) {
    if constexpr (std::is_same_v<Device, Cpu<double>>) {
        return as<double>(x);
    } else {
        return to<Device>(x);
    }
}

/// What a network asks of a convolution: what is around it, and a sum in the other's memory.
template <class Device>
Tensor<Device> run(std::int64_t upsample, bool onto, Activation act) {
    const auto draw = [](std::uint64_t seed, Shape shape) {
        return on<Device>(Generator(seed).randn<Cpu<float>>(std::move(shape)));
    };
    const Conv2dKernel<Device> kernel(draw(1, {7, 5, 3, 3}), draw(2, {7}),
                                      {.padding = Padding::all(1)});
    const auto x = draw(3, {2, 5, 6, 4});
    auto y = draw(4, {2, 7, 6 * upsample, 4 * upsample});
    if (onto) {
        return conv2d_onto(std::move(y), x, kernel, {.upsample = upsample, .activation = act});
    }
    return conv2d(x, kernel, {.upsample = upsample, .add = &y, .activation = act});
}

} // namespace

TEST_CASE("a convolution on the GPU takes along what is around it", "[cuda]") {
    const CudaRun gpu;
    for (const std::int64_t upsample : {1, 2}) {
        for (const bool onto : {false, true}) {
            const auto truth = run<Cpu<double>>(upsample, onto, Activation::silu);
            const auto got = run<Cuda<float>>(upsample, onto, Activation::silu);
            const auto close = closeness(to<Cpu<float>>(got), truth);
            INFO(close.text);
            CHECK(close.relative <= 1e-6);
        }
    }
}
