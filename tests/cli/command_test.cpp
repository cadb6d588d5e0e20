#include "support/catch.hpp"
#include "support/network_files.hpp"
#include "cli/command.hpp"

#include <latent/io/checkpoint.hpp>
#include <latent/io/image.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// A folder with a small seeded network, images and latents for it.
struct Bench : TemporaryFolder {
    Bench() {
        AutoencoderTinyConfig config;
        config.encoder_block_out_channels = {8, 8, 8};
        config.decoder_block_out_channels = {8, 8, 8};
        config.num_encoder_blocks = {1, 0, 1};
        config.num_decoder_blocks = {1, 0, 1};
        config.latent_channels = 5;
        save_network(at("net.safetensors"), config, 3, diffusers_name);
        save_network(at("encoder"), config, 3, taesd_name("encoder"));
        save_network(at("decoder"), config, 3, taesd_name("decoder"));
        write_photo("photo.png", 18, 13);
        write_text(*this / "text.txt", "two\nlines");
        write_text(*this / "empty", "");
        write_text(*this / "config.json",
                   R"({"_class_name": "AutoencoderTiny", "act_fn": "mish"})");
    }

    [[nodiscard]] std::string at(std::string_view name) const {
        return (*this / name).string();
    }

    void write_photo(std::string_view name, std::int64_t width, std::int64_t height) const {
        Image image{width, height, 3, {}};
        for (std::int64_t i = 0; i < 3 * width * height; ++i) {
            image.pixels.push_back(static_cast<std::uint8_t>(i * 7 % 251));
        }
        write_png(*this / name, image);
    }
};

Tensor<Cpu<float>> read(const std::string& path, const std::string& name) {
    const auto file = Checkpoint::open(path);
    Tensor<Cpu<float>> tensor(file.at(name).shape);
    file.read(file.at(name), tensor.values());
    return tensor;
}

/// One line on stderr, nothing on stdout, and this exit code.
void check_refused(const std::vector<std::string>& arguments, int code,
                   const std::string& part) {
    const auto outcome = run_latent(arguments);
    CAPTURE(arguments, outcome.err);
    CHECK(outcome.code == code);
    CHECK(outcome.out.empty());
    CHECK(std::ranges::count(outcome.err, '\n') == 1);
    CHECK(outcome.err.ends_with('\n'));
    CHECK(contains(outcome.err, part));
}

double figure(const std::string& text, const std::string& name) {
    const auto at = text.find(name + " ");
    if (at == std::string::npos) return std::numeric_limits<double>::quiet_NaN();
    return std::strtod(text.c_str() + at + name.size() + 1, nullptr);
}

} // namespace

TEST_CASE("help shows an example of each subcommand", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    for (const std::string name :
         {"inspect", "encode", "decode", "reconstruct", "compare", "walk"}) {
        const auto outcome = run_latent({name, "--help"});
        CAPTURE(name);
        CHECK(outcome.code == 0);
        CHECK(outcome.err.empty());
        CHECK(contains(outcome.out, "Example:\n  latent " + name));
    }
    CHECK(contains(run_latent({"--help"}).out, "reconstruct"));
}

TEST_CASE("a wrong call is one line and exit code 2", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    check_refused({}, 2, "subcommand is required");
    check_refused({"encoed"}, 2, "no subcommand \"encoed\"");
    check_refused({"inspect"}, 2, "PATH is required");
    check_refused({"encode", "a.png", "-o", "b.safetensors"}, 2, "--model or --encoder");
    check_refused({"decode", "a", "-o", "b.png", "--encoder", "c"}, 2, "--model or --decoder");
    check_refused({"decode", "a", "-o", "b.png", "-m", "c", "--decoder", "d"}, 2, "excludes");
    check_refused({"decode", "a", "-o", "b.png", "-m", "c", "--threads", "0"}, 2, "--threads");
    check_refused({"decode", "a", "b", "-o", "c.png", "-m", "d", "--nosuch\n"}, 2,
                  "not expected");
}

TEST_CASE("inspect lists a checkpoint, an image and a config", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const Bench bench;
    const Tensor<Cpu<float>> matrix({2, 3}), number(Shape{}), empty(Shape{0});
    save_safetensors(bench / "odd", {{"a\tb\"\n", matrix}, {"number", number}, {"", empty}},
                     {{"title", "two\nlines"}});
    CHECK(run_latent({"inspect", bench.at("odd")}).out ==
          "\tF32\t0\na\\tb\\\"\\n\tF32\t2,3\nnumber\tF32\t\n");
    const auto json =
        parse_json("json", run_latent({"inspect", bench.at("odd"), "--json"}).out);
    CHECK(json["format"] == "safetensors");
    CHECK(json["metadata"]["title"] == "two\nlines");
    CHECK(json["tensors"].size() == 3);
    CHECK(json["tensors"][1]["name"] == "a\tb\"\n");
    CHECK(json["tensors"][1]["shape"] == std::vector<int>{2, 3});

    CHECK(run_latent({"inspect", bench.at("photo.png")}).out ==
          "width 18\nheight 13\nchannels 3\nbits 8\n");
    const auto image =
        parse_json("", run_latent({"inspect", bench.at("photo.png"), "--json"}).out);
    CHECK(image["width"] == 18);

    const auto config = parse_json("", run_latent({"inspect", bench.at("config.json")}).out);
    CHECK(config["act_fn"] == "mish");
    CHECK(config["latent_channels"] == 4);
    CHECK(config["num_decoder_blocks"] == std::vector<int>{3, 3, 3, 1});

    check_refused({"inspect", bench.at("text.txt")}, 1,
                  "text.txt: got a file that begins with");
    check_refused({"inspect", bench.at("empty")}, 1, "empty: got an empty file");
    check_refused({"inspect", bench.path().string()}, 1, "got a folder");
    check_refused({"inspect", "/dev/null"}, 1, "/dev/null: got a device");
    check_refused({"inspect", bench.at("none")}, 1, "none: got no file of that name");
}

TEST_CASE("an image becomes latents and an image of the same size", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const Bench bench;
    const auto net = bench.at("net.safetensors");
    const auto run = [&](const std::vector<std::string>& arguments) {
        const auto outcome = run_latent(arguments);
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
        CHECK(outcome.err.empty());
        return outcome.out;
    };
    CHECK(run({"encode", bench.at("photo.png"), "-m", net, "-o", bench.at("z.safetensors")})
              .empty());
    const auto latents = read(bench.at("z.safetensors"), "latents");
    CHECK(latents.shape() == Shape{1, 5, 4, 5});
    const auto metadata = Checkpoint::open(bench / "z.safetensors").metadata();
    CHECK(metadata.at("width") == "18");
    CHECK(metadata.at("height") == "13");

    // The size comes back from the metadata; the pair of files gives the same as the one.
    run({"decode", bench.at("z.safetensors"), "-m", net, "-o", bench.at("z.png")});
    run({"decode", bench.at("z.safetensors"), "--decoder", bench.at("decoder"), "-o",
         bench.at("pair.png")});
    const auto image = read_image(bench / "z.png");
    CHECK(image.width == 18);
    CHECK(image.height == 13);
    CHECK(read_text(bench / "z.png") == read_text(bench / "pair.png"));
    run({"decode", bench.at("z.safetensors"), "-m", net, "-o", bench.at("s.SAFETENSORS")});
    const auto sample = read(bench.at("s.SAFETENSORS"), "sample");
    CHECK(sample.shape() == Shape{1, 3, 13, 18});

    const auto figures =
        run({"reconstruct", bench.at("photo.png"), "--encoder", bench.at("encoder"),
             "--decoder", bench.at("decoder"), "-o", bench.at("back.png")});
    CHECK(read_text(bench / "back.png") == read_text(bench / "z.png"));
    CHECK(std::ranges::count(figures, '\n') == 4);
    for (const auto* const name : {"psnr_db", "encode_s", "decode_s", "peak_mib"}) {
        CHECK(figure(figures, name) > 0);
    }
}

TEST_CASE("tensors of images go in and out, and threads change no bit", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const Bench bench;
    const auto net = bench.at("net.safetensors");
    Generator random(1);
    const auto images = random.randn<Cpu<float>>({2, 3, 40, 48});
    const Tensor<Cpu<float>> other({1});
    save_safetensors(bench / "images", {{"images", images}, {"other", other}});
    check_refused({"encode", bench.at("images"), "-m", net, "-o", bench.at("z.safetensors")}, 1,
                  "got 2 tensors, expected one; choose one with --key NAME");
    for (const std::string threads : {"1", "2", "3"}) {
        const auto z = bench.at("z" + threads + ".safetensors");
        const auto s = bench.at("s" + threads + ".safetensors");
        CHECK(run_latent({"encode", bench.at("images"), "--key", "images", "-m", net, "-o", z,
                          "--threads", threads})
                  .code == 0);
        CHECK(run_latent({"decode", z, "-m", net, "-o", s, "--threads", threads}).code == 0);
        CHECK(Checkpoint::open(z).metadata() ==
              std::map<std::string, std::string>{{"latents", "scaled"}});
        CHECK(read_text(z) == read_text(bench / "z1.safetensors"));
        CHECK(read_text(s) == read_text(bench / "s1.safetensors"));
    }
    CHECK(read(bench.at("s1.safetensors"), "sample").shape() == images.shape());

    // Several images are several files.
    const auto outcome = run_latent(
        {"decode", bench.at("z1.safetensors"), "-m", net, "-o", bench.at("many.png")});
    CHECK(outcome.code == 0);
    CHECK(contains(outcome.err, "many-1.png"));
    CHECK(!std::filesystem::exists(bench / "many.png"));
    CHECK(read_image(bench / "many-0.png").width == 48);
    CHECK(read_image(bench / "many-1.png").width == 48);
}

TEST_CASE("every mistake is one line, exit code 1, and no file", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const Bench bench;
    const auto net = bench.at("net.safetensors");
    const auto photo = bench.at("photo.png");
    const auto out = bench.at("out.safetensors");
    const auto png = bench.at("out.png");
    auto values = Generator(1).randn<Cpu<float>>({1, 5, 2, 3});
    save_safetensors(bench / "good", {{"latents", values}});
    save_safetensors(bench / "forged", {{"latents", values}},
                     {{"width", "12"}, {"height", "9x"}});
    save_safetensors(bench / "half", {{"latents", values}}, {{"width", "12"}});
    save_safetensors(bench / "large", {{"latents", values}},
                     {{"width", "13"}, {"height", "8"}});
    const std::vector<std::byte> bytes(30);
    save_safetensors(bench / "bytes", {{"latents", DType::U8, Shape{1, 5, 2, 3}, bytes}});
    values.values()[8] = std::numeric_limits<float>::quiet_NaN();
    save_safetensors(bench / "nan", {{"latents", values}});
    save_safetensors(bench / "four", {{"latents", Tensor<Cpu<float>>({1, 4, 2, 3})}});
    save_safetensors(bench / "flat", {{"latents", Tensor<Cpu<float>>({5, 2, 3})}});
    save_safetensors(bench / "none", {{"latents", Tensor<Cpu<float>>({0, 5, 2, 3})}});
    std::filesystem::create_directory(bench / "folder.png");
    const auto before = bench.entries();

    const auto encode = [&](const std::string& in, const std::string& model,
                            const std::string& to, const std::string& part) {
        check_refused({"encode", in, "-m", model, "-o", to}, 1, part);
    };
    const auto decode = [&](const std::string& in, const std::string& model,
                            const std::string& to, const std::string& part) {
        check_refused({"decode", in, "-m", model, "-o", to}, 1, part);
    };
    encode(photo, photo, out, "photo.png: got an image, expected a checkpoint");
    encode(photo, bench.path().string(), out, "got a folder without weights");
    encode(photo, bench.at("empty"), out, "empty: got an empty file");
    encode(photo, "/dev/null", out, "/dev/null: got a device");
    encode(photo, bench.at("missing"), out, "missing: got no file of that name");
    encode(photo, bench.at("decoder"), out, "decoder: got no encoder");
    encode(photo, bench.at("good"), out, "good: got a tensor named \"latents\"");
    encode(bench.at("text.txt"), net, out, "text.txt: got a file that begins with");
    encode(bench.at("good"), net, out,
           "got 5 channels in [1, 5, 2, 3], expected 3 image channels");
    encode(photo, net, bench.at("out.jpg"), "the extension \".jpg\"");
    encode(photo, net, png, "net.safetensors: got 5 latent channels, expected a multiple of 4");
    encode(photo, net, bench.at("out"), "no extension");
    encode(photo, net, bench.at("nowhere/out.safetensors"), "a path that can be written to");

    decode(photo, net, png, "photo.png: got 3 channels of 8 bits, expected 4 of 8 bits");
    decode(bench.at("four"), net, png,
           "got 4 channels in [1, 4, 2, 3], expected 5 latent channels");
    decode(bench.at("flat"), net, png, "got shape [5, 2, 3], expected a shape [N, C, H, W]");
    decode(bench.at("none"), net, png, "got shape [0, 5, 2, 3]");
    decode(bench.at("nan"), net, png, "got nan at [0, 1, 0, 2], expected finite numbers");
    decode(bench.at("bytes"), net, png, "got U8, expected floating-point numbers");
    decode(bench.at("forged"), net, png, "height = \"9x\"");
    decode(bench.at("half"), net, png, "one of width and height");
    decode(bench.at("large"), net, png,
           "got 13 x 8 pixels in the file's metadata, expected at most");
    decode(bench.at("good"), net, bench.at("out.jpg"), "the extension \".jpg\"");
    decode(bench.at("good"), net, bench.at("folder.png"), "folder.png: got a folder");
    decode(bench.at("good"), bench.at("encoder"), png, "encoder: got no decoder");
    check_refused({"decode", bench.at("good"), "-m", net, "-o", png, "--key", "z"}, 1,
                  "no tensor \"z\"");
    check_refused({"reconstruct", photo, "--encoder", bench.at("decoder"), "--decoder",
                   bench.at("encoder"), "-o", png},
                  1, "the two files may be swapped");
    check_refused({"reconstruct", bench.at("good"), "-m", net, "-o", png}, 1,
                  "expected a PNG or JPEG image");
    CHECK(bench.entries() == before);
    CHECK(run_latent({"decode", bench.at("good"), "-m", net, "-o", png}).code == 0);
}

TEST_CASE("Ctrl-C leaves no file", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const Bench bench;
    AutoencoderTinyConfig config;
    config.encoder_block_out_channels = {16};
    config.decoder_block_out_channels = {16};
    config.num_encoder_blocks = {400};
    config.num_decoder_blocks = {1};
    save_network(bench / "slow", config, 0, taesd_name("encoder"));
    bench.write_photo("large.png", 512, 512);
    const auto before = bench.entries();

    Process process({"encode", bench.at("large.png"), "-m", bench.at("slow"), "-o",
                     bench.at("z.safetensors")});
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    process.interrupt();
    const auto outcome = process.wait();
    CHECK(outcome.code == 130);
    CHECK(outcome.err == "interrupted\n");
    CHECK(bench.entries() == before);
}

TEST_CASE("trained weights give what PyTorch gives", "[cli][large]") {
    if (command_path().empty()) return skip(no_command);
    const char* const data = std::getenv("LATENT_DATA");
    if (!data) return skip("LATENT_DATA is not set: no trained weights and photos");
    const Bench bench;
    const auto root = std::filesystem::path(data);
    const std::pair<const char*, double> photos[] = {{"astronaut.png", 31.19},
                                                     {"coffee.png", 29.62}};
    for (const auto& [name, expected] : photos) {
        const auto outcome = run_latent(
            {"reconstruct", (root / "photos" / name).string(), "--encoder",
             (root / "weights/taef2_encoder.pth").string(), "--decoder",
             (root / "weights/taef2_decoder.pth").string(), "-o", bench.at("back.png")});
        CAPTURE(name, outcome.out, outcome.err);
        CHECK(outcome.code == 0);
        CHECK(std::abs(figure(outcome.out, "psnr_db") - expected) <= 0.02);
        CHECK(read_image(bench / "back.png").width == read_image(root / "photos" / name).width);
    }
}

TEST_CASE("latents and images travel as .npy", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const Bench bench;
    const auto run = [&](const std::string& what, const std::string& in,
                         const std::string& out) {
        return run_latent({what, bench.at(in), "-m", bench.at("net.safetensors"), "-o",
                           bench.at(out), "--quiet"});
    };
    CHECK(run("encode", "photo.png", "l.safetensors").code == 0);
    CHECK(run("encode", "photo.png", "l.npy").code == 0);
    const auto latents = read(bench.at("l.npy"), "tensor");
    CHECK(std::ranges::equal(latents.values(),
                             read(bench.at("l.safetensors"), "latents").values()));
    CHECK(run("decode", "l.npy", "image.npy").code == 0);
    CHECK(run("decode", "l.npy", "image.safetensors").code == 0);
    CHECK(std::ranges::equal(read(bench.at("image.npy"), "tensor").values(),
                             read(bench.at("image.safetensors"), "sample").values()));
}
