#include "support/catch.hpp"
#include "support/threads.hpp"
#include "support/tiny_networks.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// TAESD with few channels and a block a stage: generate/networks.py, make_tiling.
AutoencoderTinyConfig small_taesd() {
    AutoencoderTinyConfig config;
    config.encoder_block_out_channels = config.decoder_block_out_channels = {8, 8, 8, 8};
    config.num_encoder_blocks = config.num_decoder_blocks = {1, 1, 1, 1};
    return config;
}

AutoencoderTinyConfig with_stem() {
    AutoencoderTinyConfig config;
    config.encoder_stem_channels = {4, 8};
    config.encoder_block_out_channels = {8, 8};
    config.num_encoder_blocks = {1, 1};
    config.decoder_block_out_channels = {12, 8, 8, 8}; // blocks never change their channels
    config.num_decoder_blocks = {1, 0, 1, 1};
    return config;
}

AutoencoderTinyConfig enlarging(const std::string& upsample_fn, const std::string& act_fn,
                                std::int64_t factor) {
    auto config = bicubic_config();
    config.upsample_fn = upsample_fn;
    config.act_fn = act_fn;
    config.upsampling_scaling_factor = factor;
    return config;
}

/// All that tells networks apart: strides, stems, enlargements, activations.
std::vector<AutoencoderTinyConfig> tiled_networks() {
    return {small_taesd(),
            with_stem(),
            uneven_config(),
            enlarging("bicubic", "mish", 2),
            enlarging("bilinear", "relu", 3),
            enlarging("bicubic", "relu", 3),
            enlarging("bilinear", "gelu", 2)};
}

template <class Device>
AutoencoderTiny<Device> seeded_network(const AutoencoderTinyConfig& config,
                                       std::uint64_t seed = 13) {
    TorchInit init(seed);
    return AutoencoderTiny<Device>(Weights{init}, config);
}

AutoencoderTiny<Meta> shapes_of(const AutoencoderTinyConfig& config) {
    Recorder recorder;
    return AutoencoderTiny<Meta>(Weights{recorder}, config);
}

/// On images of h x w latents and some pixels more, so that sides are no multiple of anything.
template <class S>
void check_exact_tiles(const AutoencoderTinyConfig& config, std::int64_t batch, std::int64_t h,
                       std::int64_t w) {
    auto vae = seeded_network<Cpu<S>>(config);
    const auto factor = config.encoder_factor();
    Generator random(1);
    const auto image = as<S>(uniform(
        random, {batch, config.in_channels, h * factor + factor / 2 - 1, w * factor + 1}));
    const auto latents = as<S>(random.randn<Cpu<float>>({batch, config.latent_channels, h, w}));
    const auto encoded = vae.encode(image);
    const auto decoded = vae.decode(latents);
    vae.use_tiling = true;
    vae.tiling = Tiling::exact;
    for (const std::int64_t tile : {2, 3, 5, 8, 64}) {
        CAPTURE(config.upsample_fn, config.act_fn, factor, h, w, tile);
        vae.tile_sample_min_size = tile * factor;
        vae.tile_latent_min_size = tile;
        CHECK(same_bits(vae.encode(image), encoded));
        CHECK(same_bits(vae.decode(latents), decoded));
    }
}

} // namespace

TEST_CASE("exact tiles give the bits of the whole image", "[models]") {
    for (const auto& config : tiled_networks()) {
        check_exact_tiles<float>(config, 1, 3, 26);
        check_exact_tiles<double>(config, 1, 17, 2);
    }
    check_exact_tiles<float>(small_taesd(), 2, 19, 15);
    check_exact_tiles<float>(with_stem(), 3, 5, 9);
}

TEST_CASE("exact tiles give the bits of a whole TAESD", "[models][full]") {
    auto vae = seeded_network<Cpu<float>>({}, 0);
    Generator random(2);
    const auto image = uniform(random, {1, 3, 517, 683});
    const auto encoded = vae.encode(image);
    const auto decoded = vae.decode(encoded);
    vae.use_tiling = true;
    vae.tiling = Tiling::exact;
    vae.tile_sample_min_size = 264;
    vae.tile_latent_min_size = 33;
    CHECK(same_bits(vae.encode(image), encoded));
    CHECK(same_bits(vae.decode(encoded), decoded));
}

TEST_CASE("exact tiles do not depend on the threads, nor on what memory held", "[models]") {
    auto vae = seeded_network<Cpu<float>>(small_taesd());
    Generator random(2);
    const auto image = uniform(random, {1, 3, 70, 101});
    vae.use_tiling = true;
    vae.tile_sample_min_size = 64;
    vae.tile_latent_min_size = 8;
    vae.tile_overlap_factor = 0.25;
    const auto latents = random.randn<Cpu<float>>({1, 4, 11, 13});
    CHECK(same_bits_for_threads([&] { return vae.decode(latents); }));
    vae.tiling = Tiling::exact;
    vae.tile_sample_min_size = 24;
    vae.tile_latent_min_size = 3;
    CHECK(same_bits_for_threads([&] { return vae.encode(image); }));
    CHECK(same_bits_for_threads([&] { return vae.decode(latents); }));
    const Workspace run;
    (void)vae.encode(image);
    CHECK(run.report().clones == 0);
    CHECK(run.report().live_bytes == 0);
}

TEST_CASE("a halo one smaller is not enough", "[models]") {
    const auto vae = seeded_network<Cpu<double>>(enlarging("bicubic", "silu", 2));
    Generator random(3);
    const auto latents = as<double>(random.randn<Cpu<float>>({1, 4, 4, 60}));
    const auto image = as<double>(uniform(random, {1, 3, 4, 120}));
    const auto rows = [](const auto& x) { return Range{0, x.dim(2)}; };
    // The outputs from a part of the input.
    const auto outputs = [&](const auto& side, const auto& x, Range seen, Range out) {
        const auto part = side.forward(cut(x, {{0, 1}, rows(x), seen}));
        const auto shift = side.receptive_field().output_at(seen.begin);
        return cut(part, {{0, 1}, rows(part), {out.begin - shift, out.end - shift}});
    };
    const auto check = [&](const auto& side, const auto& x, Range out) {
        const auto whole = side.forward(x);
        const auto expected = cut(whole, {{0, 1}, rows(whole), out});
        const auto field = side.receptive_field();
        const auto seen = field.input_of(out);
        const auto step = field.alignment();
        REQUIRE(seen.begin > 0);
        REQUIRE(seen.end < x.dim(3));
        const auto begin = seen.begin / step * step;
        CHECK(same_bits(outputs(side, x, {begin, seen.end}, out), expected));
        CHECK_FALSE(same_bits(outputs(side, x, {begin, seen.end - 1}, out), expected));
        // One less in front: out is chosen so that the range begins at an aligned place, and
        // the next one that can be is a step further on.
        REQUIRE(begin == seen.begin);
        CHECK_FALSE(same_bits(outputs(side, x, {begin + step, seen.end}, out), expected));
    };
    const auto aligned = [](const ReceptiveField& field, std::int64_t first) {
        while (field.input_of({first, first + 1}).begin % field.alignment() != 0) ++first;
        return Range{first, first + 6};
    };
    check(vae.decoder, latents, aligned(vae.decoder.receptive_field(), 50));
    // An encoder's latent begins to see at an odd place: change what it sees there instead.
    const auto field = vae.encoder.receptive_field();
    const Range seen = field.input_of({30, 31});
    const auto expected = vae.encode(image);
    for (const auto& [column, changes] : {std::pair{seen.begin - 1, false},
                                          {seen.begin, true},
                                          {seen.end - 1, true},
                                          {seen.end, false}}) {
        auto other = image.clone();
        for (std::int64_t row = 0; row < 3 * 4; ++row) other.data()[row * 120 + column] += 1;
        const auto got = vae.encode(other);
        const Window at{{0, 1}, rows(got), {30, 31}};
        CAPTURE(column);
        CHECK(same_bits(cut(got, at), cut(expected, at)) != changes);
    }
}

TEST_CASE("blended tiles are diffusers'", "[models]") {
    const Golden golden("models/tiling");
    auto single = seeded_network<Cpu<float>>(small_taesd());
    auto exact = seeded_network<Cpu<double>>(small_taesd());
    const auto cases = golden.cases();
    REQUIRE(cases.size() == 3);
    for (const auto& name : cases) {
        // Tile, overlap in thousandths, batch, the image's and the latents' sides.
        const auto n = golden.numbers(name + ".case");
        const auto set = [&](auto& vae) {
            vae.use_tiling = true;
            vae.tile_sample_min_size = n[0];
            vae.tile_latent_min_size = n[0] / vae.spatial_scale_factor;
            vae.tile_overlap_factor = static_cast<double>(n[1]) / 1000;
        };
        set(single), set(exact);
        Generator first(14), second(15);
        const auto image = uniform(first, {n[2], 3, n[3], n[4]});
        const auto latents = second.randn<Cpu<float>>({n[2], 4, n[5], n[6]});
        const auto encoded = judge(golden, name + ".encode", single.encode(image),
                                   exact.encode(as<double>(image)));
        INFO(encoded.text);
        CHECK(encoded.good);
        const auto decoded = judge(golden, name + ".decode", single.decode(latents),
                                   exact.decode(as<double>(latents)));
        INFO(decoded.text);
        CHECK(decoded.good);
        // And they are not the whole image's.
        const auto whole = exact.decoder.forward(as<double>(latents));
        CHECK(closeness(exact.decode(as<double>(latents)), whole).relative > 1e-4);
    }
}

TEST_CASE("the sizes of tiled images are diffusers'", "[models]") {
    auto vae = shapes_of({});
    CHECK(vae.spatial_scale_factor == 8);
    CHECK(vae.tile_sample_min_size == 512);
    CHECK(vae.tile_latent_min_size == 64);
    CHECK(vae.tile_overlap_factor == 0.125);
    CHECK_FALSE(vae.use_tiling);
    CHECK_FALSE(vae.use_slicing);
    vae.use_tiling = true;
    for (const auto tiling : {Tiling::blended, Tiling::ramped, Tiling::smooth, Tiling::exact}) {
        vae.tiling = tiling;
        vae.tile_overlap_factor = tiling == Tiling::ramped ? 0.25 : 0.125;
        for (const auto& [h, w] : {std::pair{73, 97}, {97, 73}, {49, 65}, {65, 49}, {49, 49}}) {
            const Shape latents{1, 4, h, w}, image{1, 3, 8 * h, 8 * w};
            CHECK(vae.decode(Tensor<Meta>(latents)).shape() == image);
            CHECK(vae.encode(Tensor<Meta>(image)).shape() == latents);
        }
    }
    // The network's own channels, where diffusers writes 4 and 3.
    auto wide = small_taesd();
    wide.latent_channels = 16;
    wide.out_channels = 5;
    auto other = shapes_of(wide);
    other.use_tiling = true;
    other.spatial_scale_factor = 8;
    other.tile_latent_min_size = 64;
    CHECK(other.encode(Tensor<Meta>({2, 3, 800, 520})).shape() == Shape{2, 16, 100, 65});
    CHECK(other.decode(Tensor<Meta>({2, 16, 100, 65})).shape() == Shape{2, 5, 800, 520});
}

TEST_CASE("slicing gives the bits of the whole batch", "[models]") {
    auto vae = seeded_network<Cpu<float>>(small_taesd());
    Generator random(4);
    const auto images = uniform(random, {3, 3, 40, 72});
    const auto one = uniform(random, {1, 3, 16, 16});
    for (const auto& [tiled, tiling] : {std::pair{false, Tiling::blended},
                                        {true, Tiling::blended},
                                        {true, Tiling::ramped},
                                        {true, Tiling::smooth},
                                        {true, Tiling::exact}}) {
        vae.use_tiling = tiled;
        vae.tiling = tiling;
        vae.tile_sample_min_size = 64, vae.tile_latent_min_size = 8;
        vae.tile_overlap_factor = 0.25;
        vae.use_slicing = false;
        const auto latents = vae.encode(images);
        const auto decoded = vae.decode(latents);
        const auto alone = vae.encode(one);
        vae.use_slicing = true;
        CHECK(same_bits(vae.encode(images), latents));
        CHECK(same_bits(vae.decode(latents), decoded));
        CHECK(same_bits(vae.encode(one), alone));
    }
    CHECK(contains(message_of([&] {
                       (void)vae.encode(Tensor<Cpu<float>>({3, 8}));
                   }),
                   "a shape [N, C, H, W]"));
}

TEST_CASE("tiles and slices need less memory", "[models]") {
    auto vae = shapes_of({});
    const auto peak = [&](const Shape& image, const auto& call) {
        const Tensor<Meta> x(image);
        const Workspace run;
        (void)call(x);
        return static_cast<double>(run.report().peak_bytes) / (1024 * 1024);
    };
    const auto encode = [&](const auto& x) { return vae.encode(x); };
    const auto decode = [&](const auto& x) { return vae.decode(x); };
    const Shape image{1, 3, 2048, 2048}, latents{1, 4, 256, 256};
    CHECK(peak(image, encode) > 3000);
    CHECK(peak(latents, decode) > 3000);
    vae.use_tiling = true;
    vae.tile_overlap_factor = 0.25;
    for (const auto tiling : {Tiling::blended, Tiling::ramped, Tiling::smooth, Tiling::exact}) {
        vae.tiling = tiling;
        CHECK(peak(image, encode) < 500);
        CHECK(peak(latents, decode) < 600);
    }
    vae.use_tiling = false;
    const Shape batch{6, 4, 64, 64};
    const auto whole = peak(batch, decode);
    vae.use_slicing = true;
    CHECK(peak(batch, decode) < whole / 5);

    // Meta counts as the processor does.
    auto meta = shapes_of(small_taesd());
    auto single = seeded_network<Cpu<float>>(small_taesd());
    const auto events = [](auto& side, const auto& x, Tiling tiling) {
        side.use_tiling = side.use_slicing = true;
        side.tiling = tiling;
        side.tile_sample_min_size = 64;
        side.tile_latent_min_size = tiling == Tiling::exact ? 7 : 8;
        side.tile_overlap_factor = 0.25;
        const Workspace run({.record_memory = true});
        (void)side.decode(x);
        return run.report().memory;
    };
    Generator random(5);
    const auto x = random.randn<Cpu<float>>({2, 4, 12, 15});
    const Tensor<Meta> planned(x.shape());
    for (const auto tiling : {Tiling::ramped, Tiling::smooth, Tiling::exact}) {
        const auto foretold = events(meta, planned, tiling);
        CHECK(foretold.size() > 100);
        CHECK(foretold == events(single, x, tiling));
    }
}

TEST_CASE("in_parts does what is asked for, and no more", "[models]") {
    Generator random(7);
    const auto x = uniform(random, {2, 3, 12, 20});
    std::vector<Shape> seen;
    const auto run = [&](const Tensor<Cpu<float>>& part) {
        seen.push_back(part.shape());
        return part.clone();
    };
    int asked = 0;
    const auto field = [&asked] {
        ++asked;
        return ReceptiveField{};
    };
    const auto runs = [&](const Parts& parts) {
        seen.clear();
        CHECK(same_bits(in_parts(x, parts, run, field), x));
        return seen.size();
    };
    const auto tiles = [](std::int64_t tile) {
        return TileSizes{.where = "here", .tile = tile, .output_tile = tile};
    };
    CHECK(runs({}) == 1);
    CHECK(runs({.slicing = true}) == 2);
    // AutoencoderKL is tiled where an image is larger than a tile, one way or the other.
    CHECK(runs({.tiling = Tiling::ramped, .tiles = tiles(20)}) == 1);
    CHECK(seen.front() == x.shape());
    CHECK_FALSE(larger_than_tile(x, tiles(20)));
    CHECK(larger_than_tile(x, tiles(19)));
    CHECK(larger_than_tile(x.clone().reshaped({2, 3, 20, 12}), tiles(19)));
    CHECK(asked == 0);
    CHECK(runs({.slicing = true, .tiling = Tiling::exact, .tiles = tiles(10)}) == 8);
    CHECK(asked == 2);
    // A network without a receptive field says why, where it is asked.
    const auto without = [&](Tiling tiling) {
        return in_parts(x, {.tiling = tiling, .tiles = tiles(16)}, run,
                        []() -> ReceptiveField { fail("net", "a group norm", "none"); });
    };
    CHECK(contains(message_of([&] { (void)without(Tiling::exact); }), "got a group norm"));
    CHECK(without(Tiling::smooth).shape() == x.shape());
}

TEST_CASE("a trace hears of every tile, and may stop the run", "[models]") {
    auto vae = seeded_network<Cpu<float>>(small_taesd());
    Generator random(6);
    const auto latents = random.randn<Cpu<float>>({2, 4, 20, 9});
    vae.use_tiling = vae.use_slicing = true;
    vae.tiling = Tiling::exact;
    vae.tile_latent_min_size = 10;
    std::vector<Shape> seen;
    const auto traced = vae.decode(latents, [&](std::string_view path, const auto& x) {
        if (path == "decoder") seen.push_back(x.shape());
    });
    CHECK(seen.size() == 4); // two images of two tiles
    CHECK(seen.front()[2] < 160);
    CHECK(same_bits(traced, vae.decode(latents)));
    int count = 0;
    const auto stop = [&](std::string_view path, const auto&) {
        if (path == "decoder" && ++count == 3) throw Stopped();
    };
    REQUIRE_THROWS_AS(vae.decode(latents, stop), Stopped);
    CHECK(count == 3);
}

TEST_CASE("tiling says what is wrong", "[models]") {
    const Tensor<Meta> image({1, 3, 640, 640}), latents({1, 4, 80, 80});
    auto vae = shapes_of({});
    vae.use_tiling = true;
    const auto encode = [&] { return message_of([&] { (void)vae.encode(image); }); };
    const auto decode = [&] { return message_of([&] { (void)vae.decode(latents); }); };
    vae.tile_sample_min_size = 100;
    CHECK(contains(encode(), "tiled_encode: got tiles of 100, expected 1 to 65536, a multiple "
                             "of 8"));
    vae.tile_sample_min_size = vae.tile_latent_min_size = 0;
    CHECK(contains(encode(), "tiles of 0"));
    CHECK(contains(decode(), "tiled_decode: got tiles of 0"));
    // A ramp of no length: diffusers divides by zero here.
    vae.tile_sample_min_size = 64;
    vae.tile_latent_min_size = 7;
    CHECK(contains(encode(), "an overlap of 8 in tiles of 64"));
    CHECK(contains(decode(), "an overlap of 0 in tiles of 7"));
    for (const double factor : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()}) {
        vae.tile_overlap_factor = factor;
        CHECK(contains(encode(), "tile_overlap_factor"));
    }
    vae.tile_overlap_factor = 0.125;
    vae.tile_sample_min_size = 512;
    CHECK(contains(message_of([&] {
                       (void)vae.encode(Tensor<Meta>({1, 3, 600, 601}));
                   }),
                   "got 601 x 600 pixels, expected sides that are multiples of 8"));

    vae.tiling = Tiling::exact;
    vae.tile_sample_min_size = 100;
    CHECK(contains(encode(), "tiled_encode: got tiles of 100, expected 1 to 65536, a multiple "
                             "of 8"));
    vae.tile_sample_min_size = -8;
    CHECK(contains(encode(), "tiled_encode: got tiles of -8"));
    vae.tile_latent_min_size = 0;
    CHECK(contains(decode(), "tiled_decode: got tiles of 0"));

    auto taef2 = shapes_of(taef2_config());
    taef2.use_tiling = true;
    CHECK(taef2.encode(image).shape() == Shape{1, 32, 80, 80});
    taef2.tiling = Tiling::smooth;
    CHECK(taef2.encode(image).shape() == Shape{1, 32, 80, 80});
    taef2.tiling = Tiling::exact;
    CHECK(contains(message_of([&] { (void)taef2.encode(image); }), "whole image"));

    auto uneven = shapes_of(uneven_config());
    uneven.use_tiling = true;
    CHECK(contains(message_of([&] {
                       (void)uneven.encode(Tensor<Meta>({1, 1, 64, 64}));
                   }),
                   "tiled_encode: got spatial_scale_factor 16, expected 4"));
    CHECK(contains(message_of([&] {
                       (void)uneven.decode(Tensor<Meta>({1, 5, 64, 64}));
                   }),
                   "expected 9"));
}
