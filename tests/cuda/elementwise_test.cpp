#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <latent/cuda.hpp>
#include <latent/latent.hpp>

#include <array>

using namespace latent;
using namespace latent::test;

TEST_CASE("elementwise operations on the GPU are the processor's", "[cuda]") {
    const CudaRun gpu;
    const auto x = Generator(1).randn<Cpu<float>>({2, 3, 5, 7});
    const auto y = Generator(2).randn<Cpu<float>>({2, 3, 5, 7});
    const auto check = [&](const auto& run) {
        const auto truth = run(as<double>(x), as<double>(y));
        const auto close =
            closeness(to<Cpu<float>>(run(to<Cuda<float>>(x), to<Cuda<float>>(y))), truth);
        INFO(close.text);
        CHECK(close.relative <= 2e-7);
    };
    check([](auto a, const auto& b) { return add(std::move(a), b); });
    check([](auto a, const auto& b) { return multiply(std::move(a), b); });
    check([](auto a, const auto&) { return scale(std::move(a), 3, -1); });
    check([](auto a, const auto&) { return scaled(a, 0.5, 2); });
    check([](auto a, const auto&) { return tanh(std::move(a)); });
    check([](auto a, const auto&) { return sqrt(exp(std::move(a))); });
    check([](auto a, const auto&) { return clamp(std::move(a), -0.5, 0.25); });
    check([](auto a, const auto&) { return leaky_relu(std::move(a), 0.1); });
    check([](auto a, const auto&) { return activation(Activation::mish, std::move(a)); });
    constexpr std::array factors{2.0, -1.0, 0.5}, offsets{0.25, 1.0, -3.0};
    check(
        [&](auto a, const auto&) { return scale_per_channel(std::move(a), factors, offsets); });
    CHECK(contains(message_of([&] {
                       (void)add(to<Cuda<float>>(x), to<Cuda<float>>(Tensor<Cpu<float>>({3})));
                   }),
                   "two equal shapes"));
}

TEST_CASE("one number for each channel of each image is added on the GPU", "[cuda]") {
    const CudaRun gpu;
    const auto x = Generator(1).randn<Cpu<float>>({2, 3, 5, 7});
    const auto offsets = Generator(2).randn<Cpu<float>>({2, 3});
    const auto got = add_per_channel(to<Cuda<float>>(x), to<Cuda<float>>(offsets));
    CHECK(same_bits(to<Cpu<float>>(got), add_per_channel(x.clone(), offsets)));
}
