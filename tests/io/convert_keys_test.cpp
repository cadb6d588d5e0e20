#include "io/file_bytes.hpp"
#include "io/kl_files.hpp"
#include "support/catch.hpp"

#include <latent/io/convert_keys.hpp>

#include <filesystem>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

void convert_keys(const std::filesystem::path& in, const std::filesystem::path& out,
                  AutoencoderKLLayout layout) {
    const auto file = Checkpoint::open(in);
    const auto keys = find_autoencoder_kl_keys(file.tensors());
    REQUIRE(keys.has_value());
    convert_tensors(file, autoencoder_kl_copies(file.tensors(), *keys, layout), out);
}

} // namespace

TEST_CASE("diffusers to ldm and back gives the same file", "[keys]") {
    const TemporaryFolder folder;
    for (const auto& config :
         {three_block_config(), attending_config(), sixteen_channel_config()}) {
        save_kl(folder / "start", config, 1);
        convert_keys(folder / "start", folder / "same", AutoencoderKLLayout::diffusers);
        convert_keys(folder / "start", folder / "ldm", AutoencoderKLLayout::ldm);
        convert_keys(folder / "ldm", folder / "back", AutoencoderKLLayout::diffusers);
        convert_keys(folder / "ldm", folder / "ldm again", AutoencoderKLLayout::ldm);
        CHECK(read_text(folder / "back") == read_text(folder / "same"));
        CHECK(read_text(folder / "ldm again") == read_text(folder / "ldm"));

        // What the conversion writes is what was saved under these names at once.
        save_kl(folder / "expected", config, 1, ldm_form(config, ""));
        const auto expected = Checkpoint::open(folder / "expected");
        const auto ldm = Checkpoint::open(folder / "ldm");
        REQUIRE(ldm.tensors().size() == expected.tensors().size());
        for (const auto& tensor : expected.tensors()) {
            CHECK(ldm.at(tensor.name).shape == tensor.shape);
            CHECK(values_of(ldm, tensor.name) == values_of(expected, tensor.name));
        }
        const auto start = Checkpoint::open(folder / "start");
        const auto back = Checkpoint::open(folder / "back");
        REQUIRE(back.tensors().size() == start.tensors().size());
        for (const auto& tensor : start.tensors()) {
            CHECK(back.at(tensor.name).shape == tensor.shape);
            CHECK(values_of(back, tensor.name) == values_of(start, tensor.name));
        }
    }
    const auto ldm = Checkpoint::open(folder / "ldm");
    CHECK(ldm.at("encoder.mid.attn_1.q.weight").shape == Shape{64, 64, 1, 1});
    CHECK(ldm.at("encoder.mid.attn_1.norm.weight").shape == Shape{64});
}

TEST_CASE("of a whole checkpoint and of old files the autoencoder alone is written", "[keys]") {
    const TemporaryFolder folder;
    const auto config = three_block_config();
    save_kl(folder / "start", config, 2);
    convert_keys(folder / "start", folder / "expected", AutoencoderKLLayout::diffusers);
    const std::vector<float> one{1};
    const auto other = [&](const std::string& name) {
        return NamedTensor(name, DType::F32, Shape{1}, std::as_bytes(std::span(one)));
    };
    save_kl(folder / "whole", config, 2, ldm_form(config, "first_stage_model."),
            {other("model.diffusion_model.out.0.weight"), other("first_stage_model.loss.x"),
             other("model_ema.decay")});
    convert_keys(folder / "whole", folder / "a", AutoencoderKLLayout::diffusers);
    CHECK(read_text(folder / "a") == read_text(folder / "expected"));

    AutoencoderKLKeys old;
    old.layout = AutoencoderKLLayout::old_diffusers;
    for (const std::size_t rank : {2U, 3U, 4U}) {
        old.old_samplers = rank == 4;
        save_kl(folder / "old", config, 2, form_of(old, rank));
        convert_keys(folder / "old", folder / "b", AutoencoderKLLayout::diffusers);
        CHECK(read_text(folder / "b") == read_text(folder / "expected"));
    }
}

TEST_CASE("only the matrices of attention change their shape", "[keys]") {
    const std::vector<TensorInfo> tensors{
        {.name = "decoder.conv_in.weight", .shape = Shape{4, 4, 1, 1}},
        {.name = "decoder.mid_block.attentions.0.to_q.weight", .shape = Shape{1, 1}},
        {.name = "decoder.mid_block.attentions.0.to_k.weight", .shape = Shape{2, 3, 4}},
        {.name = "decoder.mid_block.attentions.0.to_q.bias", .shape = Shape{1}},
        {.name = "decoder.mid_block.attentions.0.group_norm.weight", .shape = Shape{1}}};
    const auto keys = find_autoencoder_kl_keys(tensors);
    REQUIRE(keys.has_value());
    for (const auto& copy : autoencoder_kl_copies(tensors, *keys, AutoencoderKLLayout::ldm)) {
        CAPTURE(copy.name);
        if (copy.name == "decoder.mid.attn_1.q.weight") CHECK(copy.shape == Shape{1, 1, 1, 1});
        if (copy.name == "decoder.mid.attn_1.k.weight") CHECK(copy.shape == Shape{2, 3, 4, 1});
        if (copy.name == "decoder.mid.attn_1.q.bias") CHECK(copy.shape == Shape{1});
        if (copy.name == "decoder.mid.attn_1.norm.weight") CHECK(copy.shape == Shape{1});
        if (copy.name == "decoder.conv_in.weight") CHECK(copy.shape == Shape{4, 4, 1, 1});
        CHECK_FALSE(contains(copy.name, "to_"));
    }
    // [2, 3, 4] is no matrix: it stays what it is.
    for (const auto& copy :
         autoencoder_kl_copies(tensors, *keys, AutoencoderKLLayout::diffusers)) {
        if (copy.name.ends_with("to_k.weight")) CHECK(copy.shape == Shape{2, 3, 4});
    }
}
