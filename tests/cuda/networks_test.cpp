#include "kernels/on_device.hpp"
#include "support/catch.hpp"
#include "support/closeness.hpp"
#include "support/kl_networks.hpp"
#include "support/tiny_networks.hpp"

#include <latent/cuda.hpp>
#include <latent/models/vae_approx.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

template <class S>
using Outputs = std::vector<std::pair<std::string, Tensor<Cpu<S>>>>;

/// Every layer of a network on the device, and the largest relative error of one of them.
/// run(network, input, trace) runs either side of it.
template <class S, class Make, class Run>
void check_layers(const std::string& name, const Make& make, const Numbers& input,
                  const Run& run, double bound) {
    Outputs<double> truth;
    run(make.template operator()<Cpu<double>>(), as<double>(input),
        [&](std::string_view path, const Tensor<Cpu<double>>& x) {
            truth.emplace_back(path, x.clone());
        });
    const CudaRun gpu;
    const auto network = make.template operator()<Cuda<S>>();
    std::size_t at = 0;
    run(network, to<Cuda<S>>(input), [&](std::string_view path, const Tensor<Cuda<S>>& x) {
        REQUIRE(at < truth.size());
        REQUIRE(path == truth[at].first);
        const auto close = closeness(to<Cpu<float>>(x), truth[at].second);
        INFO(name << " " << path << ": " << close.text);
        CHECK(close.relative <= bound);
        ++at;
    });
    CHECK(at == truth.size());
}

constexpr auto encode = [](const auto& network, const auto& x, const auto& trace) {
    (void)network.encode(x, trace);
};
constexpr auto decode = [](const auto& network, const auto& x, const auto& trace) {
    (void)network.decode(x, trace);
};

} // namespace

TEST_CASE("an AutoencoderKL on the device is the processor's, layer by layer", "[cuda]") {
    for (const auto& network : kl_networks(false)) {
        const auto make = [&]<class Device> { return network.template model<Device>(); };
        check_layers<float>(network.name, make, network.draw_image(), encode, 1e-5);
        check_layers<float>(network.name, make, network.draw_latents(), decode, 1e-5);
    }
}

TEST_CASE("an AutoencoderTiny on the device is the processor's, layer by layer", "[cuda]") {
    for (auto network : tiny_networks()) {
        if (network.name == "taesana" || network.name == "taesd")
            continue; // taesd3 has its layers
        network.image = {1, network.image[1], 16, 24};
        network.latents = {1, network.latents[1], 3, 2};
        const auto make = [&]<class Device> { return network.template model<Device>(); };
        check_layers<float>(network.name, make, network.draw_image(), encode, 1e-5);
        check_layers<float>(network.name, make, network.draw_latents(), decode, 1e-5);
    }
}
