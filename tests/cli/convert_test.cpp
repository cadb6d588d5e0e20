#include "cli/command.hpp"
#include "io/kl_files.hpp"
#include "support/catch.hpp"

#include <latent/io/checkpoint.hpp>
#include <latent/io/safetensors_writer.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// A folder with a checkpoint of three dtypes.
struct Mixed : TemporaryFolder {
    Mixed() {
        const std::vector<float> floats{1, 0.1F, 1e30F};
        const std::vector<std::int64_t> longs{1, std::int64_t{1} << 40};
        const std::vector<std::uint16_t> halves{0x3C00};
        save_safetensors(*this / "in.safetensors",
                         {{"floats", DType::F32, Shape{3}, std::as_bytes(std::span(floats))},
                          {"longs", DType::I64, Shape{2}, std::as_bytes(std::span(longs))},
                          {"half", DType::F16, Shape{}, std::as_bytes(std::span(halves))}});
    }
    [[nodiscard]] std::string at(std::string_view name) const {
        return (*this / name).string();
    }
};

} // namespace

TEST_CASE("convert keeps dtypes, or gives all of them one", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const Mixed folder;
    auto outcome =
        run_latent({"convert", folder.at("in.safetensors"), folder.at("a.safetensors")});
    CHECK(outcome.code == 0);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.empty());
    CHECK(run_latent({"inspect", folder.at("a.safetensors")}).out ==
          run_latent({"inspect", folder.at("in.safetensors")}).out);

    outcome = run_latent(
        {"convert", folder.at("in.safetensors"), folder.at("h.safetensors"), "--dtype", "F16"});
    CHECK(outcome.code == 0);
    CHECK(std::ranges::count(outcome.err, '\n') == 2);
    CHECK(contains(outcome.err, "warning: 1 of \"floats\" became infinite, too large for F16"));
    CHECK(contains(outcome.err, "warning: 1 of \"longs\" became infinite"));
    CHECK(run_latent({"inspect", folder.at("h.safetensors")}).out ==
          "floats\tF16\t3\nhalf\tF16\t\nlongs\tF16\t2\n");

    // Onto itself: the file is whole before or after, never between.
    outcome = run_latent({"convert", folder.at("in.safetensors"), folder.at("in.safetensors"),
                          "--dtype", "bf16"});
    CHECK(outcome.code == 0);
    CHECK(run_latent({"inspect", folder.at("in.safetensors"), "--tensor", "floats"}).out ==
          "tensor([1.0000e+00, 1.0010e-01, 1.0003e+30])\n");
}

TEST_CASE("convert is refused before it begins", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const Mixed folder;
    const auto refusal = [&](const std::vector<std::string>& arguments, int code) {
        const auto outcome = run_latent(arguments);
        CAPTURE(outcome.err);
        CHECK(outcome.code == code);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        return outcome.err;
    };
    const auto in = folder.at("in.safetensors");
    CHECK(
        contains(refusal({"convert", in, folder.at("out.bin")}, 1), "the extension \".bin\""));
    CHECK(contains(refusal({"convert", in, folder.at("o.safetensors"), "--dtype", "f8"}, 2),
                   "--dtype"));
    CHECK(contains(refusal({"convert", folder.at("no"), folder.at("o.safetensors")}, 1),
                   "no: got no file of that name"));
    CHECK(contains(refusal({"convert", folder.path().string(), folder.at("o.safetensors")}, 1),
                   "a folder without weights"));
    CHECK(contains(refusal({"inspect", in, "--tensor", "float"}, 1), "nearest: \"floats\""));
    CHECK(folder.entries() == 1);
}

TEST_CASE("convert --keys writes an autoencoder under other names", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const TemporaryFolder folder;
    const auto at = [&](const std::string& name) { return (folder / name).string(); };
    const auto convert = [&](const std::string& in, const std::string& out,
                             const std::vector<std::string>& options) {
        std::vector<std::string> arguments{"convert", at(in), at(out)};
        arguments.insert(arguments.end(), options.begin(), options.end());
        const auto outcome = run_latent(arguments);
        CHECK(outcome.err.empty());
        CHECK(outcome.code == 0);
    };
    const auto config = attending_config();
    save_kl(folder / "start.safetensors", config, 1);
    convert("start.safetensors", "plain.safetensors", {});
    convert("start.safetensors", "ldm.safetensors", {"--keys", "ldm"});
    convert("ldm.safetensors", "back.safetensors", {"--keys", "diffusers"});
    CHECK(read_text(folder / "back.safetensors") == read_text(folder / "plain.safetensors"));
    const auto ldm = Checkpoint::open(folder / "ldm.safetensors");
    CHECK(ldm.at("decoder.up.2.attn.1.q.weight").shape == Shape{64, 64, 1, 1});

    convert("ldm.safetensors", "half.safetensors", {"--keys", "diffusers", "--dtype", "bf16"});
    convert("start.safetensors", "half too.safetensors", {"--dtype", "bf16"});
    CHECK(read_text(folder / "half.safetensors") == read_text(folder / "half too.safetensors"));

    // A whole checkpoint, in which the autoencoder is small: only it is read.
    save_kl(folder / "whole", config, 1, ldm_form(config, "first_stage_model."));
    const auto whole = read_text(folder / "whole");
    std::uint64_t head = 0;
    std::memcpy(&head, whole.data(), sizeof head);
    const std::uint64_t size = whole.size() - 8 - head;
    constexpr std::uint64_t large = std::uint64_t{1} << 30U;
    auto header = whole.substr(8, head);
    header.replace(header.rfind('}'), 1,
                   ",\"model.diffusion_model.x\":{\"dtype\":\"U8\",\"shape\":[" +
                       std::to_string(large) + "],\"data_offsets\":[" + std::to_string(size) +
                       "," + std::to_string(size + large) + "]}}");
    const auto file = safetensors_file(header, whole.substr(8 + head));
    write_text(folder / "whole.ckpt", file);
    std::filesystem::resize_file(folder / "whole.ckpt", file.size() + large);
    const auto outcome =
        run_latent({"convert", at("whole.ckpt"), at("own.safetensors"), "--keys", "diffusers"});
    CHECK(outcome.code == 0);
    CHECK(outcome.peak_mib < 700);
    CHECK(read_text(folder / "own.safetensors") == read_text(folder / "plain.safetensors"));
}

TEST_CASE("convert --keys refuses what has no other names", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const Mixed folder;
    const auto refusal = [&](const std::string& in, const std::string& keys) {
        const auto outcome = run_latent(
            {"convert", folder.at(in), folder.at("out.safetensors"), "--keys", keys});
        CHECK(outcome.code != 0);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        return outcome.err;
    };
    CHECK(contains(refusal("in.safetensors", "ldm"),
                   "in.safetensors: got a tensor named \"longs\", expected AutoencoderKL"));
    CHECK(contains(refusal("in.safetensors", "other"), "--keys"));
    const std::vector<float> one{1};
    save_safetensors(folder / "tiny", {{"encoder.layers.0.weight", DType::F32, Shape{1},
                                        std::as_bytes(std::span(one))}});
    CHECK(
        contains(refusal("tiny", "ldm"), "tiny: got AutoencoderTiny, expected AutoencoderKL"));
    save_safetensors(folder / "unet", {{"time_embedding.linear_1.weight", DType::F32, Shape{1},
                                        std::as_bytes(std::span(one))}});
    CHECK(contains(refusal("unet", "diffusers"), "unet: got UNet2DConditionModel, expected"));
    CHECK(folder.entries() == 3);
}

TEST_CASE("inspect knows folders and the indexes of shards", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const Mixed folder;
    const auto index = folder / "diffusion_pytorch_model.safetensors.index.json";
    write_text(index, R"({"weight_map": {"floats": "in.safetensors", "longs": )"
                      R"("in.safetensors", "half": "in.safetensors"}})");
    const auto expected = run_latent({"inspect", folder.at("in.safetensors")}).out;
    CHECK(contains(expected, "longs\tI64\t2"));
    CHECK(run_latent({"inspect", index.string()}).out == expected);
    CHECK(run_latent({"inspect", folder.path().string()}).out == expected);
}

TEST_CASE("convert --keys refuses what is no whole autoencoder", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const TemporaryFolder folder;
    const auto refuse = [&](const KLForm& form, const std::string& part) {
        save_kl(folder / "in.safetensors", three_block_config(), 1, form);
        const auto outcome =
            run_latent({"convert", (folder / "in.safetensors").string(),
                        (folder / "out.safetensors").string(), "--keys", "ldm"});
        CAPTURE(outcome.err);
        CHECK(outcome.code == 1);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        CHECK(contains(outcome.err, part));
        CHECK(folder.entries() == 1);
    };
    const auto without = [](const std::string& name) -> KLForm {
        return [=](const ParameterRequest& request) -> PlaceInFile {
            return {request.name == name ? "" : request.name, request.shape};
        };
    };
    refuse(without("decoder.conv_out.bias"), "1 missing: decoder.conv_out.bias");
    refuse(without("encoder.down_blocks.0.resnets.0.conv1.weight"), "no resnets");
    refuse(
        [](const ParameterRequest& request) -> PlaceInFile {
            const bool last = request.name == "encoder.conv_out.bias";
            return {last ? "encoder.other.bias" : request.name, request.shape};
        },
        "encoder.other.bias");
}
