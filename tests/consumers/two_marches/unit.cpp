// A small network, compiled twice: RUN is the name of its function.
#include <latent/latent.hpp>

#include <cstdint>
#include <utility>
#include <vector>

namespace {

using Device = latent::Cpu<float>;

latent::Conv2dKernel<Device> kernel(latent::Generator& random, latent::Shape shape,
                                    const latent::Conv2dOptions& options) {
    const auto weight = random.randn<Device>(shape);
    return latent::Conv2dKernel<Device>(weight, random.randn<Device>({shape[0]}), options);
}

} // namespace

std::vector<float> RUN() {
    latent::Workspace run({.threads = 2});
    latent::Generator random(42);
    const auto same = latent::Padding::all(1);
    const auto first = kernel(random, {24, 5, 3, 3}, {.padding = same});
    const auto second = kernel(random, {9, 24, 3, 3}, {.stride = {2, 2}, .padding = same});
    const auto third = kernel(random, {3, 9, 1, 1}, {});

    auto h = conv2d(random.randn<Device>({1, 5, 17, 21}), first);
    h = conv2d(relu(std::move(h)), second);
    h = conv2d(silu(std::move(h)), third);
    const auto y = upsample_nearest(scale(std::move(h), 0.25, 0.5), 2);
    return {y.values().begin(), y.values().end()};
}
