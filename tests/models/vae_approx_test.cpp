#include "support/layers.hpp"
#include "support/threads.hpp"

#include <latent/io/load_vae_approx.hpp>
#include <latent/models/vae_approx.hpp>

#include <cstdint>
#include <string>
#include <utility>

using namespace latent;
using namespace latent::test;

namespace {

template <class Device>
VAEApprox<Device> seeded_vae_approx() {
    TorchInit init(17);
    return VAEApprox<Device>(Weights(init)["vae_approx"]);
}

Tensor<Cpu<float>> preview_latents(std::uint64_t seed, Shape shape) {
    Generator random(seed);
    return random.randn<Cpu<float>>(std::move(shape));
}

} // namespace

TEST_CASE("VAEApprox with seeded weights, layer by layer", "[models]") {
    const Golden golden("models/vae_approx");
    Recorder recorder;
    const VAEApprox<Meta> meta(Weights{recorder}["vae_approx"]);
    const auto single = seeded_vae_approx<Cpu<float>>();
    const auto exact = seeded_vae_approx<Cpu<double>>();
    const auto z = preview_latents(18, {2, 4, 8, 7});
    const auto exact_z = as<double>(z);
    check_layers(
        golden, "vae_approx", [&](const auto& trace) { return single.forward(z, trace); },
        [&](const auto& trace) { return exact.forward(exact_z, trace); }, recorder);
    CHECK(golden.outputs().size() == 9);
    CHECK(meta.forward(Tensor<Meta>(z.shape())).shape() == Shape{2, 3, 16, 14});
    const auto torch = golden.tensor<float>("vae_approx.float32");
    CHECK(closeness(single.forward(z), as<double>(torch)).relative <= 1e-6);
}

TEST_CASE("VAEApprox has the parameters of the webui's files", "[models]") {
    Recorder recorder;
    (void)VAEApprox<Meta>(Weights(recorder));
    std::int64_t count = 0;
    for (const auto& request : recorder.requests()) count += request.shape.numel();
    CHECK(recorder.requests().size() == 16);
    CHECK(count == 52395);
    CHECK(recorder.requests().front().name == "conv1.weight");
    CHECK(recorder.requests().back().name == "conv8.bias");
    CHECK(recorder.requests().front().shape == Shape{8, 4, 7, 7});
}

TEST_CASE("VAEApprox with its trained weights gives what PyTorch gives", "[models]") {
    const auto data = latent_data();
    if (!data) return skip(no_latent_data);
    const Golden golden("models/vae_approx_trained");
    const auto path = *data / "weights" / "vae_approx_sd.pt";
    const auto single = load_vae_approx(path);
    const auto exact = load_vae_approx<Cpu<double>>(path);
    const std::pair<std::string, Tensor<Cpu<float>>> inputs[] = {
        {"small", preview_latents(19, {2, 4, 8, 7})},
        {"large", preview_latents(20, {1, 4, 64, 64})}};
    for (const auto& [name, z] : inputs) {
        const auto y = single.forward(z);
        const auto verdict = judge(golden, name, y, exact.forward(as<double>(z)));
        INFO(verdict.text);
        CHECK(verdict.good);
        CHECK(y.shape() == Shape{z.dim(0), 3, 2 * z.dim(2), 2 * z.dim(3)});
    }
    const auto torch = golden.tensor<float>("small.float32");
    CHECK(closeness(single.forward(inputs[0].second), as<double>(torch)).relative <= 1e-6);
}

TEST_CASE("VAEApprox copies nothing, and threads change no bit", "[models]") {
    const auto network = seeded_vae_approx<Cpu<float>>();
    const auto z = preview_latents(21, {2, 4, 5, 3});
    CHECK(same_bits_for_threads([&] { return network.forward(z); }));
    const Workspace run({.record_memory = true});
    const auto shape = network.forward(z).shape();
    CHECK(run.report().clones == 0);
    CHECK(run.report().live_bytes == 0);
    const auto memory = run.report().memory;
    // Meta foretells the run.
    Recorder recorder;
    const VAEApprox<Meta> meta(Weights{recorder});
    const Tensor<Meta> planned(z.shape());
    const Workspace plan({.record_memory = true});
    CHECK(meta.forward(planned).shape() == shape);
    CHECK(plan.report().memory == memory);
    CHECK(plan.report().multiply_adds > 0);
}

TEST_CASE("VAEApprox says what is wrong with latents", "[models]") {
    Recorder recorder;
    const VAEApprox<Meta> network(Weights{recorder});
    for (const auto& shape : {Shape{1, 16, 8, 8}, Shape{1, 4, 0, 8}, Shape{1, 3, 8, 8}}) {
        const auto message = message_of([&] { (void)network.forward(Tensor<Meta>(shape)); });
        CHECK(contains(message, "VAEApprox: got " + to_string(shape) +
                                    ", expected latents [N, 4, h, w]"));
    }
    CHECK(contains(message_of([&] {
                       (void)network.forward(Tensor<Meta>(Shape{4, 8, 8}));
                   }),
                   "[N, C, H, W]"));
    CHECK(network.forward(Tensor<Meta>(Shape{1, 4, 1, 1})).shape() == Shape{1, 3, 2, 2});
}
