#include "support/catch.hpp"
#include "support/network_files.hpp"
#include "cli/command.hpp"
#include "io/kl_files.hpp"

#include <latent/io/config.hpp>
#include <latent/io/json.hpp>
#include <latent/parity/explain.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// Configs alone, and weights without one.
struct ExplainBench : TemporaryFolder {
    ExplainBench() {
        std::filesystem::create_directory(*this / "sd1");
        write_json("sd1/config.json",
                   config_to_json(stable_diffusion_config(), "AutoencoderKL"));
        write_json("tiny.json", config_to_json(AutoencoderTinyConfig{}, "AutoencoderTiny"));
        write_json("three.json", config_to_json(three_block_config(), "AutoencoderKL"));
        save_kl(*this / "three.safetensors", three_block_config(), 3);
        save_network(*this / "decoder", two_stages(), 3, taesd_name("decoder"));
    }

    static AutoencoderTinyConfig two_stages() {
        AutoencoderTinyConfig config;
        config.encoder_block_out_channels = config.decoder_block_out_channels = {8, 8};
        config.num_encoder_blocks = config.num_decoder_blocks = {1, 1};
        return config;
    }
    [[nodiscard]] std::string at(std::string_view name) const {
        return (*this / name).string();
    }
    void write_json(std::string_view name, const OrderedJson& json) const {
        write_text(*this / name, json.dump());
    }

    /// What a successful call prints.
    [[nodiscard]] std::string explained(std::string_view model,
                                        std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"explain", "-m", at(model)});
        const auto outcome = run_latent(more);
        CAPTURE(more, outcome.err);
        REQUIRE(outcome.code == 0);
        CHECK(outcome.err.empty());
        return outcome.out;
    }
    [[nodiscard]] Json sides(std::string_view model, std::vector<std::string> more) const {
        more.emplace_back("--json");
        return parse_json("explain", explained(model, std::move(more)))["sides"];
    }
    void refuse(std::vector<std::string> arguments, int code, const std::string& part) const {
        arguments.insert(arguments.begin(), "explain");
        const auto outcome = run_latent(arguments);
        CAPTURE(arguments, outcome.err);
        CHECK(outcome.code == code);
        CHECK(outcome.out.empty());
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        CHECK(contains(outcome.err, part));
    }
};

/// The columns that a terminal needs.
std::size_t widest(const std::string& text) {
    std::size_t most = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto columns = std::ranges::count_if(
            line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
        most = std::max(most, static_cast<std::size_t>(columns));
    }
    return most;
}

} // namespace

TEST_CASE("explain shows Stable Diffusion 1 from a config alone", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const ExplainBench bench;
    const auto text = bench.explained("sd1");
    CHECK(contains(text, "AutoencoderKL, "));
    CHECK(contains(text, "512x512 pixels"));
    CHECK(contains(text, "encode: 3×512×512 to 8×64×64"));
    CHECK(contains(text, "decode: 4×64×64 to 3×512×512"));
    for (const std::string figure :
         {"558,329,233,408", "34,163,664", "1,257,259,466,752", "49,490,199"})
        CHECK(contains(text, figure));
    CHECK(contains(text, "\n├─ mid_block            UNetMidBlock2D  "));
    CHECK(contains(text, "\n│  └─ resnets.1         ResnetBlock2D  "));
    CHECK(contains(text, "\n│     └─ conv2          Conv2d  "));
    CHECK(contains(text, "\n└─ conv_out "));
    CHECK(contains(text, " 36 (all)\n"));
    CHECK(widest(text) <= 100);
    CHECK(bench.explained("sd1/config.json") == text);
    CHECK(widest(bench.explained("tiny.json", {"--size", "1024"})) <= 100);
}

TEST_CASE("explain's JSON is the library's explanation", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const ExplainBench bench;
    const auto sides = bench.sides("three.json", {"--size", "24x16"});
    REQUIRE(sides.size() == 2);
    CHECK(sides[0]["side"] == "encode");
    CHECK(sides[1]["side"] == "decode");
    const auto explanation = explain<DecoderKL>({1, 4, 4, 6}, "", three_block_config());
    const auto& decode = sides[1];
    CHECK(decode["input"] == std::vector<int>{1, 4, 4, 6});
    CHECK(decode["output"] == std::vector<int>{1, 3, 16, 24});
    CHECK(decode["parameters"] == explanation.parameters);
    CHECK(decode["multiply_adds"] == explanation.multiply_adds);
    CHECK(decode["planned_peak_bytes"] == explanation.peak_bytes);
    REQUIRE(decode["modules"].size() == explanation.rows.size());
    for (std::size_t i = 0; i < explanation.rows.size(); ++i) {
        const auto& module = decode["modules"][i];
        const auto& row = explanation.rows[i];
        CHECK(module["path"] == row.path);
        CHECK(module["class"] == row.class_name);
        CHECK(module["depth"] == row.depth);
        CHECK(module["multiply_adds"] == row.multiply_adds);
        CHECK(module["output_bytes"] == row.output_bytes);
        CHECK(module["receptive_field"] == row.receptive_field);
        CHECK(module["sees_all"] == row.sees_all);
    }
    // Weights tell what their config tells.
    CHECK(bench.sides("three.safetensors", {"--size", "24x16"}) == sides);
}

TEST_CASE("explain shows one side, and some levels", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const ExplainBench bench;
    const auto one = bench.sides("tiny.json", {"--side", "decode", "--depth", "2"});
    REQUIRE(one.size() == 1);
    CHECK(one[0]["side"] == "decode");
    CHECK(one[0]["modules"].size() == 16); // the decoder and its layers
    CHECK(bench.sides("tiny.json", {"--depth", "1"})[0]["modules"].size() == 1);
    const auto text = bench.explained("tiny.json", {"--side", "encode", "--depth", "2"});
    CHECK_FALSE(contains(text, "conv.0"));
    CHECK(contains(text, "\n└─ layers.14  Conv2d  "));
    CHECK(contains(text, "  291\n"));
    // A file of one side has no other.
    CHECK(bench.sides("decoder", {"--size", "8"}).size() == 1);
    bench.refuse({"-m", bench.at("decoder"), "--side", "encode"}, 1, "got a decoder alone");
}

TEST_CASE("explain measures with seeded weights", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const ExplainBench bench;
    const std::vector<std::string> asked{"--size", "32", "--time", "--threads", "1"};
    const auto sides = bench.sides("decoder", asked);
    REQUIRE(sides.size() == 1);
    const auto& side = sides[0];
    CHECK(side["weights"] == "torch.manual_seed(0)");
    CHECK(side["threads"] == 1);
    CHECK(side["seconds"].get<double>() > 0);
    CHECK(side["modules"][0]["seconds"].get<double>() > 0);
    CHECK(side["modules"][0]["seconds"].get<double>() <= side["seconds"].get<double>());
    CHECK(side["modules"][0]["gflops"].get<double>() > 0);
    const auto text = bench.explained("decoder", asked);
    CHECK(contains(text, "seeded weights"));
    CHECK(contains(text, "on 1 thread"));
    CHECK(contains(text, "GFLOP/s"));
    CHECK(widest(text) <= 100);
}

TEST_CASE("explain refuses in a line", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const ExplainBench bench;
    write_text(bench / "text.txt", "two\nlines");
    bench.write_json("unet.json", {{"_class_name", "UNet2DConditionModel"}});
    bench.write_json("nobody.json", {{"a", 1}});
    bench.write_json("wide.json",
                     {{"_class_name", "AutoencoderKL"}, {"block_out_channels", {1}}});
    std::filesystem::create_directory(bench / "empty");
    const auto model = bench.at("sd1");
    for (const std::string size : {"0", "-8", "", "x", "512x", "x512", "512x0", "1e3", "512 ",
                                   "512x512x512", "1000000000", "99999999999999999999"})
        bench.refuse({"-m", model, "--size", size}, 2, "--size");
    bench.refuse({"-m", model, "--size", "511"}, 1, "expected multiples of 8");
    bench.refuse({"-m", model, "--size", "512x516"}, 1, "got 512x516 pixels");
    bench.refuse({"-m", model, "--size", "65536"}, 1, "more than 2^62 multiply-adds");
    bench.refuse({"-m", model, "--size", "16384", "--time"}, 1, "for --time");
    for (const std::string depth : {"-1", "0", "x", "1.5"})
        bench.refuse({"-m", model, "--depth", depth}, 2, "--depth");
    bench.refuse({"-m", model, "--side", "both"}, 2, "--side");
    bench.refuse({"-m", model, "--threads", "2"}, 2, "--time");
    bench.refuse({}, 2, "--model");
    bench.refuse({"-m", bench.at("none")}, 1, "got no file of that name");
    bench.refuse({"-m", bench.at("empty")}, 1, "got a folder without weights");
    bench.refuse({"-m", bench.at("text.txt")}, 1, "expected a checkpoint");
    bench.refuse({"-m", bench.at("unet.json")}, 1, "_class_name \"UNet2DConditionModel\"");
    bench.refuse({"-m", bench.at("nobody.json")}, 1, "without _class_name");
    bench.refuse({"-m", bench.at("wide.json")}, 1, "block_out_channels");
}

TEST_CASE("inspect fills in the config of an AutoencoderKL", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const ExplainBench bench;
    const auto outcome = run_latent({"inspect", bench.at("sd1/config.json")});
    CHECK(outcome.code == 0);
    const auto config = parse_json("config", outcome.out);
    CHECK(config["_class_name"] == "AutoencoderKL");
    CHECK(config["block_out_channels"] == std::vector<int>{128, 256, 512, 512});
    CHECK(config["scaling_factor"] == 0.18215);
}
