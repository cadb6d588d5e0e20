#include "support/layers.hpp"
#include "support/tiny_networks.hpp"
#include "support/trained.hpp"

using namespace latent;
using namespace latent::test;

namespace {

template <class Single, class Exact>
void check_encoder(const Golden& golden, const Single& single, const Exact& exact,
                   const Tensor<Cpu<float>>& image, const AutoencoderTinyConfig& config) {
    Recorder recorder;
    const EncoderTiny<Meta> meta(Weights{recorder}["encoder"], config);
    const auto exact_image = as<double>(image);
    check_layers(
        golden, "encoder", [&](const auto& trace) { return single.forward(image, trace); },
        [&](const auto& trace) { return exact.forward(exact_image, trace); }, recorder);
    // The whole latents, as torch has them in float32: two results within 3e-6 of the truth.
    const auto torch = golden.tensor<float>("encoder.float32");
    CHECK(closeness(single.forward(image), as<double>(torch)).relative <= 6e-6);
    CHECK(meta.forward(Tensor<Meta>(image.shape())).shape() == torch.shape());
}

void check_encoders(const std::vector<TinyNetwork>& networks) {
    REQUIRE(networks.size() == 3);
    for (const auto& network : networks) {
        const auto single = network.model<Cpu<float>>();
        const auto exact = network.model<Cpu<double>>();
        check_encoder(Golden(network.file()), single.encoder, exact.encoder,
                      network.draw_image(), network.config);
    }
}

} // namespace

TEST_CASE("EncoderTiny with seeded weights, layer by layer", "[models]") {
    check_encoders(tiny_networks(false));
}

TEST_CASE("EncoderTiny of large networks with seeded weights, layer by layer",
          "[models][large]") {
    check_encoders(tiny_networks(true));
}

TEST_CASE("EncoderTiny with TAEF2's trained weights, layer by layer", "[models][large]") {
    const auto data = latent_data();
    if (!data) return skip(no_latent_data);
    const auto source = taef2_weights(*data);
    const EncoderTiny<Cpu<float>> single(Weights{*source}["encoder"], taef2_config());
    const EncoderTiny<Cpu<double>> exact(Weights{*source}["encoder"], taef2_config());
    check_encoder(Golden("models/taef2_trained"), single, exact, astronaut_face(*data),
                  taef2_config());
}

TEST_CASE("EncoderTiny halves sizes upwards", "[models]") {
    Recorder recorder;
    const EncoderTiny<Meta> encoder(Weights{recorder}["encoder"], {});
    const auto shape = [&](std::int64_t h, std::int64_t w) {
        return encoder.forward(Tensor<Meta>(Shape{1, 3, h, w})).shape();
    };
    CHECK(shape(64, 64) == Shape{1, 4, 8, 8});
    CHECK(shape(65, 71) == Shape{1, 4, 9, 9});
    CHECK(shape(1, 8) == Shape{1, 4, 1, 1});
    const auto message = message_of([&] {
        (void)encoder.forward(Tensor<Meta>(Shape{1, 4, 8, 8}));
    });
    CHECK(contains(message, "[N, 3, H, W]"));
}
