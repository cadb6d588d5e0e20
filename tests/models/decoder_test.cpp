#include "support/kl_networks.hpp"
#include "support/layers.hpp"

#include <latent/models/decoder.hpp>

using namespace latent;
using namespace latent::test;

namespace {

void check_kl_decoders(bool large) {
    const auto networks = kl_networks(large);
    REQUIRE(networks.size() == (large ? 2 : 3));
    for (const auto& network : networks) {
        const auto single = network.model<Cpu<float>>();
        const auto exact = network.model<Cpu<double>>();
        Recorder recorder;
        const Decoder<Meta> meta(Weights{recorder}["decoder"], network.config);
        const auto latents = network.draw_latents();
        // Behind post_quant_conv, as it is in the whole network.
        const auto run = [](const auto& vae, const auto& z, const auto& trace) {
            return vae.post_quant_conv
                       ? vae.decoder.forward(vae.post_quant_conv->forward(z), trace)
                       : vae.decoder.forward(z, trace);
        };
        const Golden golden(network.file());
        const auto exact_latents = as<double>(latents);
        check_layers(
            golden, "decoder", [&](const auto& trace) { return run(single, latents, trace); },
            [&](const auto& trace) { return run(exact, exact_latents, trace); }, recorder);
        // All of it, as torch has it in float32.
        const auto torch = golden.tensor<float>("decoder.float32");
        CHECK(closeness(run(single, latents, NoTrace()), as<double>(torch)).relative <= 1e-5);
        CHECK(meta.forward(Tensor<Meta>(network.latents)).shape() == torch.shape());
    }
}

} // namespace

TEST_CASE("Decoder with seeded weights, layer by layer", "[models]") {
    check_kl_decoders(false);
}

TEST_CASE("Decoder of Stable Diffusion's size with seeded weights, layer by layer",
          "[models][large]") {
    check_kl_decoders(true);
}

TEST_CASE("Decoder doubles sizes and refuses other channels", "[models]") {
    Recorder recorder;
    const Decoder<Meta> decoder(Weights{recorder}["decoder"], sd1_config());
    CHECK(decoder.forward(Tensor<Meta>(Shape{2, 4, 5, 1})).shape() == Shape{2, 3, 40, 8});
    const auto message = message_of([&] {
        (void)decoder.forward(Tensor<Meta>(Shape{1, 3, 8, 8}));
    });
    CHECK(contains(message, "[N, 4, H, W]"));
}
