#include "io/kl_files.hpp"
#include "support/catch.hpp"

#include <latent/io/autoencoder_kl_keys.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

AutoencoderKLKeys keys_of(AutoencoderKLLayout layout, std::string prefix,
                          std::int64_t up_blocks) {
    AutoencoderKLKeys keys;
    keys.layout = layout;
    keys.prefix = std::move(prefix);
    keys.up_blocks = up_blocks;
    return keys;
}

AutoencoderKLKeys keys_found(const std::vector<TensorInfo>& tensors) {
    const auto keys = find_autoencoder_kl_keys(tensors);
    REQUIRE(keys.has_value());
    return *keys;
}

std::vector<TensorInfo> named(const std::vector<std::string>& names) {
    std::vector<TensorInfo> tensors;
    for (const auto& name : names) tensors.push_back({.name = name, .shape = {}});
    return tensors;
}

} // namespace

TEST_CASE("every layout's table leads there and back, and is found by its names", "[keys]") {
    using Layout = AutoencoderKLLayout;
    for (const auto& config :
         {stable_diffusion_config(), attending_config(), sixteen_channel_config()}) {
        const auto blocks = std::ssize(config.block_out_channels);
        for (const auto layout : {Layout::diffusers, Layout::old_diffusers, Layout::ldm}) {
            for (const std::string prefix : {"", "first_stage_model.", "vae.", "a.b."}) {
                CAPTURE(static_cast<int>(layout), prefix);
                const auto keys = keys_of(layout, prefix, blocks);
                const auto rules = keys.rules();
                const auto back = inverse(rules);
                std::set<std::string> names;
                bool all_back = true;
                for (const auto& request : kl_parameters(config)) {
                    const auto name = renamed(request.name, rules);
                    names.insert(name);
                    all_back = all_back && renamed(name, back) == request.name;
                }
                CHECK(all_back);
                CHECK(names.size() == kl_parameters(config).size());

                auto tensors = kl_tensors(config, form_of(keys));
                std::ranges::reverse(tensors);
                const auto found = keys_found(tensors);
                CHECK(found.layout == layout);
                CHECK(found.prefix == prefix);
                CHECK(found.up_blocks == blocks);
                CHECK(found.encoder);
                CHECK(found.decoder);
                CHECK_FALSE(found.old_samplers);
                CHECK(autoencoder_kl_tensors(tensors, found).size() == names.size());
            }
        }
    }
}

TEST_CASE("ldm's names are those of Stable Diffusion's checkpoints", "[keys]") {
    const auto rules = keys_of(AutoencoderKLLayout::ldm, "first_stage_model.", 4).rules();
    const auto in_file = [&](const std::string& name) {
        const auto text = renamed(name, rules);
        CHECK(text.starts_with("first_stage_model."));
        return text.substr(std::string("first_stage_model.").size());
    };
    CHECK(in_file("encoder.conv_in.weight") == "encoder.conv_in.weight");
    CHECK(in_file("encoder.down_blocks.1.resnets.0.conv_shortcut.bias") ==
          "encoder.down.1.block.0.nin_shortcut.bias");
    CHECK(in_file("encoder.down_blocks.2.downsamplers.0.conv.weight") ==
          "encoder.down.2.downsample.conv.weight");
    CHECK(in_file("encoder.down_blocks.2.attentions.1.group_norm.bias") ==
          "encoder.down.2.attn.1.norm.bias");
    CHECK(in_file("encoder.mid_block.resnets.1.norm2.weight") ==
          "encoder.mid.block_2.norm2.weight");
    CHECK(in_file("encoder.mid_block.attentions.0.to_out.0.bias") ==
          "encoder.mid.attn_1.proj_out.bias");
    CHECK(in_file("encoder.conv_norm_out.weight") == "encoder.norm_out.weight");
    CHECK(in_file("quant_conv.weight") == "quant_conv.weight");
    CHECK(in_file("post_quant_conv.bias") == "post_quant_conv.bias");
    CHECK(in_file("decoder.mid_block.attentions.0.to_q.weight") ==
          "decoder.mid.attn_1.q.weight");
    // ldm counts from the image inwards.
    CHECK(in_file("decoder.up_blocks.0.resnets.2.conv1.weight") ==
          "decoder.up.3.block.2.conv1.weight");
    CHECK(in_file("decoder.up_blocks.3.resnets.0.conv_shortcut.weight") ==
          "decoder.up.0.block.0.nin_shortcut.weight");
    CHECK(in_file("decoder.up_blocks.2.upsamplers.0.conv.bias") ==
          "decoder.up.1.upsample.conv.bias");
    CHECK(in_file("decoder.up_blocks.0.attentions.1.to_v.weight") ==
          "decoder.up.3.attn.1.v.weight");
    CHECK(in_file("decoder.conv_out.bias") == "decoder.conv_out.bias");
}

TEST_CASE("old diffusers: names of attention, and of the samplers", "[keys]") {
    auto keys = keys_of(AutoencoderKLLayout::old_diffusers, "", 3);
    keys.old_samplers = true;
    const auto in_file = [&](const std::string& name) { return renamed(name, keys.rules()); };
    CHECK(in_file("decoder.mid_block.attentions.0.to_q.weight") ==
          "decoder.mid_block.attentions.0.query.weight");
    CHECK(in_file("decoder.mid_block.attentions.0.to_k.bias") ==
          "decoder.mid_block.attentions.0.key.bias");
    CHECK(in_file("decoder.mid_block.attentions.0.to_v.bias") ==
          "decoder.mid_block.attentions.0.value.bias");
    CHECK(in_file("decoder.mid_block.attentions.0.to_out.0.weight") ==
          "decoder.mid_block.attentions.0.proj_attn.weight");
    CHECK(in_file("decoder.mid_block.attentions.0.group_norm.weight") ==
          "decoder.mid_block.attentions.0.group_norm.weight");
    CHECK(in_file("encoder.down_blocks.0.downsamplers.0.conv.bias") ==
          "encoder.down_blocks.0.downsamplers.0.Conv2d_0.bias");

    auto tensors = kl_tensors(three_block_config(), form_of(keys));
    const auto alone = keys_found(tensors);
    CHECK(alone.old_samplers);
    CHECK(alone.twins.empty());
    CHECK(autoencoder_kl_tensors(tensors, alone)
              .contains("decoder.up_blocks.1.upsamplers.0.conv.weight"));

    // The oldest files have the same convolution under both names.
    keys.old_samplers = false;
    for (auto& tensor : kl_tensors(three_block_config(), form_of(keys))) {
        if (tensor.name.find("samplers") != std::string::npos) tensors.push_back(tensor);
    }
    const auto both = keys_found(tensors);
    CHECK_FALSE(both.old_samplers);
    CHECK(both.twins.size() == 8);
    CHECK(autoencoder_kl_tensors(tensors, both).size() ==
          kl_parameters(three_block_config()).size());
}

TEST_CASE("a half is found alone, and what stands beside is left out", "[keys]") {
    const auto decoder = keys_found(named({"decoder.conv_in.weight", "post_quant_conv.bias"}));
    CHECK(decoder.decoder);
    CHECK_FALSE(decoder.encoder);
    const auto encoder = keys_found(named({"x.encoder.conv_in.weight"}));
    CHECK(encoder.encoder);
    CHECK_FALSE(encoder.decoder);
    CHECK(encoder.prefix == "x.");

    auto tensors = kl_tensors(stable_diffusion_config(),
                              ldm_form(stable_diffusion_config(), "first_stage_model."));
    for (auto& tensor :
         named({"model.diffusion_model.input_blocks.0.0.weight", "model_ema.decay",
                "first_stage_model.loss.logvar", "first_stage_model.loss.discriminator.main.0",
                "first_stage_model.model_ema.decay", "other.decoder.conv_in.weight"})) {
        tensors.push_back(tensor);
    }
    const auto keys = keys_found(tensors);
    CHECK(keys.prefix == "first_stage_model.");
    const auto ours = autoencoder_kl_tensors(tensors, keys);
    CHECK(ours.size() == 248);
    for (const auto& request : kl_parameters(stable_diffusion_config())) {
        const auto found = ours.find(request.name);
        REQUIRE(found != ours.end());
        CHECK(found->second->shape.numel() == request.shape.numel());
    }
}

TEST_CASE("what is no AutoencoderKL has no keys", "[keys]") {
    CHECK_FALSE(find_autoencoder_kl_keys({}));
    CHECK_FALSE(find_autoencoder_kl_keys(
        named({"encoder.layers.0.weight", "", ".", "my_encoder.conv_in.weight",
               "encoder.conv_in.weight.x", "encoder.conv_in.conv.weight"})));
    // Numbers beyond all networks make no table.
    const auto keys = keys_found(
        named({"decoder.conv_in.weight", "decoder.up.99999999999.x", "decoder.up.-1.x"}));
    CHECK(keys.up_blocks == 0);
}
