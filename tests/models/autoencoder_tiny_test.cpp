#include "support/catch.hpp"
#include "support/tiny_networks.hpp"

#include <latent/tensor/trace.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// The networks that differ in what they are made of, on images that are quickly run many
/// times.
std::vector<TinyNetwork> quick_networks() {
    auto networks = tiny_networks();
    std::erase_if(networks, [](const TinyNetwork& network) {
        return network.name == "taesana" ||
               network.name == "taesd"; // taesd3 has taesd's layers
    });
    for (auto& network : networks) {
        network.image = {network.image[0], network.image[1], 13, 18};
        network.latents = {network.latents[0], network.latents[1], 3, 2};
    }
    return networks;
}

} // namespace

TEST_CASE("a run copies no tensor", "[models]") {
    for (const auto& network : quick_networks()) {
        const auto model = network.model<Cpu<float>>();
        const auto image = network.draw_image();
        const auto latents = network.draw_latents();
        const Workspace run;
        (void)model.encode(image);
        (void)model.decode(latents);
        INFO(network.name);
        CHECK(run.report().clones == 0);
        CHECK(run.report().live_bytes == 0);
        CHECK(run.report().peak_bytes > 0);
    }
}

TEST_CASE("a run reads nothing that it did not write, with any number of threads", "[models]") {
    for (const auto& network : quick_networks()) {
        const auto model = network.model<Cpu<float>>();
        const auto image = network.draw_image();
        const auto latents = network.draw_latents();
        const auto encoded = model.encode(image);
        const auto decoded = model.decode(latents);
        for (const int threads : {1, 2, 3}) {
            const Workspace run({.threads = threads, .poison = true});
            CAPTURE(network.name, threads);
            // Twice: the second time in memory that was used before.
            CHECK(same_bits(model.encode(image), encoded));
            CHECK(same_bits(model.encode(image), encoded));
            CHECK(same_bits(model.decode(latents), decoded));
            CHECK(same_bits(model.decode(latents), decoded));
        }
    }
}

TEST_CASE("Meta foretells a run: shapes and the order of allocations", "[models]") {
    for (const auto& network : quick_networks()) {
        const auto model = network.model<Cpu<float>>();
        Recorder recorder;
        const AutoencoderTiny<Meta> meta(Weights{recorder}, network.config);
        const auto image = network.draw_image();
        const auto latents = network.draw_latents();
        const Workspace::Options options{.record_memory = true};
        const auto events = [&](const auto& run) {
            const Workspace workspace(options);
            const auto shape = run();
            auto memory = workspace.report().memory;
            memory.push_back({workspace.report().peak_bytes, shape.numel(), true});
            return memory;
        };
        INFO(network.name);
        const auto encode = events([&] { return model.encode(image).shape(); });
        CHECK(encode.size() > 10);
        CHECK(events([&] { return meta.encode(Tensor<Meta>(network.image)).shape(); }).size() ==
              encode.size() + 2);
        const Tensor<Meta> planned_image(network.image), planned_latents(network.latents);
        CHECK(events([&] { return meta.encode(planned_image).shape(); }) == encode);
        const auto decode = events([&] { return model.decode(latents).shape(); });
        CHECK(events([&] { return meta.decode(planned_latents).shape(); }) == decode);
    }
}

TEST_CASE("images of a batch do not see each other", "[models]") {
    const auto network = tiny_networks()[1];
    const auto model = network.model<Cpu<float>>();
    Generator random(0);
    const auto two = random.randn<Cpu<float>>({2, 16, 3, 2});
    const auto both = model.decode(two);
    Tensor<Cpu<float>> second(Shape{1, 16, 3, 2});
    std::copy_n(two.data() + second.numel(), second.numel(), second.data());
    const auto alone = model.decode(second);
    REQUIRE(both.numel() == 2 * alone.numel());
    CHECK(
        std::equal(alone.values().begin(), alone.values().end(), both.data() + alone.numel()));
}

TEST_CASE("a trace that throws Stopped ends the run and leaves nothing behind", "[models]") {
    const auto network = tiny_networks()[1];
    const auto model = network.model<Cpu<float>>();
    const auto latents = network.draw_latents();
    std::vector<std::string> all;
    (void)model.decode(latents,
                       [&](std::string_view path, const auto&) { all.emplace_back(path); });
    REQUIRE(all.size() == 46);
    CHECK(all.front() == "decoder.layers.0");
    CHECK(all.back() == "decoder");

    const auto expected = model.decode(latents);
    const Workspace run({.threads = 2, .record_memory = true});
    for (const std::size_t last : {std::size_t{1}, std::size_t{7}, all.size()}) {
        std::size_t seen = 0;
        const auto stop = [&](std::string_view path, const auto&) {
            CHECK(path == all[seen]);
            if (++seen == last) throw Stopped();
        };
        REQUIRE_THROWS_AS(model.decode(latents, stop), Stopped);
        CHECK(seen == last);
        CHECK(run.report().live_bytes == 0);
    }
    CHECK(same_bits(model.decode(latents), expected));
    std::int64_t balance = 0;
    for (const auto& event : run.report().memory)
        balance += event.taken ? event.bytes : -event.bytes;
    CHECK(balance == 0);
}

TEST_CASE("a decoder is built without its encoder", "[models]") {
    /// Refuses every other name.
    struct DecoderOnly final : WeightSource {
        void read(const ParameterRequest& request, std::span<float> out) override {
            if (!request.name.starts_with("decoder.")) fail(request.name, "asked", "a decoder");
            std::ranges::fill(out, 0.01F);
        }
        void read(const ParameterRequest& request, std::span<double> out) override {
            fail(request.name, "float64", "float32");
            std::ranges::fill(out, 0.0);
        }
    };
    DecoderOnly source;
    const DecoderTiny<Cpu<float>> decoder(Weights{source}["decoder"], {});
    CHECK(decoder.forward(tiny_networks()[0].draw_latents()).shape() == Shape{1, 3, 72, 64});
    CHECK(contains(message_of([&] { (void)AutoencoderTiny<Cpu<float>>(Weights{source}); }),
                   "encoder.layers.0"));
}

TEST_CASE("forward is AutoencoderTiny.forward: encode, 8 bits, decode", "[models]") {
    const Golden golden("models/taesd");
    const auto network = tiny_networks()[0];
    const auto single = network.model<Cpu<float>>();
    const auto exact = network.model<Cpu<double>>();
    // The upper left of the stored image.
    const auto image = network.draw_image();
    Tensor<Cpu<float>> x(Shape{1, 3, 40, 24});
    for (std::int64_t row = 0; row < 3 * 40; ++row) {
        const auto* from = image.data() + (row / 40 * image.dim(2) + row % 40) * image.dim(3);
        std::copy_n(from, 24, x.data() + row * 24);
    }
    const auto verdict =
        judge(golden, "forward", single.forward(x), exact.forward(as<double>(x)));
    INFO(verdict.text);
    CHECK(verdict.good);
    CHECK(golden.tensor<float>("forward.float32").shape() == x.shape());
}
