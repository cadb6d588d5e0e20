#include "support/catch.hpp"
#include "support/kl_networks.hpp"
#include "support/layers.hpp"

#include <latent/models/autoencoder_kl.hpp>
#include <latent/models/streamed_decoder.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace latent::test {

/// Counts its calls and looks at no values.
struct CallCounter {
    std::map<std::string, int>* calls;
    void operator()(std::string_view path, const auto&) const { ++(*calls)[std::string(path)]; }
};

} // namespace latent::test
template <>
inline constexpr bool latent::is_traced<latent::test::CallCounter> = false;

namespace {

template <class Device>
Decoder<Device> seeded_decoder(const AutoencoderKLConfig& config, std::uint64_t seed = 6,
                               const WeightOptions& options = {}) {
    TorchInit init(seed);
    return Decoder<Device>(Weights(init, "decoder", options), config);
}
Decoder<Meta> meta_decoder(const AutoencoderKLConfig& config) {
    Recorder recorder;
    return Decoder<Meta>(Weights{recorder}["decoder"], config);
}

/// A small decoder of any sort: 1 to 4 blocks, channels that grow or not, attention somewhere.
AutoencoderKLConfig random_kl_config(Generator& random) {
    const auto pick = [&](double from, double to) {
        const auto x = uniform(random, Shape{1}).data()[0]; // in [-1, 1)
        return static_cast<std::int64_t>(from + (to - from + 1) * (double{x} + 1) / 2);
    };
    std::vector<std::int64_t> channels(static_cast<std::size_t>(pick(1, 4)));
    for (auto& count : channels) count = 4 * pick(1, 4);
    auto config = kl_config(channels);
    config.norm_num_groups = 4;
    config.layers_per_block = pick(1, 2);
    if (pick(0, 1) == 0) config.act_fn = "mish";
    if (pick(0, 3) == 0) {
        const auto attends =
            static_cast<std::size_t>(pick(0, static_cast<double>(channels.size()) - 1));
        config.up_block_types[attends] = "AttnUpDecoderBlock2D";
    }
    return config;
}

std::string text_of(const StreamPlan& plan) {
    std::string text;
    for (const auto& block : plan.passes) {
        text += text.empty() ? "" : " ";
        for (const auto passes : block) text += std::to_string(static_cast<int>(passes));
    }
    return text;
}

std::int64_t streamed_peak(const Decoder<Meta>& decoder, std::int64_t side) {
    const Workspace run;
    (void)streamed_decode(decoder, Tensor<Meta>(Shape{1, 4, side / 8, side / 8}));
    return run.report().peak_bytes;
}

} // namespace

TEST_CASE("a decoder in strips has the bits of one at once", "[models]") {
    Generator random(11);
    std::map<std::int64_t, int> ways; // how often resnets made so many passes
    for (int i = 0; i < 24; ++i) {
        const auto config = random_kl_config(random);
        const auto decoder = seeded_decoder<Cpu<float>>(config, static_cast<std::uint64_t>(i),
                                                        {.fast = i % 3 == 0});
        const auto h = 1 + i % 7, w = 1 + i % 5;
        const auto z = random.randn<Cpu<float>>({1 + i % 2, 4, h, w});
        const auto expected = decoder.forward(z);
        const auto plan = stream_plan(decoder);
        CAPTURE(i, to_string(z.shape()), text_of(plan));
        for (const auto& block : plan.passes)
            for (const auto passes : block) ++ways[static_cast<int>(passes)];
        for (const std::int64_t rows : {4, 12, 1000}) {
            for (const int threads : {1, 3}) {
                const Workspace run({.threads = threads, .poison = true});
                const auto y = streamed_decode(decoder, z, NoTrace(), rows);
                CAPTURE(rows, threads);
                CHECK(same_bits(y, expected));
                CHECK(run.report().clones == 0);
                CHECK(run.report().live_bytes == y.numel() * std::int64_t{sizeof(float)});
            }
        }
    }
    for (int passes = 1; passes <= 3; ++passes) CHECK(ways[passes] >= 5);
    const auto decoder = meta_decoder(kl_config({32}));
    for (const std::int64_t rows : {-4, 0, 6}) {
        const auto message = message_of([&] {
            (void)streamed_decode(decoder, Tensor<Meta>(Shape{1, 4, 8, 8}), NoTrace(), rows);
        });
        CHECK(contains(message, "rows, expected a positive multiple of 4"));
    }
}

TEST_CASE("stored decoders in strips have the bits of those at once", "[models]") {
    for (const auto& network : kl_networks(false)) {
        INFO(network.name);
        auto vae = network.model<Cpu<float>>();
        const auto latents = network.draw_latents();
        const auto expected = vae.decode(latents);
        const auto exact = network.model<Cpu<double>>();
        const auto z = as<double>(latents);
        CHECK(same_bits(streamed_decode(exact.decoder, z, NoTrace(), 8),
                        exact.decoder.forward(z)));
        vae.use_streaming = true;
        CHECK(same_bits(vae.decode(latents), expected));
        TorchInit init(network.seed);
        const DecoderKL<Cpu<float>> half(Weights{init}, network.config);
        CHECK(same_bits(half.streamed(latents), half.forward(latents)));
    }
}

TEST_CASE("resnets are streamed where that lowers the peak, and not elsewhere", "[models]") {
    const auto plan_of = [](const AutoencoderKLConfig& config) {
        return stream_plan(meta_decoder(config));
    };
    // Of 128 channels at full resolution, and a quarter of 256 of the image below.
    CHECK(plan_of(sd1_config()).numbers == 64 * 128 + 16 * 256);
    CHECK(text_of(plan_of(sd1_config())) == "111 111 211 322");
    // One resolution: what a resnet works on.
    CHECK(plan_of(kl_config({32})).numbers == 32);
    CHECK(text_of(plan_of(kl_config({32}))) == "22");
    CHECK(text_of(plan_of(kl_config({32, 32}))) == "11 32");
    auto config = sd1_config();
    config.up_block_types.back() = "AttnUpDecoderBlock2D";
    CHECK(text_of(plan_of(config)) == "111 111 111 111");
    config.up_block_types = {"AttnUpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D",
                             "UpDecoderBlock2D"};
    CHECK(text_of(plan_of(config)) == "111 111 211 322");
}

TEST_CASE("Meta foretells a streamed decode", "[models]") {
    for (const auto& network : kl_networks(false)) {
        INFO(network.name);
        const auto decoder = seeded_decoder<Cpu<float>>(network.config);
        const auto meta = meta_decoder(network.config);
        const auto latents = network.draw_latents();
        const Tensor<Meta> planned_latents(network.latents);
        const auto memory = [](const auto& run) {
            const Workspace workspace({.record_memory = true});
            run();
            return workspace.report().memory;
        };
        const auto seen =
            memory([&] { (void)streamed_decode(decoder, latents, NoTrace(), 8); });
        const auto planned =
            memory([&] { (void)streamed_decode(meta, planned_latents, NoTrace(), 8); });
        CHECK(seen.size() > 20);
        const bool same = planned == seen; // hundreds of them, which nobody wants to see
        CHECK(same);
    }
}

TEST_CASE("2048 x 2048 pixels of Stable Diffusion are decoded in 3.5 GiB", "[models]") {
    const auto decoder = meta_decoder(sd1_config());
    const auto gib = std::int64_t{1} << 30;
    CHECK(streamed_peak(decoder, 512) <= gib / 4);
    CHECK(streamed_peak(decoder, 1536) <= 2 * gib);
    CHECK(streamed_peak(decoder, 2048) <= gib / 2 * 7);
    CHECK(streamed_peak(decoder, 2048) >= 3 * gib); // as the plan has it
    CHECK(streamed_peak(decoder, 4096) <= gib / 4 * 49);
}

TEST_CASE("a trace hears of what a streamed decode has whole", "[models]") {
    auto config = kl_config({8, 16, 32});
    config.norm_num_groups = 4;
    const auto decoder = seeded_decoder<Cpu<float>>(config);
    REQUIRE(text_of(stream_plan(decoder)) == "11 21 32");
    Generator random(2);
    const auto z = random.randn<Cpu<float>>({1, 4, 6, 5});
    LayerOutputs<Cpu<float>> whole, streamed;
    const auto expected = decoder.forward(z, whole.trace());
    CHECK(same_bits(streamed_decode(decoder, z, streamed.trace(), 4), expected));
    // What it hears of is what it would hear of, in the same order.
    std::size_t at = 0;
    for (const auto& [path, output] : streamed.outputs()) {
        INFO(path);
        while (at < whole.outputs().size() && whole.outputs()[at].first != path) ++at;
        REQUIRE(at < whole.outputs().size());
        CHECK(same_bits(output, whole.outputs()[at].second));
    }
    const auto names = streamed.names();
    const auto hears = [&](std::string_view name) {
        return names.contains("decoder." + std::string(name));
    };
    CHECK(hears("up_blocks.0.resnets.1.norm1"));
    CHECK(hears("up_blocks.1.resnets.0.conv_shortcut"));
    CHECK(hears("up_blocks.2.resnets.0.conv1"));
    CHECK(hears("up_blocks.2.resnets.0"));
    CHECK(hears("up_blocks.2.resnets.1"));
    CHECK(hears("up_blocks.2"));
    CHECK_FALSE(hears("up_blocks.1"));
    CHECK_FALSE(hears("up_blocks.1.upsamplers.0"));
    CHECK_FALSE(hears("up_blocks.2.resnets.1.conv1"));

    // A bar hears of strips, on Meta as often as in earnest.
    std::map<std::string, int> calls, planned;
    (void)streamed_decode(decoder, z, CallCounter{&calls}, 4);
    (void)streamed_decode(meta_decoder(config), Tensor<Meta>(z.shape()), CallCounter{&planned},
                          4);
    CHECK(calls == planned);
    CHECK(calls["decoder.up_blocks.1.upsamplers.0"] == 3 * 6); // of 24 rows
    CHECK(calls["decoder.up_blocks.2.resnets.1.conv1"] == 2 * 6);
    CHECK(calls["decoder.up_blocks.2.resnets.1"] == 1);
}

TEST_CASE("a trace that throws Stopped ends a streamed decode", "[models]") {
    auto config = kl_config({8, 16});
    config.norm_num_groups = 4;
    const auto decoder = seeded_decoder<Cpu<float>>(config);
    Generator random(2);
    const auto z = random.randn<Cpu<float>>({1, 4, 6, 5});
    std::size_t all = 0;
    (void)streamed_decode(decoder, z, [&](std::string_view, const auto&) { ++all; });
    REQUIRE(all > 20);
    const Workspace run({.threads = 2});
    for (const std::size_t last : {std::size_t{1}, all - 6, all}) {
        std::size_t seen = 0;
        const auto stop = [&](std::string_view, const auto&) {
            if (++seen == last) throw Stopped();
        };
        REQUIRE_THROWS_AS(streamed_decode(decoder, z, stop), Stopped);
        CHECK(seen == last);
        CHECK(run.report().live_bytes == 0);
    }
}

TEST_CASE("a streamed decode of Stable Diffusion's size has the bits, and not the memory",
          "[models][large]") {
    const auto decoder = seeded_decoder<Cpu<float>>(sd1_config());
    Generator random(2);
    const auto z = random.randn<Cpu<float>>({1, 4, 25, 32}); // 200 x 256 pixels
    const auto peak_of = [&](const auto& run) {
        const Workspace workspace;
        auto y = run();
        return std::pair(std::move(y), workspace.report().peak_bytes);
    };
    const auto [whole, whole_peak] = peak_of([&] { return decoder.forward(z); });
    const auto [streamed, peak] =
        peak_of([&] { return streamed_decode(decoder, z, NoTrace(), 4); });
    CHECK(same_bits(streamed, whole));
    const auto numbers = std::int64_t{25} * 32 * stream_plan(decoder).numbers;
    CHECK(peak <= numbers * std::int64_t{sizeof(float)} + (8 << 20));
    CHECK(whole_peak >= 2 * peak);
}
