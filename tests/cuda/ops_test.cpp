#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <latent/cuda.hpp>
#include <latent/latent.hpp>

#include <array>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

using Host = Tensor<Cpu<float>>;

Host numbers(std::uint64_t seed, Shape shape) {
    return Generator(seed).randn<Cpu<float>>(std::move(shape));
}
Tensor<Cuda<float>> there(const Host& x) { return to<Cuda<float>>(x); }
Host back(const Tensor<Cuda<float>>& x) { return to<Cpu<float>>(x); }

} // namespace

TEST_CASE("tensors are put together and taken apart on the GPU", "[cuda]") {
    const CudaRun gpu;
    const auto a = numbers(1, {2, 3, 5, 7}), b = numbers(2, {2, 4, 5, 7});
    CHECK(same_bits(back(cat(there(a), there(b), 1)), cat(a, b, 1)));
    for (const std::size_t axis : {std::size_t{1}, std::size_t{2}}) {
        const auto x = numbers(3, {2, 6, 9, 4});
        const auto parts = chunk(there(x), 3, axis);
        const auto expected = chunk(x, 3, axis);
        for (std::size_t i = 0; i < 3; ++i) CHECK(same_bits(back(parts[i]), expected[i]));
    }
}

TEST_CASE("windows are cut, pasted and blended on the GPU", "[cuda]") {
    const CudaRun gpu;
    const auto x = numbers(1, {2, 3, 9, 8});
    const Window at{{1, 2}, {2, 6}, {3, 8}};
    const auto tile = numbers(2, {1, 3, 4, 5});
    CHECK(same_bits(back(cut(there(x), at)), cut(x, at)));
    auto pasted = x.clone();
    auto on_gpu = there(x);
    paste(pasted, at, tile, whole_window(tile));
    paste(on_gpu, at, there(tile), whole_window(tile));
    CHECK(same_bits(back(on_gpu), pasted));
    const std::vector<double> down{0, 0.25, 0.5, 1}, across{1, 1, 0.5, 0.25, 0.125};
    blend(pasted, at, numbers(3, {1, 3, 4, 5}), down, across);
    blend(on_gpu, at, there(numbers(3, {1, 3, 4, 5})), down, across);
    CHECK(closeness(back(on_gpu), as<double>(pasted)).relative <= 1e-7);
    CHECK(contains(message_of([&] { blend(on_gpu, at, there(tile), across, across); }),
                   "one for each row and column"));
}

TEST_CASE("images are enlarged on the GPU", "[cuda]") {
    const CudaRun gpu;
    const auto x = numbers(1, {2, 3, 5, 4});
    for (const auto mode :
         {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic}) {
        for (const std::int64_t factor : {2, 3}) {
            const auto truth = reference::interpolate(as<double>(x), factor, mode);
            const auto close = closeness(back(interpolate(there(x), factor, mode)), truth);
            INFO(close.text);
            CHECK(close.relative <= 1e-6); // the weights are computed in float32, too
        }
    }
}

TEST_CASE("heads of more than 512 channels are refused on the GPU", "[cuda]") {
    const CudaRun gpu;
    const auto x = there(numbers(1, {1, 2, 513}));
    CHECK(contains(message_of([&] { (void)scaled_dot_product_attention(x, x, x, 1); }),
                   "at most 512"));
}
