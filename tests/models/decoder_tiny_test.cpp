#include "support/layers.hpp"
#include "support/tiny_networks.hpp"
#include "support/trained.hpp"

using namespace latent;
using namespace latent::test;

namespace {

template <class Single, class Exact>
void check_decoder(const Golden& golden, const Single& single, const Exact& exact,
                   const Tensor<Cpu<float>>& latents, const AutoencoderTinyConfig& config) {
    Recorder recorder;
    const DecoderTiny<Meta> meta(Weights{recorder}["decoder"], config);
    const auto exact_latents = as<double>(latents);
    check_layers(
        golden, "decoder", [&](const auto& trace) { return single.forward(latents, trace); },
        [&](const auto& trace) { return exact.forward(exact_latents, trace); }, recorder);
    // The whole image, as torch has it in float32: two results within 3e-6 of the truth.
    const auto torch = golden.tensor<float>("decoder.float32");
    CHECK(closeness(single.forward(latents), as<double>(torch)).relative <= 6e-6);
    CHECK(meta.forward(Tensor<Meta>(latents.shape())).shape() == torch.shape());
}

void check_decoders(const std::vector<TinyNetwork>& networks) {
    REQUIRE(networks.size() == 3);
    for (const auto& network : networks) {
        const auto single = network.model<Cpu<float>>();
        const auto exact = network.model<Cpu<double>>();
        check_decoder(Golden(network.file()), single.decoder, exact.decoder,
                      network.draw_latents(), network.config);
    }
}

} // namespace

TEST_CASE("DecoderTiny with seeded weights, layer by layer", "[models]") {
    check_decoders(tiny_networks(false));
}

TEST_CASE("DecoderTiny of large networks with seeded weights, layer by layer",
          "[models][large]") {
    check_decoders(tiny_networks(true));
}

TEST_CASE("DecoderTiny with TAEF2's trained weights, layer by layer", "[models][large]") {
    const auto data = latent_data();
    if (!data) return skip(no_latent_data);
    const Golden golden("models/taef2_trained");
    const auto source = taef2_weights(*data);
    // Alone: nothing asks for the encoder.
    const DecoderTiny<Cpu<float>> single(Weights{*source}["decoder"], taef2_config());
    const DecoderTiny<Cpu<double>> exact(Weights{*source}["decoder"], taef2_config());
    check_decoder(golden, single, exact, golden.tensor<float>("encoder.float32"),
                  taef2_config());
}

TEST_CASE("DecoderTiny limits its latents softly", "[models]") {
    const auto network = tiny_networks()[1];
    const auto model = network.model<Cpu<float>>();
    auto z = network.draw_latents();
    for (auto& value : z.values()) value = value > 0 ? 1e6F : -1e6F;
    const auto image = model.decoder.forward(z);
    for (auto& value : z.values()) value *= 1e20F;
    CHECK(same_bits(model.decoder.forward(z), image));
    CHECK(closeness(image, as<double>(image)).relative == 0); // nothing infinite
}

TEST_CASE("DecoderTiny says what is wrong", "[models]") {
    Recorder recorder;
    const DecoderTiny<Meta> decoder(Weights{recorder}["decoder"], {});
    const auto message = message_of([&] {
        (void)decoder.forward(Tensor<Meta>(Shape{1, 16, 8, 8}));
    });
    CHECK(contains(message, "[1, 16, 8, 8]"));
    CHECK(contains(message, "[N, 4, H, W]"));
}
