#include "support/kl_networks.hpp"
#include "support/layers.hpp"

#include <latent/models/encoder.hpp>

using namespace latent;
using namespace latent::test;

namespace {

template <class Device>
Encoder<Device> encoder_of(const KlNetwork& network) {
    TorchInit init(network.seed); // which draws the encoder first
    return Encoder<Device>(Weights{init}["encoder"], network.config);
}

void check_kl_encoders(bool large) {
    const auto networks = kl_networks(large);
    REQUIRE(networks.size() == (large ? 2 : 3));
    for (const auto& network : networks) {
        const auto single = encoder_of<Cpu<float>>(network);
        const auto exact = encoder_of<Cpu<double>>(network);
        Recorder recorder;
        const Encoder<Meta> meta(Weights{recorder}["encoder"], network.config);
        const auto image = network.draw_image();
        const auto exact_image = as<double>(image);
        const Golden golden(network.file());
        check_layers(
            golden, "encoder", [&](const auto& trace) { return single.forward(image, trace); },
            [&](const auto& trace) { return exact.forward(exact_image, trace); }, recorder);
        // All of it, as torch has it in float32.
        const auto torch = golden.tensor<float>("encoder.float32");
        CHECK(closeness(single.forward(image), as<double>(torch)).relative <= 1e-5);
        CHECK(meta.forward(Tensor<Meta>(network.image)).shape() == torch.shape());
    }
}

} // namespace

TEST_CASE("Encoder with seeded weights, layer by layer", "[models]") {
    check_kl_encoders(false);
}

TEST_CASE("Encoder of Stable Diffusion's size with seeded weights, layer by layer",
          "[models][large]") {
    check_kl_encoders(true);
}

TEST_CASE("Encoder halves sizes downwards", "[models]") {
    Recorder recorder;
    const Encoder<Meta> encoder(Weights{recorder}["encoder"], sd1_config());
    const auto shape = [&](std::int64_t h, std::int64_t w) {
        return encoder.forward(Tensor<Meta>(Shape{1, 3, h, w})).shape();
    };
    CHECK(shape(64, 64) == Shape{1, 8, 8, 8});
    CHECK(shape(71, 65) == Shape{1, 8, 8, 8});
    CHECK(shape(8, 15) == Shape{1, 8, 1, 1});
    const auto channels = message_of([&] {
        (void)encoder.forward(Tensor<Meta>(Shape{1, 4, 8, 8}));
    });
    CHECK(contains(channels, "[N, 3, H, W]"));
    const auto size = message_of([&] { (void)shape(7, 64); });
    CHECK(contains(size, "[1, 512, 1, 16]")); // in front of the last Downsample2D
}
