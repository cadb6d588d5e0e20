#include "kernels/on_device.hpp"
#include "support/catch.hpp"
#include "support/closeness.hpp"
#include "support/kl_networks.hpp"
#include "support/tiny_networks.hpp"
#include "support/trained.hpp"

#include <latent/cuda.hpp>
#include <latent/io/load_autoencoder_kl.hpp>
#include <latent/io/load_autoencoder_tiny.hpp>
#include <latent/io/load_vae_approx.hpp>
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
    (void)run(make.template operator()<Cpu<double>>(), as<double>(input),
              [&](std::string_view path, const Tensor<Cpu<double>>& x) {
                  truth.emplace_back(path, x.clone());
              });
    const CudaRun gpu;
    const auto network = make.template operator()<Cuda<S>>();
    std::size_t at = 0;
    (void)run(network, to<Cuda<S>>(input),
              [&](std::string_view path, const Tensor<Cuda<S>>& x) {
                  REQUIRE(at < truth.size());
                  REQUIRE(path == truth[at].first);
                  const auto close = closeness(to<Cpu<float>>(x), truth[at].second);
                  INFO(name << " " << path << ": " << close.text);
                  CHECK(close.relative <= bound);
                  ++at;
              });
    CHECK(at == truth.size());
}

/// Its output, by a plan whose run asks for no memory, and its error; `x` is its input.
template <class S, class Make, class Run>
void check_planned(const std::string& name, const Make& make, const Numbers& x, const Run& run,
                   double bound) {
    const auto truth = run(make.template operator()<Cpu<double>>(), as<double>(x), NoTrace());
    CudaRun gpu;
    const auto network = make.template operator()<Cuda<S>>();
    const auto whole = [&] { return to<Cpu<float>>(run(network, to<Cuda<S>>(x), NoTrace())); };
    const auto plain = whole();
    gpu.plan([&] { (void)whole(); });
    const auto before = gpu.allocations();
    for (int again = 0; again < 2; ++again) {
        const auto planned = whole();
        CHECK(gpu.allocations() == before);
        CHECK(closeness(planned, as<double>(plain)).largest == 0);
    }
    const auto close = closeness(plain, truth);
    INFO(name << ": " << close.text << ", " << gpu.planned_bytes() << " bytes planned");
    CHECK(close.relative <= bound);
}

// Of float, half and bfloat16: the last round each layer's result to 11 bits and 8.
template <class Make, class Run>
void check_every_scalar(const std::string& name, const Make& make, const Numbers& x,
                        const Run& run) {
    check_planned<float>(name + " f32", make, x, run, 1e-5);
    check_planned<Half>(name + " f16", make, x, run, 3e-3);
    check_planned<BFloat16>(name + " bf16", make, x, run, 2e-2);
}

constexpr auto encode = [](const auto& network, const auto& x, const auto& trace) {
    return network.encode(x, trace);
};
constexpr auto decode = [](const auto& network, const auto& x, const auto& trace) {
    return network.decode(x, trace);
};
constexpr auto forward = [](const auto& network, const auto& x, const auto& trace) {
    return network.forward(x, trace);
};

} // namespace

TEST_CASE("an AutoencoderKL on the device is the processor's, layer by layer",
          "[cuda][large]") {
    for (const auto& network : kl_networks(false)) {
        const auto make = [&]<class Device> { return network.template model<Device>(); };
        check_layers<float>(network.name, make, network.draw_image(), encode, 1e-5);
        check_layers<float>(network.name, make, network.draw_latents(), decode, 1e-5);
    }
}

TEST_CASE("an AutoencoderTiny on the device is the processor's, layer by layer",
          "[cuda][large]") {
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

TEST_CASE("a VAEApprox on the device is the processor's, layer by layer", "[cuda]") {
    const auto make = [&]<class Device> {
        TorchInit weights(7);
        return VAEApprox<Device>(Weights(weights));
    };
    check_layers<float>("VAEApprox", make, normal_image(8, {2, 4, 5, 3}), forward, 1e-5);
}

TEST_CASE("a planned run of a network asks for no memory", "[cuda][large]") {
    const auto kl = kl_networks(false).front();
    const auto make_kl = [&]<class Device> { return kl.template model<Device>(); };
    check_every_scalar(kl.name + " decode", make_kl, kl.draw_latents(), decode);
    check_every_scalar(kl.name + " encode", make_kl, kl.draw_image(),
                       [](const auto& network, const auto& x, const auto& trace) {
                           return network.encoder.forward(x, trace);
                       });
    auto tiny = tiny_networks().front();
    tiny.latents = {1, tiny.latents[1], 3, 2};
    const auto make_tiny = [&]<class Device> { return tiny.template model<Device>(); };
    check_every_scalar(tiny.name + " decode", make_tiny, tiny.draw_latents(), decode);
    const auto make_approx = [&]<class Device> {
        TorchInit weights(7);
        return VAEApprox<Device>(Weights(weights));
    };
    check_every_scalar("VAEApprox", make_approx, normal_image(8, {1, 4, 3, 2}), forward);
}

TEST_CASE("Latent's own networks on the device are the processor's", "[cuda][large]") {
    const auto x = own_picture("still_life.png", 248, 208, 16, 24);
    const auto small = [&]<class Device> {
        return load_autoencoder_kl<Device>(own_model("small"));
    };
    const auto z = load_autoencoder_kl(own_model("small")).encode(x).mode();
    check_layers<float>("small", small, x, encode, 1e-5);
    check_layers<float>("small", small, z, decode, 1e-5);
    check_every_scalar("small decode", small, z, decode);
    const auto tiny = [&]<class Device> {
        return load_autoencoder_tiny<Device>(own_model("tiny"));
    };
    const auto seen = load_autoencoder_tiny(own_model("tiny")).encode(x);
    check_layers<float>("tiny", tiny, x, encode, 1e-5);
    check_every_scalar("tiny decode", tiny, seen, decode);
    const auto approx = [&]<class Device> {
        return load_vae_approx<Device>(own_model("approx"));
    };
    check_every_scalar("approx", approx, seen, forward);
}
