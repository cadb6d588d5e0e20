#include "support/catch.hpp"
#include "support/closeness.hpp"
#include "support/network_files.hpp"
#include "cli/command.hpp"
#include "io/kl_files.hpp"

#include <latent/io/image.hpp>
#include <latent/io/json.hpp>
#include <latent/io/load_autoencoder_kl.hpp>
#include <latent/io/recording_files.hpp>
#include <latent/models/vae_approx.hpp>
#include <latent/ops/group_norm.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// A network of factor 4, latents and a photo for it, and recordings when they are asked for.
struct RecordBench : TemporaryFolder {
    Tensor<Cpu<float>> latents;

    RecordBench() : latents(Generator(8).randn<Cpu<float>>({1, 4, 4, 5})) {
        save_kl(*this / "vae.safetensors", three_block_config(), 3);
        save_safetensors(*this / "z.safetensors", {{"latents", latents}});
        Image photo{13, 9, 3, {}};
        for (std::int64_t i = 0; i < 3 * photo.width * photo.height; ++i)
            photo.pixels.push_back(static_cast<std::uint8_t>(i * 7 % 251));
        write_png(*this / "photo.png", photo);
    }

    [[nodiscard]] std::string at(std::string_view name) const {
        return (*this / name).string();
    }
    /// Arguments that name files of the folder have a dot in them.
    [[nodiscard]] std::vector<std::string> in_folder(std::vector<std::string> arguments) const {
        for (auto& argument : arguments) {
            const bool file = argument.ends_with(".safetensors") ||
                              argument.ends_with(".png") || argument.ends_with(".html") ||
                              argument.ends_with(".json") || argument.ends_with(".tsv");
            if (file) argument = at(argument);
        }
        return arguments;
    }
    [[nodiscard]] Outcome run(const std::vector<std::string>& arguments) const {
        return run_latent(in_folder(arguments));
    }
    /// A run that must succeed.
    std::string make(const std::vector<std::string>& arguments, int code = 0) const {
        const auto outcome = run(arguments);
        CAPTURE(arguments, outcome.err);
        REQUIRE(outcome.code == code);
        REQUIRE(outcome.err.empty());
        return outcome.out;
    }
    Recording record(const std::string& in, const std::string& out,
                     std::vector<std::string> more = {}) const {
        std::vector<std::string> arguments{"record", in, "-m", "vae.safetensors", "-o", out};
        arguments.insert(arguments.end(), more.begin(), more.end());
        (void)make(arguments);
        return load_recording(*this / out);
    }
    /// One line on stderr with `part` in it, and nothing else.
    void refuse_record(const std::vector<std::string>& arguments, int code,
                       const std::string& part) const {
        const auto before = entries();
        const auto outcome = run(arguments);
        CAPTURE(arguments, outcome.err);
        CHECK(outcome.code == code);
        CHECK(outcome.out.empty());
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        CHECK(contains(outcome.err, part));
        CHECK(entries() == before);
    }
};

/// Whether every tag of a page is closed where it must be, and which there are.
bool is_well_formed(std::string_view page, std::set<std::string>& tags) {
    const std::set<std::string, std::less<>> empty{"!DOCTYPE", "meta"};
    std::vector<std::string> open;
    for (auto at = page.find('<'); at != std::string_view::npos; at = page.find('<', at + 1)) {
        const auto end = page.find('>', at);
        if (end == std::string_view::npos) return false;
        const auto tag = page.substr(at + 1, end - at - 1);
        const bool closes = tag.starts_with('/');
        const auto name = std::string(tag.substr(
            closes ? 1 : 0, tag.find_first_of(" \n/", closes ? 1 : 0) - (closes ? 1 : 0)));
        tags.insert(name);
        if (empty.contains(name) || tag.ends_with('/')) continue;
        if (!closes) {
            open.push_back(name);
        } else if (open.empty() || open.back() != name) {
            return false;
        } else {
            open.pop_back();
        }
    }
    return open.empty();
}

/// A dump of two outputs with names and values of our choice.
void save_dump(const std::filesystem::path& path, const std::string& first,
               const std::string& second, float last) {
    Tensor<Cpu<float>> a({1, 2, 2, 2}), b({1, 2, 2, 2});
    for (std::int64_t i = 0; i < 8; ++i) {
        a.data()[i] = static_cast<float>(i) + 0.3F;
        b.data()[i] = static_cast<float>(i) - 0.7F;
    }
    b.data()[7] = last;
    save_safetensors(path, {{first, a}, {second, b}});
}

} // namespace

TEST_CASE("latent record keeps every module of a decode", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const RecordBench bench;
    const auto truth = bench.record("z.safetensors", "f64.safetensors");
    CHECK(truth.order.front() == "post_quant_conv");
    CHECK(truth.order.back() == "decoder");
    CHECK(truth.precision("decoder") == Precision::f64);
    CHECK(truth.modules.at("decoder.conv_in").class_name == "Conv2d");
    CHECK(truth.modules.at("decoder.conv_norm_out").setting("eps") == 1e-6);
    CHECK(truth.aliases.at("decoder.conv_in:input") == "post_quant_conv");
    const auto fed = truth.read("post_quant_conv:input");
    CHECK(std::ranges::equal(fed.values(), bench.latents.values()));

    // In float32 it is what latent decode gives.
    const auto plain = bench.record("z.safetensors", "f32.safetensors", {"--dtype", "f32"});
    const auto vae = load_autoencoder_kl(bench / "vae.safetensors");
    const auto decoded = vae.decode(bench.latents);
    CHECK(plain.precision("decoder") == Precision::f32);
    CHECK(std::ranges::equal(plain.read("decoder").values(), decoded.values()));
    CHECK(plain.order == truth.order);

    const auto weights = Checkpoint::open(bench / "vae.safetensors");
    const auto& info = weights.at("decoder.conv_in.weight");
    std::vector<double> weight(static_cast<std::size_t>(info.shape.numel()));
    weights.read(info, weight);
    CHECK(std::ranges::equal(truth.read("parameter:decoder.conv_in.weight").values(), weight));
    CHECK_FALSE(truth.has("parameter:encoder.conv_in.weight"));

    const auto bare =
        bench.record("z.safetensors", "bare.safetensors", {"--no-inputs", "--no-parameters"});
    CHECK(bare.order == truth.order);
    CHECK(bare.tensors->names().size() == bare.order.size());
}

TEST_CASE("latent record takes images, and every kind of network", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const RecordBench bench;
    // 13 x 9 pixels, padded to 16 x 12.
    const auto encode = bench.record("photo.png", "encode.safetensors");
    CHECK(encode.order.back() == "quant_conv");
    CHECK(encode.shape("quant_conv") == Shape({1, 8, 3, 4}));
    CHECK(encode.shape("encoder:input") == Shape({1, 3, 12, 16}));

    AutoencoderTinyConfig config;
    config.encoder_block_out_channels = config.decoder_block_out_channels = {8, 8};
    config.num_encoder_blocks = config.num_decoder_blocks = {1, 1};
    config.latent_channels = 3; // as many as an image has
    save_network(bench / "tiny.safetensors", config, 3, diffusers_name);
    Tensor<Cpu<float>> z({1, 3, 4, 4});
    std::ranges::fill(z.values(), 0.5F);
    save_safetensors(bench / "three.safetensors", {{"x", z}});
    bench.refuse_record(
        {"record", "three.safetensors", "-m", "tiny.safetensors", "-o", "no.safetensors"}, 1,
        "--side encode or --side decode");
    for (const std::string side : {"encode", "decode"}) {
        (void)bench.make({"record", "three.safetensors", "-m", "tiny.safetensors", "--side",
                          side, "-o", "tiny_" + side + ".safetensors"});
        const auto tiny = load_recording(bench / ("tiny_" + side + ".safetensors"));
        CHECK(tiny.order.back() == side + "r");
        // Another run of ours is within rounding, from the recorded input alone.
        CHECK(contains(
            bench.make({"parity", "tiny_" + side + ".safetensors", "-m", "tiny.safetensors"}),
            "all " + std::to_string(tiny.order.size()) + " rows agree"));
    }

    TorchInit init(4);
    Recorder wanted;
    (void)VAEApprox<Meta>(Weights(wanted));
    std::vector<std::vector<float>> values;
    std::vector<NamedTensor> tensors;
    values.reserve(wanted.requests().size());
    for (const auto& request : wanted.requests()) {
        auto& data = values.emplace_back(static_cast<std::size_t>(request.shape.numel()));
        init.read(request, std::span<float>(data));
        tensors.emplace_back(request.name, DType::F32, request.shape,
                             std::as_bytes(std::span(data)));
    }
    save_safetensors(bench / "approx.safetensors", std::move(tensors));
    (void)bench.make(
        {"record", "z.safetensors", "-m", "approx.safetensors", "-o", "preview.safetensors"});
    const auto preview = load_recording(bench / "preview.safetensors");
    CHECK(preview.order.back().empty()); // the network itself has no name
    CHECK(preview.shape("") == Shape({1, 3, 8, 10}));
    CHECK(contains(bench.make({"parity", "preview.safetensors", "-m", "approx.safetensors"}),
                   " rows agree"));
}

TEST_CASE("latent parity holds recordings against each other and against us", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const RecordBench bench;
    const auto truth = bench.record("z.safetensors", "f64.safetensors");
    (void)bench.record("z.safetensors", "f32.safetensors", {"--dtype", "f32"});
    const auto agrees = "all " + std::to_string(truth.order.size()) + " rows agree";

    const auto text = bench.make({"parity", "f64.safetensors", "f32.safetensors"});
    CHECK(contains(text, agrees + ": relative L2 at most "));
    CHECK(contains(text, "│ │ ┌ resnets.0\n"));
    CHECK_FALSE(contains(text, "\x1B")); // stdout is no terminal
    CHECK(contains(bench.make({"parity", "f64.safetensors", "f64.safetensors"}),
                   agrees + ", bit for bit\n"));
    // A tolerance that rounding does not keep.
    CHECK(contains(
        bench.make({"parity", "f64.safetensors", "f32.safetensors", "--tolerance", "1e-12"}, 3),
        "within"));

    // The recording and our float32, both against our float64.
    const auto both =
        bench.make({"parity", "f32.safetensors", "-m", "vae.safetensors", "--brief"});
    CHECK(contains(both, "f32.safetensors\n" + agrees));
    CHECK(contains(both, "b  Latent, float32\n" + agrees));
    CHECK(contains(bench.make({"parity", "f64.safetensors", "-m", "vae.safetensors", "--device",
                               "cpu:f64"}),
                   agrees + ", bit for bit"));
    CHECK(contains(
        bench.make({"parity", "f32.safetensors", "-m", "vae.safetensors", "--isolate"}),
        agrees));
    CHECK(contains(
        bench.make({"parity", "f32.safetensors", "f64.safetensors", "-m", "vae.safetensors"}),
        "f64.safetensors\n" + agrees + ", bit for bit"));
    // A recording of outputs alone needs an input.
    (void)bench.record("z.safetensors", "bare.safetensors", {"--no-inputs"});
    bench.refuse_record({"parity", "bare.safetensors", "-m", "vae.safetensors"}, 1,
                        "--input FILE");
    (void)bench.make(
        {"parity", "bare.safetensors", "-m", "vae.safetensors", "--input", "z.safetensors"});
}

TEST_CASE("the reports of latent parity are complete and well-formed", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const RecordBench bench;
    const std::string odd = "a<script>alert(1)</script>&\"'\x1B[2J\n";
    save_dump(bench / "right.safetensors", odd, "b", 1.0F);
    save_dump(bench / "wrong.safetensors", odd, "b", std::numeric_limits<float>::quiet_NaN());
    const auto text = bench.make({"parity", "right.safetensors", "wrong.safetensors", "--html",
                                  "page.html", "--json", "all.json"},
                                 3);
    CHECK(text.find('\x1B') == std::string::npos);
    CHECK(contains(text, "first divergence: b"));

    const auto page = read_text(bench / "page.html");
    std::set<std::string> tags;
    CHECK(is_well_formed(page, tags));
    CHECK_FALSE(tags.contains("script"));
    CHECK_FALSE(tags.contains("link"));
    CHECK(tags.contains("svg"));
    CHECK(contains(page, "a&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;"));
    CHECK(page.find('\x1B') == std::string::npos);
    CHECK_FALSE(contains(page, "http://"));
    CHECK_FALSE(contains(page, "https://"));
    CHECK(contains(page, "default-src 'none'"));

    const auto json = Json::parse(read_text(bench / "all.json"));
    CHECK(json.at("format") == "latent parity 1");
    CHECK(json.at("within_tolerance") == false);
    CHECK(json.at("sources").size() == 2);
    CHECK(json.at("subjects").at(0).at("first") == "b");
    CHECK(json.at("rows").at(0).at("name") == odd);
    CHECK(json.at("rows").at(1).at("shape") == Json({1, 2, 2, 2}));
    const auto& cell = json.at("rows").at(1).at("cells").at(0);
    CHECK(cell.at("verdict") == "first");
    CHECK(cell.at("relative_l2") == "Infinity");
    CHECK(cell.at("cosine") == "NaN");
    CHECK(cell.at("nan_count") == 1);
    CHECK(cell.at("place") == Json({0, 1, 1, 1}));
    const auto printed =
        bench.make({"parity", "right.safetensors", "wrong.safetensors", "--json", "-"}, 3);
    CHECK(Json::parse(printed) == json);
}

TEST_CASE("latent isolate writes a layer's data for a unit test", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const RecordBench bench;
    const auto truth = bench.record("z.safetensors", "f64.safetensors");
    const std::string norm = "decoder.mid_block.resnets.0.norm1";
    (void)bench.make(
        {"isolate", norm, "f64.safetensors", "--dtype", "f64", "-o", "norm.safetensors"});
    const auto file = Checkpoint::open(bench / "norm.safetensors");
    const auto read = [&](const std::string& key) {
        Tensor<Cpu<double>> x(file.at(key).shape);
        file.read(file.at(key), x.values());
        return x;
    };
    REQUIRE(file.tensors().size() == 4);
    CHECK(file.metadata().at("class") == "GroupNorm");
    const auto settings = Json::parse(file.metadata().at("settings"));
    const auto again = group_norm(read("input"), read("weight"), read("bias"),
                                  settings.at("num_groups").at(0).get<std::int64_t>(),
                                  settings.at("eps").at(0).get<double>());
    CHECK(same_bits(again, read("output")));
    CHECK(same_bits(again, truth.read(norm)));

    // Of a block all parameters; and from a model where the recording has too little.
    (void)bench.record("z.safetensors", "bare.safetensors", {"--no-parameters"});
    bench.refuse_record(
        {"isolate", "decoder.mid_block.resnets.0", "bare.safetensors", "-o", "no.safetensors"},
        1, "-m MODEL");
    (void)bench.make({"isolate", "decoder.mid_block.resnets.0", "bare.safetensors", "-m",
                      "vae.safetensors", "-o", "block.safetensors"});
    const auto block = Checkpoint::open(bench / "block.safetensors");
    CHECK(block.tensors().size() == 2 + 8);
    CHECK(block.at("conv1.weight").dtype == DType::F32);
    bench.refuse_record({"isolate", "decoder.mid_block.resnets.0.norm3", "f64.safetensors",
                         "-o", "no.safetensors"},
                        1, "nearest: \"decoder.mid_block.resnets.0.norm");
}

TEST_CASE("what cannot be recorded or compared is refused in a line", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const RecordBench bench;
    const std::vector<std::string> record{"record", "z.safetensors", "-m", "vae.safetensors"};
    const auto with = [&](std::vector<std::string> arguments,
                          const std::vector<std::string>& more) {
        arguments.insert(arguments.end(), more.begin(), more.end());
        return arguments;
    };
    bench.refuse_record(record, 2, "--out is required");
    bench.refuse_record(with(record, {"-o", "r.png"}), 1, "the extension");
    bench.refuse_record(with(record, {"-o", "r.safetensors", "--dtype", "f16"}), 2, "--dtype");
    bench.refuse_record(with(record, {"-o", "r.safetensors", "--side", "encode"}), 1,
                        "images [N, 3, H, W]");
    bench.refuse_record(
        {"record", "none.safetensors", "-m", "vae.safetensors", "-o", "r.safetensors"}, 1,
        "none.safetensors");
    save_safetensors(bench / "scaled.safetensors", {{"latents", bench.latents}},
                     {{"latents", "scaled"}});
    bench.refuse_record(
        {"record", "scaled.safetensors", "-m", "vae.safetensors", "-o", "r.safetensors"}, 1,
        "scaled latents");

    save_dump(bench / "right.safetensors", "a", "b", 1.0F);
    save_dump(bench / "other.safetensors", "c", "d", 1.0F);
    bench.refuse_record({"parity", "right.safetensors"}, 2, "OTHER or --model");
    bench.refuse_record({"parity", "right.safetensors", "other.safetensors"}, 1, "--map");
    bench.refuse_record({"parity", "right.safetensors", "-m", "vae.safetensors"}, 1,
                        "no input of the network");
    bench.refuse_record({"parity", "right.safetensors", "right.safetensors", "--isolate"}, 2,
                        "--isolate");
    bench.refuse_record(
        {"parity", "right.safetensors", "right.safetensors", "--html", "none/x.html"}, 1,
        "none/x.html");
    bench.refuse_record(
        {"parity", "right.safetensors", "right.safetensors", "--layout", "nwhc"}, 2,
        "--layout");
    bench.refuse_record({"isolate", "a", "right.safetensors", "-o", "r.safetensors"}, 1,
                        "no input of");
    // With a map the names are those of the reference.
    write_text(bench / "names.tsv", "c\ta\nd\tb\n");
    CHECK(contains(
        bench.make({"parity", "right.safetensors", "other.safetensors", "--map", "names.tsv"}),
        "all 2 rows agree, bit for bit"));
}
