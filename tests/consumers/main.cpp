// What a small project writes: twenty lines, one header, no flags.
#include <latent/latent.hpp>

#include <algorithm>
#include <cstdio>

int main() {
    using Device = latent::Cpu<float>;
    latent::Tensor<Device> image({1, 1, 4, 4});
    latent::Tensor<Device> weight({1, 1, 3, 3});
    std::ranges::fill(image.values(), 1.0F);
    std::ranges::fill(weight.values(), 0.5F);

    // The sum of a pixel's neighbourhood, halved: 4.5 inside, 2 in the corners.
    const latent::Conv2dKernel<Device> kernel(weight, {}, {.padding = latent::Padding::all(1)});
    const auto sums = conv2d(image, kernel);
    const float corner = sums.values()[0];
    const float inside = sums.values()[5];
    std::printf("corner %g, inside %g\n", double{corner}, double{inside});
    return corner == 2.0F && inside == 4.5F ? 0 : 1;
}
