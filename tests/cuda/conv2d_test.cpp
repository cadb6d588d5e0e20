#include "ops/conv2d_cases.hpp"
#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <latent/cuda.hpp>
#include <latent/latent.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
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

TEST_CASE("a convolution on the GPU is as exact as torch, in every stored case", "[cuda]") {
    const Golden golden("ops/conv2d");
    const CudaRun gpu;
    std::int64_t deepest = 0;
    for (const auto& c : conv2d_cases(golden)) {
        const Conv2dInputs<float> in(c);
        const Conv2dInputs<double> exact(c);
        const auto there = [](const Tensor<Cpu<float>>& x) { return to<Cuda<float>>(x); };
        std::optional<Tensor<Cuda<float>>> bias;
        if (c.bias) bias = there(in.bias);
        const Conv2dKernel<Cuda<float>> kernel(there(in.weight), std::move(bias), c.options);
        Tensor<Cuda<float>> add;
        if (c.add) add = there(in.add);
        const auto y = conv2d(there(in.x), kernel,
                              {.upsample = c.upsample,
                               .add = c.add ? &add : nullptr,
                               .activation = c.activation});
        const auto truth = exact.composed(c, [&](const Tensor<Cpu<double>>& x) {
            return reference::conv2d(x, exact.weight, exact.bias, c.options);
        });
        const auto verdict = judge(golden, c.name, to<Cpu<float>>(y), truth);
        INFO(verdict.text);
        CHECK(verdict.good);
        deepest = std::max(deepest, kernel.geometry().depth());
    }
    CHECK(deepest > 1152); // sums of so many products are held against torch's own
}
