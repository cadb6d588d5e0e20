#include "support/catch.hpp"
#include "support/golden.hpp"
#include "cli/command.hpp"
#include "io/kl_files.hpp"

#include <latent/io/checkpoint.hpp>
#include <latent/io/config.hpp>
#include <latent/io/image.hpp>
#include <latent/io/load_autoencoder_kl.hpp>
#include <latent/models/latent_scaling.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// A small network of factor 4, one with 16 latent channels, images and a photo.
struct KlBench : TemporaryFolder {
    Tensor<Cpu<float>> images;

    KlBench() {
        auto config = three_block_config();
        save_kl(*this / "vae.safetensors", config, 3);
        save_kl(*this / "sixteen.safetensors", sixteen_channel_config(), 3);
        Generator random(8);
        images = uniform(random, {2, 3, 12, 20});
        save_safetensors(*this / "images.safetensors", {{"x", images}});
        Image photo{26, 18, 3, {}};
        for (std::int64_t i = 0; i < 3 * photo.width * photo.height; ++i) {
            photo.pixels.push_back(static_cast<std::uint8_t>(i * 7 % 251));
        }
        write_png(*this / "photo.png", photo);
    }

    [[nodiscard]] std::string at(std::string_view name) const {
        return (*this / name).string();
    }
    /// A successful call with `out` as its output; returns what it says on stderr.
    std::string make(std::vector<std::string> arguments, const std::string& out,
                     const std::string& model = "vae.safetensors") const {
        arguments.insert(arguments.end(), {"-m", at(model), "-o", at(out)});
        const auto outcome = run_latent(arguments);
        CAPTURE(arguments, outcome.err);
        REQUIRE(outcome.code == 0);
        return outcome.err;
    }
    /// One line on stderr with `part` in it, and no file.
    void refuse(std::vector<std::string> arguments, const std::string& model, int code,
                const std::string& part) const {
        const auto before = entries();
        arguments.insert(arguments.end(), {"-m", at(model), "-o", at("no.safetensors")});
        const auto outcome = run_latent(arguments);
        CAPTURE(arguments, outcome.err);
        CHECK(outcome.code == code);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        CHECK(contains(outcome.err, part));
        CHECK(entries() == before);
    }
    [[nodiscard]] Tensor<Cpu<float>> read(const std::string& file,
                                          const std::string& name) const {
        const auto checkpoint = Checkpoint::open(*this / file);
        const auto& info = checkpoint.at(name);
        Tensor<Cpu<float>> x(info.shape);
        checkpoint.read(info, x.values());
        return x;
    }
    [[nodiscard]] std::string metadata(const std::string& file, const std::string& name) const {
        const auto checkpoint = Checkpoint::open(*this / file);
        const auto found = checkpoint.metadata().find(name);
        return found == checkpoint.metadata().end() ? "" : found->second;
    }
};

/// Saves the network of three_block_config with one parameter changed.
template <class Change>
void save_changed(const std::filesystem::path& path, const std::string& name,
                  const Change& change) {
    TorchInit init(3);
    std::vector<std::vector<float>> values;
    std::vector<NamedTensor> tensors;
    const auto requests = kl_parameters(three_block_config());
    values.reserve(requests.size());
    for (const auto& request : requests) {
        auto& data = values.emplace_back(static_cast<std::size_t>(request.shape.numel()));
        init.read(request, std::span<float>(data));
        if (request.name == name) change(data);
        tensors.emplace_back(request.name, DType::F32, request.shape,
                             std::as_bytes(std::span(data)));
    }
    save_safetensors(path, std::move(tensors));
}

} // namespace

TEST_CASE("encode writes the moments, and latents of every kind", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const KlBench bench;
    const auto vae = load_autoencoder_kl(bench / "vae.safetensors");
    const auto posterior = vae.encode(bench.images);
    const std::vector<std::string> encode{"encode", bench.at("images.safetensors")};
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.begin(), encode.begin(), encode.end());
        return more;
    };

    (void)bench.make(encode, "mode.safetensors");
    CHECK(same_bits(bench.read("mode.safetensors", "parameters"), posterior.parameters));
    CHECK(same_bits(bench.read("mode.safetensors", "latents"), posterior.mode()));
    CHECK(bench.metadata("mode.safetensors", "latents") == "raw");
    CHECK(bench.metadata("mode.safetensors", "scaling_factor") == "0.18215");

    (void)bench.make(with({"--sample", "--seed", "5"}), "sample.safetensors");
    Generator generator(5);
    const auto sample = posterior.sample(generator);
    CHECK(same_bits(bench.read("sample.safetensors", "latents"), sample));
    (void)bench.make(with({"--sample"}), "zero.safetensors");
    CHECK_FALSE(same_bits(bench.read("zero.safetensors", "latents"), sample));

    CHECK(contains(bench.make(with({"--scaled"}), "scaled.safetensors"), "no config.json"));
    CHECK(same_bits(bench.read("scaled.safetensors", "latents"),
                    scaled_latents(posterior.mode(), vae.config)));
    CHECK(bench.metadata("scaled.safetensors", "latents") == "scaled");
    CHECK(bench.metadata("scaled.safetensors", "scaling_factor").empty());

    // Faster convolutions: other bits, and nearly the same numbers.
    (void)bench.make(with({"--fast"}), "fast.safetensors");
    const auto fast = bench.read("fast.safetensors", "parameters");
    CHECK_FALSE(same_bits(fast, posterior.parameters));
    CHECK(closeness(fast, as<double>(posterior.parameters)).relative <= 1e-5);

    // Filters in half precision: the numbers of the network that is told so.
    (void)bench.make(with({"--weights", "f16"}), "half.safetensors");
    auto files = open_autoencoder_kl(bench / "vae.safetensors");
    files.weights.half = true;
    const auto half = load_encoder_kl(std::move(files)).forward(bench.images);
    CHECK(same_bits(bench.read("half.safetensors", "parameters"), half));
    CHECK_FALSE(same_bits(half, posterior.parameters));
    (void)bench.make(with({"--weights", "f32"}), "single.safetensors");
    CHECK(same_bits(bench.read("single.safetensors", "parameters"), posterior.parameters));
    bench.refuse(with({"--weights", "f8"}), "vae.safetensors", 2, "--weights");

    // Both kinds decode to the image, because the files say which they are.
    const auto image = vae.decode(posterior.mode());
    (void)bench.make({"decode", bench.at("mode.safetensors")}, "image.safetensors");
    CHECK(same_bits(bench.read("image.safetensors", "sample"), image));
    const auto remark =
        bench.make({"decode", bench.at("scaled.safetensors")}, "again.safetensors");
    CHECK(contains(remark, "scaled latents"));
    CHECK(closeness(bench.read("again.safetensors", "sample"), as<double>(image)).relative <=
          1e-5); // two more roundings of the latents
    bench.refuse({"decode", bench.at("mode.safetensors"), "--scaled"}, "vae.safetensors", 1,
                 "raw latents");

    // A .npy says nothing: the switch does.
    (void)bench.make(with({"--scaled"}), "scaled.npy");
    (void)bench.make({"decode", bench.at("scaled.npy"), "--scaled"}, "switched.safetensors");
    CHECK(same_bits(bench.read("switched.safetensors", "sample"),
                    bench.read("again.safetensors", "sample")));
}

TEST_CASE("what an AutoencoderKL cannot give is refused in a line", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const KlBench bench;
    const auto images = bench.at("images.safetensors");
    bench.refuse({"encode", images, "--scaled"}, "sixteen.safetensors", 1, "no config.json");
    bench.refuse({"encode", images, "--seed", "4"}, "vae.safetensors", 2, "--sample");
    for (const std::string seed : {"x", "1.5", "18446744073709551616", "-9223372036854775809"})
        bench.refuse({"encode", images, "--sample", "--seed", seed}, "vae.safetensors", 2,
                     "--seed");
    bench.refuse({"encode", images, "--tiling", "exact"}, "vae.safetensors", 1, "group norms");
    bench.refuse({"encode", images, "--tiling", "diffusers", "--tile-size", "6"},
                 "vae.safetensors", 1, "multiple of 4");
    const auto before = bench.entries();
    const auto outcome = run_latent({"encode", bench.at("photo.png"), "-m",
                                     bench.at("vae.safetensors"), "-o", bench.at("z.png")});
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "a tiny autoencoder for a .png"));
    CHECK(bench.entries() == before);
}

TEST_CASE("a photo goes there and back, whole or in tiles", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const KlBench bench;
    const std::vector<std::vector<std::string>> ways{
        {},
        {"--slicing"},
        {"--tiling", "diffusers", "--tile-size", "16"},
        {"--tile-blend", "smooth", "--tile-size", "16"},
        {"--check-finite"}};
    for (const auto& way : ways) {
        std::vector<std::string> arguments{"reconstruct", bench.at("photo.png")};
        arguments.insert(arguments.end(), way.begin(), way.end());
        (void)bench.make(arguments, "back.png");
        const auto back = read_image(bench / "back.png");
        CHECK(back.width == 26);
        CHECK(back.height == 18);
    }
}

TEST_CASE("the command's tiles are the library's", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const KlBench bench;
    auto vae = load_autoencoder_kl(bench / "vae.safetensors");
    vae.use_tiling = true;
    vae.tile_sample_min_size = 16;
    vae.tile_latent_min_size = 4;
    const auto z = vae.encode(bench.images).mode();
    save_safetensors(bench / "z.safetensors", {{"latents", z}});
    for (const auto& chosen :
         {std::pair{Tiling::ramped, std::vector<std::string>{"--tiling", "diffusers"}},
          std::pair{Tiling::smooth, std::vector<std::string>{"--tile-blend", "smooth"}}}) {
        vae.tiling = chosen.first;
        const auto& options = chosen.second;
        const auto with = [&](std::vector<std::string> arguments) {
            arguments.insert(arguments.end(), options.begin(), options.end());
            arguments.insert(arguments.end(), {"--tile-size", "16"});
            return arguments;
        };
        (void)bench.make(with({"encode", bench.at("images.safetensors")}), "e.safetensors");
        CHECK(same_bits(bench.read("e.safetensors", "parameters"),
                        vae.encode(bench.images).parameters));
        (void)bench.make(with({"decode", bench.at("z.safetensors")}), "d.safetensors");
        CHECK(same_bits(bench.read("d.safetensors", "sample"), vae.decode(z)));
    }
    // Without a size it is config.json's sample_size, 512 where there is none: one tile.
    vae.use_tiling = false;
    (void)bench.make({"encode", bench.at("images.safetensors"), "--tiling", "diffusers"},
                     "e.safetensors");
    CHECK(same_bits(bench.read("e.safetensors", "parameters"),
                    vae.encode(bench.images).parameters));
}

TEST_CASE("--stream changes no byte of a file", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const KlBench bench;
    const auto latents = bench.at("z.safetensors"), photo = bench.at("photo.png");
    (void)bench.make({"encode", bench.at("images.safetensors")}, "z.safetensors");
    const auto written = [&](const std::vector<std::string>& arguments,
                             const std::string& out) {
        (void)bench.make(arguments, out);
        return read_text(bench / out);
    };
    const auto image = written({"decode", latents}, "image.safetensors");
    CHECK(written({"decode", latents, "--stream"}, "streamed.safetensors") == image);
    CHECK(written({"decode", latents, "--stream", "--slicing", "--threads", "2"},
                  "streamed.safetensors") == image);
    CHECK(written({"reconstruct", photo, "--stream"}, "streamed.png") ==
          written({"reconstruct", photo}, "back.png"));
    for (const std::vector<std::string>& other :
         {std::vector<std::string>{"--tiling", "diffusers"},
          std::vector<std::string>{"--tile-blend", "smooth"},
          std::vector<std::string>{"--check-finite"}}) {
        std::vector<std::string> arguments{"decode", latents, "--stream"};
        arguments.insert(arguments.end(), other.begin(), other.end());
        bench.refuse(arguments, "vae.safetensors", 2, "--stream");
    }
    bench.refuse({"encode", photo, "--stream"}, "vae.safetensors", 2, "--stream");
}

TEST_CASE("means and deviations by channel come from config.json", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const KlBench bench;
    const auto folder = bench / "playground";
    std::filesystem::create_directory(folder);
    save_kl(folder / "diffusion_pytorch_model.safetensors", three_block_config(), 3);
    auto config = three_block_config();
    config.scaling_factor = 0.5;
    config.sample_size = 16;
    config.latents_mean = {-1.5, 2, 0, 0.25};
    config.latents_std = {8, 0.5, 3, 1};
    std::ofstream(folder / "config.json") << config_to_json(config, "AutoencoderKL");

    auto vae = load_autoencoder_kl(folder);
    vae.use_tiling = true; // of sample_size
    CHECK(vae.tile_sample_min_size == 16);
    const auto remark = bench.make(
        {"encode", bench.at("images.safetensors"), "--scaled", "--tiling", "diffusers"},
        "z.safetensors", "playground");
    CHECK(remark.empty());
    const auto z = vae.encode(bench.images).mode();
    CHECK(same_bits(bench.read("z.safetensors", "latents"), scaled_latents(z.clone(), config)));
    (void)bench.make({"decode", bench.at("z.safetensors"), "--tiling", "diffusers"},
                     "d.safetensors", "playground");
    CHECK(
        closeness(bench.read("d.safetensors", "sample"), as<double>(vae.decode(z))).relative <=
        1e-5); // two more roundings of the latents
}

TEST_CASE("halves of an AutoencoderKL are not taken for those of a tiny one", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const KlBench bench;
    const auto vae = bench.at("vae.safetensors");
    const auto outcome = run_latent({"reconstruct", bench.at("photo.png"), "--encoder", vae,
                                     "--decoder", vae, "-o", bench.at("back.png")});
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "half of an AutoencoderKL"));
    // One half alone is enough for one way.
    (void)run_latent(
        {"encode", bench.at("photo.png"), "--encoder", vae, "-o", bench.at("z.safetensors")});
    CHECK(run_latent({"decode", bench.at("z.safetensors"), "--decoder", vae, "-o",
                      bench.at("back.png")})
              .code == 0);
}

TEST_CASE("--check-finite names the weight or the layer", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const KlBench bench;
    const auto images = bench.at("images.safetensors");
    const auto change = [&](const std::string& name, double factor) {
        save_changed(bench / "changed.safetensors", name, [=](std::vector<float>& data) {
            for (auto& value : data) value = static_cast<float>(value * factor);
        });
    };
    const std::string layer = "encoder.down_blocks.1.resnets.0.conv1";

    change(layer + ".weight", 3e39); // finite weights, sums that are not
    bench.refuse({"encode", images, "--check-finite"}, "changed.safetensors", 1,
                 layer + ": got ");
    save_changed(bench / "changed.safetensors", layer + ".bias",
                 [](std::vector<float>& data) { data[3] = NAN; });
    bench.refuse({"encode", images, "--check-finite"}, "changed.safetensors", 1,
                 layer + ".bias");

    // Without the switch what is broken is refused, too, but not where.
    bench.refuse({"encode", images}, "changed.safetensors", 1, "results that are NaN");

    // Finite, but not in half precision.
    change(layer + ".weight", 1e7);
    const auto remark = bench.make({"encode", images, "--check-finite"}, "z.safetensors",
                                   "changed.safetensors");
    CHECK(contains(remark, layer + " reaches"));
    CHECK(contains(remark, "65504"));
    CHECK(contains(bench.make({"encode", images, "--check-finite"}, "z.safetensors"),
                   "every layer is finite"));
}
