#include "support/catch.hpp"
#include "support/kl_networks.hpp"
#include "support/layers.hpp"
#include "support/threads.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <ios>
#include <memory>
#include <span>
#include <sstream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// The CRC-32 that zlib and PNG have.
std::uint32_t crc32_of(std::span<const float> values) {
    static const auto table = [] {
        std::array<std::uint32_t, 256> entries{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            auto entry = i;
            for (int bit = 0; bit < 8; ++bit)
                entry = (entry >> 1) ^ ((entry & 1) != 0 ? 0xEDB88320U : 0);
            entries[i] = entry;
        }
        return entries;
    }();
    std::uint32_t crc = 0xFFFFFFFFU;
    for (const auto byte : std::as_bytes(values)) {
        crc = table[(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xFF] ^ (crc >> 8);
    }
    return ~crc;
}

std::vector<ParameterRequest> requests_of(const AutoencoderKLConfig& config) {
    Recorder recorder;
    (void)AutoencoderKL<Meta>(Weights{recorder}, config);
    return recorder.requests();
}

/// The tile's cases of generate/autoencoder_kl.py, make_tiling.
AutoencoderKLConfig tiled_kl_config() {
    auto config = kl_config({4, 8, 8, 8});
    config.norm_num_groups = 4;
    config.sample_size = 64;
    return config;
}

template <class Device>
AutoencoderKL<Device> tiled_kl() {
    TorchInit init(50);
    return AutoencoderKL<Device>(Weights{init}, tiled_kl_config());
}

/// torch's initial weights, those of convolutions rounded to half precision.
class HalfFilters final : public WeightSource {
public:
    explicit HalfFilters(std::uint64_t seed) : init_(seed) {}
    void read(const ParameterRequest& request, std::span<float> out) override {
        init_.read(request, out);
        if (request.shape.rank() != 4) return;
        for (auto& value : out) value = Half::nearest(value);
    }
    void read(const ParameterRequest&, std::span<double>) override {}

private:
    TorchInit init_;
};

} // namespace

TEST_CASE("AutoencoderKL has its parameters", "[models]") {
    for (const auto& network : kl_networks()) {
        INFO(network.name);
        const auto requests = requests_of(network.config);
        std::int64_t count = 0;
        for (const auto& request : requests) count += request.shape.numel();
        CHECK(count == network.parameters);
        CHECK(requests.size() == network.tensors);
    }
}

TEST_CASE("every parameter of Stable Diffusion's autoencoder is initialised as by torch",
          "[models][large]") {
    for (const auto& network : kl_networks(true)) {
        std::ifstream file(reference_data() / (network.file() + "_parameters.tsv"));
        REQUIRE(file);
        std::map<std::string, std::string> stored; // by name: shape and CRC-32
        for (std::string line; std::getline(file, line);) {
            if (line.starts_with('#')) continue;
            const auto tab = line.find('\t');
            stored[line.substr(0, tab)] = line.substr(tab + 1);
        }
        CHECK(stored.size() == network.tensors);
        TorchInit init(network.seed);
        std::vector<float> values;
        std::size_t equal = 0;
        for (const auto& request : requests_of(network.config)) {
            values.resize(static_cast<std::size_t>(request.shape.numel()));
            init.read(request, std::span<float>(values));
            std::ostringstream row;
            for (std::size_t i = 0; i < request.shape.rank(); ++i)
                row << (i > 0 ? "," : "") << request.shape[i];
            row << '\t' << std::hex;
            row.width(8);
            row.fill('0');
            row << crc32_of(values);
            INFO(network.name << " " << request.name);
            CHECK(row.str() == stored[request.name]);
            equal += row.str() == stored[request.name];
        }
        CHECK(equal == network.tensors);
    }
}

TEST_CASE("encode and decode are encoder, decoder and the convolutions between", "[models]") {
    for (const auto& network : kl_networks(false)) {
        INFO(network.name);
        const Golden golden(network.file());
        const auto single = network.model<Cpu<float>>();
        const auto exact = network.model<Cpu<double>>();
        const auto image = network.draw_image(), latents = network.draw_latents();
        const auto exact_image = as<double>(image), exact_latents = as<double>(latents);

        const std::string last = network.config.use_quant_conv ? "quant_conv" : "encoder";
        const auto moments = single.encode(image).parameters;
        const auto encoded = judge(golden, last, moments, exact.encode(exact_image).parameters);
        INFO(encoded.text);
        CHECK(encoded.good);
        const auto decoded =
            judge(golden, "decoder", single.decode(latents), exact.decode(exact_latents));
        INFO(decoded.text);
        CHECK(decoded.good);

        // Every name that the whole network's trace reports, and no other.
        LayerOutputs<Cpu<float>> seen;
        (void)single.encode(image, seen.trace());
        (void)single.decode(latents, seen.trace());
        auto stored = golden.outputs();
        std::erase_if(stored, [](const auto& name) { return name.starts_with("forward"); });
        CHECK(seen.names() == std::set<std::string>(stored.begin(), stored.end()));
        if (network.config.use_post_quant_conv) {
            LayerOutputs<Cpu<double>> truth;
            (void)exact.decode(exact_latents, truth.trace());
            REQUIRE(truth.outputs().front().first == "post_quant_conv");
            const auto conv =
                judge(golden, "post_quant_conv", single.post_quant_conv->forward(latents),
                      truth.outputs().front().second);
            INFO(conv.text);
            CHECK(conv.good);
        }
    }
}

TEST_CASE("moments and image of Stable Diffusion's size keep the rule", "[models][large]") {
    for (const auto& network : kl_networks(true)) {
        const Golden golden(network.file());
        const auto single = network.model<Cpu<float>>();
        const auto exact = network.model<Cpu<double>>();
        const auto image = network.draw_image(), latents = network.draw_latents();
        const std::string last = network.config.use_quant_conv ? "quant_conv" : "encoder";
        const auto encoded = judge(golden, last, single.encode(image).parameters,
                                   exact.encode(as<double>(image)).parameters);
        const auto decoded =
            judge(golden, "decoder", single.decode(latents), exact.decode(as<double>(latents)));
        INFO(encoded.text << "\n" << decoded.text);
        CHECK(encoded.good);
        CHECK(decoded.good);
        // As torch has the moments in float32.
        const auto torch = golden.tensor<float>(last + ".float32");
        CHECK(closeness(single.encode(image).parameters, as<double>(torch)).relative <= 1e-5);
    }
}

TEST_CASE("forward is AutoencoderKL.forward, by the mode or by a sample", "[models]") {
    const auto network = kl_networks().front();
    const Golden golden(network.file());
    const auto single = network.model<Cpu<float>>();
    const auto exact = network.model<Cpu<double>>();
    const auto image = network.draw_image();
    const auto exact_image = as<double>(image);
    const auto mode =
        judge(golden, "forward", single.forward(image), exact.forward(exact_image));
    INFO(mode.text);
    CHECK(mode.good);
    // The truth's noise is float32 as well.
    Generator random(7), same(7);
    const auto posterior = exact.encode(exact_image);
    auto z = posterior.mode();
    const auto noise = random.randn<Cpu<float>>(z.shape());
    for (std::int64_t i = 0; i < z.numel(); ++i)
        z.data()[i] += posterior.std.data()[i] * static_cast<double>(noise.data()[i]);
    const auto sample =
        judge(golden, "forward_sample", single.forward(image, same), exact.decode(z));
    INFO(sample.text);
    CHECK(sample.good);
}

TEST_CASE("a half of an AutoencoderKL has the bits of the whole", "[models]") {
    for (const auto& network : kl_networks(false)) {
        INFO(network.name);
        KeptWeights kept(std::make_unique<TorchInit>(network.seed));
        const AutoencoderKL<Cpu<float>> whole(Weights{kept}, network.config);
        const EncoderKL<Cpu<float>> encoder(Weights{kept}, network.config);
        const DecoderKL<Cpu<float>> decoder(Weights{kept}, network.config);
        const auto image = network.draw_image(), latents = network.draw_latents();
        CHECK(same_bits(encoder.forward(image), whole.encode(image).parameters));
        CHECK(same_bits(decoder.forward(latents), whole.decode(latents)));
    }
}

TEST_CASE("a run of AutoencoderKL copies no tensor and reads nothing that it did not write",
          "[models]") {
    for (const auto& network : kl_networks(false)) {
        INFO(network.name);
        const auto model = network.model<Cpu<float>>();
        const auto image = network.draw_image(), latents = network.draw_latents();
        const auto encoded = model.encode(image).parameters;
        const auto decoded = model.decode(latents);
        for (const int threads : {1, 2, 3}) {
            const Workspace run({.threads = threads, .poison = true});
            CAPTURE(threads);
            // Twice: the second time in memory that was used before.
            for (int time = 0; time < 2; ++time) {
                CHECK(same_bits(model.encode(image).parameters, encoded));
                CHECK(same_bits(model.decode(latents), decoded));
            }
            CHECK(run.report().clones == 0);
            CHECK(run.report().live_bytes == 0);
            CHECK(run.report().peak_bytes > 0);
        }
    }
}

TEST_CASE("Meta foretells a run of AutoencoderKL", "[models]") {
    for (const auto& network : kl_networks(false)) {
        INFO(network.name);
        const auto model = network.model<Cpu<float>>();
        Recorder recorder;
        const AutoencoderKL<Meta> meta(Weights{recorder}, network.config);
        const auto image = network.draw_image(), latents = network.draw_latents();
        const auto memory_and_shape = [](const auto& run) {
            const Workspace workspace({.record_memory = true});
            const auto shape = run();
            return std::pair(workspace.report().memory, shape);
        };
        const Tensor<Meta> planned_image(network.image), planned_latents(network.latents);
        const auto encode =
            memory_and_shape([&] { return model.encode(image).parameters.shape(); });
        CHECK(encode.first.size() > 20);
        CHECK(memory_and_shape([&] { return meta.encode(planned_image).parameters.shape(); }) ==
              encode);
        const auto decode = memory_and_shape([&] { return model.decode(latents).shape(); });
        CHECK(memory_and_shape([&] { return meta.decode(planned_latents).shape(); }) == decode);
    }
}

TEST_CASE("with weights in half an AutoencoderKL is that of rounded filters", "[models]") {
    for (const auto& network : kl_networks(false)) {
        INFO(network.name);
        const WeightOptions in_half{.half = true};
        TorchInit init(network.seed);
        HalfFilters filters(network.seed);
        Recorder recorder;
        AutoencoderKL<Cpu<float>> half(Weights(init, "", in_half), network.config);
        const AutoencoderKL<Cpu<float>> rounded(Weights{filters}, network.config);
        AutoencoderKL<Meta> meta(Weights(recorder, "", in_half), network.config);
        const auto image = network.draw_image(), latents = network.draw_latents();
        CHECK(same_bits(half.encode(image).parameters, rounded.encode(image).parameters));
        const Tensor<Meta> planned_latents(network.latents);
        const auto decoded = rounded.decode(latents);
        CHECK_FALSE(same_bits(decoded, network.model<Cpu<float>>().decode(latents)));
        for (const bool streams : {false, true}) {
            half.use_streaming = meta.use_streaming = streams;
            const Workspace run({.record_memory = true});
            CHECK(same_bits(half.decode(latents), decoded));
            const Workspace planned({.record_memory = true});
            (void)meta.decode(planned_latents);
            const bool same = planned.report().memory == run.report().memory;
            CHECK(same);
        }
    }
}

TEST_CASE("512 x 512 pixels of Stable Diffusion fit into 3 GiB with their weights",
          "[models]") {
    Recorder recorder;
    const AutoencoderKL<Meta> meta(Weights{recorder}, sd1_config());
    const auto peak = [](const auto& run) {
        const Workspace workspace;
        run();
        return workspace.report().peak_bytes;
    };
    // A 3x3 kernel is kept as Winograd's 4x4.
    const std::int64_t weights = std::int64_t{83653863} * 4 * 16 / 9;
    const std::int64_t limit = std::int64_t{3} << 30;
    CHECK(peak([&] {
              (void)meta.encode(Tensor<Meta>(Shape{1, 3, 512, 512}));
          }) + weights <=
          limit);
    CHECK(peak([&] {
              (void)meta.decode(Tensor<Meta>(Shape{1, 4, 64, 64}));
          }) + weights <=
          limit);
}

TEST_CASE("slices of a batch have its bits", "[models]") {
    for (const auto& network : kl_networks(false)) {
        INFO(network.name);
        auto model = network.model<Cpu<float>>();
        Generator random(1);
        auto shape = network.image, of_latents = network.latents;
        const auto image = uniform(random, {3, shape[1], shape[2], shape[3]});
        const auto latents =
            random.randn<Cpu<float>>({3, of_latents[1], of_latents[2], of_latents[3]});
        const auto encoded = model.encode(image).parameters;
        const auto decoded = model.decode(latents);
        model.use_slicing = true;
        CHECK(same_bits(model.encode(image).parameters, encoded));
        CHECK(same_bits(model.decode(latents), decoded));
    }
}

TEST_CASE("tiles of AutoencoderKL are diffusers'", "[models]") {
    const Golden golden("models/kl_tiling");
    auto single = tiled_kl<Cpu<float>>();
    auto exact = tiled_kl<Cpu<double>>();
    CHECK(single.tile_sample_min_size == 64);
    CHECK(single.tile_latent_min_size == 8);
    const auto cases = golden.cases();
    REQUIRE(cases.size() == 3);
    CHECK(golden.outputs().size() == 2 * cases.size());
    for (const auto& name : cases) {
        // Pixels of a tile, thousandths of overlap, batch, and the sides of image and latents.
        const auto n = golden.numbers(name + ".case");
        const auto set = [&](auto& model) {
            model.use_tiling = true;
            model.tile_sample_min_size = n[0];
            model.tile_latent_min_size = n[0] / 8;
            model.tile_overlap_factor = static_cast<double>(n[1]) / 1000;
        };
        set(single);
        set(exact);
        Generator first(51), second(52);
        const auto image = uniform(first, {n[2], 3, n[3], n[4]});
        const auto latents = second.randn<Cpu<float>>({n[2], 4, n[5], n[6]});
        const auto encoded = judge(golden, name + ".encode", single.encode(image).parameters,
                                   exact.encode(as<double>(image)).parameters);
        const auto decoded = judge(golden, name + ".decode", single.decode(latents),
                                   exact.decode(as<double>(latents)));
        INFO(encoded.text << "\n" << decoded.text);
        CHECK(encoded.good);
        CHECK(decoded.good);
        CHECK(same_bits_for_threads([&] { return single.decode(latents); }));
    }
    // An image that is no larger than a tile is not cut.
    single.tile_sample_min_size = 64;
    single.tile_latent_min_size = 8;
    Generator random(3);
    const auto image = uniform(random, {1, 3, 64, 57});
    const auto encoded = single.encode(image).parameters;
    single.use_tiling = false;
    CHECK(same_bits(single.encode(image).parameters, encoded));
}

TEST_CASE("fused projections of AutoencoderKL change roundings, and can be undone",
          "[models]") {
    for (const auto& network : kl_networks(false)) {
        INFO(network.name);
        auto model = network.model<Cpu<float>>();
        const auto image = network.draw_image(), latents = network.draw_latents();
        const auto encoded = model.encode(image).parameters;
        const auto decoded = model.decode(latents);
        const auto projections = [&] {
            LayerOutputs<Cpu<float>> seen;
            (void)model.encode(image, seen.trace());
            (void)model.decode(latents, seen.trace());
            const auto names = seen.names();
            return std::ranges::count_if(
                names, [](const auto& name) { return name.ends_with(".to_qkv"); });
        };
        CHECK(projections() == 0);
        model.fuse_qkv_projections();
        CHECK(projections() == (network.name == "kl_attention" ? 4 : 2));
        CHECK(closeness(model.encode(image).parameters, as<double>(encoded)).relative <= 1e-5);
        CHECK(closeness(model.decode(latents), as<double>(decoded)).relative <= 1e-5);
        model.unfuse_qkv_projections();
        CHECK(same_bits(model.encode(image).parameters, encoded));
        CHECK(same_bits(model.decode(latents), decoded));
    }
}

TEST_CASE("a trace that throws Stopped ends a run of AutoencoderKL", "[models]") {
    const auto network = kl_networks().front();
    const auto model = network.model<Cpu<float>>();
    const auto latents = network.draw_latents();
    const auto expected = model.decode(latents);
    std::vector<std::string> all;
    (void)model.decode(latents,
                       [&](std::string_view path, const auto&) { all.emplace_back(path); });
    REQUIRE(all.size() > 40);
    CHECK(all.front() == "post_quant_conv");
    CHECK(all.back() == "decoder");
    const Workspace run({.threads = 2});
    for (const std::size_t last : {std::size_t{1}, std::size_t{9}, all.size()}) {
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
}

TEST_CASE("AutoencoderKL has no exact tiles, and says so", "[models]") {
    auto model = tiled_kl<Cpu<float>>();
    model.use_tiling = true;
    model.tiling = Tiling::exact;
    const auto message = message_of([&] {
        (void)model.decode(Tensor<Cpu<float>>(Shape{1, 4, 12, 12}));
    });
    CHECK(contains(message, "exact tiles"));
}
