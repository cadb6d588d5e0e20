// A test of somebody's own code: a residual block with a group norm that they wrote themselves,
// and that has a fault. The comparison finds the layer, and says what is wrong with it.

#include <latent/latent.hpp>
#include <latent/parity.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <memory>
#include <utility>

namespace {

using Exact = latent::Cpu<double>;
using Image = latent::Tensor<latent::Cpu<float>>;
const latent::ResnetBlock2DConfig config{.in_channels = 8, .out_channels = 8, .groups = 4};

/// Their group norm, for weights of 1 and 0. Its epsilon is torch's default, and looks right.
Image norm(const Image& x) {
    const auto size = x.numel() / config.groups;
    Image y(x.shape());
    for (std::int64_t i = 0; i < x.numel(); ++i) {
        const auto* group = x.data() + i / size * size;
        double sum = 0, squares = 0;
        for (std::int64_t j = 0; j < size; ++j) sum += group[j], squares += group[j] * group[j];
        const auto mean = sum / static_cast<double>(size);
        const auto variance = squares / static_cast<double>(size) - mean * mean;
        y.data()[i] = static_cast<float>((x.data()[i] - mean) / std::sqrt(variance + 1e-5));
    }
    return y;
}

} // namespace

int main() {
    auto source = std::make_unique<latent::KeptWeights>(std::make_unique<latent::TorchInit>(0));
    const auto place = latent::Weights(*source)["block"];
    const auto x =
        latent::scale(latent::Generator(1).randn<latent::Cpu<float>>({1, 8, 6, 6}), 0.1);

    // What is right: the library's block in double, recorded, with its parameters.
    latent::Tensor<Exact> exact(x.shape());
    std::ranges::copy(x.values(), exact.data());
    const latent::RecordTrace<Exact> trace;
    (void)latent::ResnetBlock2D<Exact>(place, config).forward(std::move(exact), trace);
    auto right = trace.finish();
    latent::Recorder wanted;
    (void)latent::ResnetBlock2D<latent::Meta>(latent::Weights(wanted)["block"], config);

    // What they have: four outputs, under the same names.
    const latent::ResnetBlock2D<latent::Cpu<float>> parts(place, config);
    auto theirs = std::make_unique<latent::MemoryStore>();
    const auto keep = [&](const char* name, Image h) -> Image {
        theirs->add(name, h.clone());
        return h;
    };
    auto h = keep("block.norm1", norm(x));
    h = keep("block.conv1", parts.conv1.forward(latent::silu(std::move(h))));
    h = keep("block.norm2", norm(h));
    h = keep("block.conv2", parts.conv2.forward(latent::silu(std::move(h))));

    latent::add_parameters(right, std::move(source), wanted.requests());
    const latent::Recording other{.order = theirs->names(), .tensors = std::move(theirs)};
    const auto comparison =
        latent::compare(right, std::array{latent::Subject{"theirs", &other}});
    std::cout << latent::report(comparison);
    const auto& found = comparison.subjects.front();
    return found.first == 0U && found.cause.name == "GroupNorm eps" ? 0 : 1;
}
