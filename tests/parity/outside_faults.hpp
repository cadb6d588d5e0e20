/// Two architectures of the outside port, which parity was not tuned on; what of a run each of
/// them dumps; and twenty mistakes in each, with the row where it must be found and the name
/// of its cause.
///
/// The row is the first one, in the order of the run, among those that are dumped and whose
/// numbers the mistake changes. A mistake in a layer that is not dumped is found at the next
/// one. outside_port_test.cpp holds the tables to that rule without any help of parity.
#pragma once

#include "parity/outside_vae.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace outside {

/// A checkpoint's tensors made larger, which the right network stands: name, factor.
using Louder = std::vector<std::pair<std::string, float>>;

struct Planted {
    std::string title;
    bool decodes; ///< else it encodes
    Fault fault;
    std::string row;
    std::vector<std::string> causes; ///< any of these is right; empty: "unknown"
    Numbers numbers = Numbers::single;
    Louder louder = {};
};

struct Architecture {
    std::string name;
    Settings settings;
    std::uint64_t seed;
    int latent_h, latent_w;
    bool keeps_batch_axis; ///< dumps [1, H, W, C], not [H, W, C]
    bool lists_tokens;     ///< dumps what attention computes as [L, C]
    /// torch's name of an output that is dumped; empty for one that torch has no name for, and
    /// nothing where the port does not dump it.
    std::function<std::optional<std::string>(const Dumped&)> row;

    [[nodiscard]] int scale() const { return 1 << (settings.widths.size() - 1); }
};

[[nodiscard]] inline bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// Two heads, attention in the lowest resolution too. It dumps nearly all, and some more than
/// torch has modules for.
[[nodiscard]] inline Architecture narrow() {
    const auto row = [](const Dumped& layer) -> std::optional<std::string> {
        const auto& name = layer.name;
        if (layer.torch.empty() && !has(name, "x2/")) return std::nullopt;
        const bool gap = (has(name, "dec/x2/") && has(name, "/n2")) || has(name, "/key") ||
                         (has(name, "enc/x1/") && has(name, "/n1")) ||
                         name == "dec/mid/res1/c1" || name == "dec/x4/attn1/proj" ||
                         name == "enc/x4/attn0/norm";
        if (gap) return std::nullopt;
        return layer.torch;
    };
    return {.name = "narrow",
            .settings = {.widths = {24, 40, 40},
                         .attends = {false, false, true},
                         .layers = 2,
                         .groups = 8,
                         .latents = 4,
                         .heads = 2,
                         .quantised = true,
                         .factor = 0.18215F},
            .seed = 5,
            .latent_h = 5,
            .latent_w = 4,
            .keeps_batch_axis = false,
            .lists_tokens = true,
            .row = row};
}

/// Four resolutions, three latent channels, nothing around them. Its layers are fused: it dumps
/// norms in the middle alone, never a second convolution, and of attention the end.
[[nodiscard]] inline Architecture deep() {
    const auto row = [](const Dumped& layer) -> std::optional<std::string> {
        const auto& name = layer.name;
        if (has(name, "/mixed")) return "";
        if (layer.torch.empty()) return std::nullopt;
        if (has(name, "/attn0/") || has(name, "/c2") || has(name, "/head/norm")) {
            return std::nullopt;
        }
        if ((has(name, "/n1") || has(name, "/n2")) && !has(name, "/mid/")) return std::nullopt;
        // The end of a stage, and of all.
        const auto without = [&](const std::string& tail) {
            return layer.torch.substr(0, layer.torch.size() - tail.size());
        };
        if (has(name, "/up")) return without(".upsamplers.0.conv");
        if (has(name, "/down")) return without(".conv");
        if (has(name, "/head/conv")) return without(".conv_out");
        return layer.torch;
    };
    return {.name = "deep",
            .settings = {.widths = {12, 24, 24, 36},
                         .attends = {false, false, false, false},
                         .layers = 1,
                         .groups = 6,
                         .latents = 3,
                         .heads = 1,
                         .quantised = false,
                         .factor = 1.5305F,
                         .shift = 0.0609F},
            .seed = 6,
            .latent_h = 3,
            .latent_w = 2,
            .keeps_batch_axis = true,
            .lists_tokens = false,
            .row = row};
}

/// narrow's mistakes. With one head, as a checkpoint's config has it, two of them are others.
[[nodiscard]] inline std::vector<Planted> faults_of_narrow(const Settings& settings) {
    const bool one_head = settings.heads == 1;
    const float scale = one_head ? 1 / 40.0F : 1 / std::sqrt(40.0F);
    const std::string mid = "decoder.mid_block.", up = "decoder.up_blocks.";
    const std::string down = "encoder.down_blocks.", attention = "mid_block.attentions.0";
    return {
        {"torch's default eps in every norm",
         true,
         {Slip::norm_eps, "*", 1e-5F},
         mid + "resnets.0.norm1",
         {"GroupNorm eps"}},
        {"Keras' default eps before attention",
         false,
         {Slip::norm_eps, "enc/mid/attn0/norm", 1e-3F},
         "encoder." + attention + ".group_norm",
         {"GroupNorm eps"}},
        {"4 groups at the end",
         true,
         {Slip::norm_groups, "dec/head/norm", 4},
         "decoder.conv_norm_out",
         {"group count"}},
        {"zeros above and left of a halving",
         false,
         {Slip::border_first, "enc/x1/down"},
         down + "0.downsamplers.0.conv",
         {"padding side"}},
        {"zeros around a halving",
         false,
         {Slip::border_around, "enc/x2/down"},
         down + "1.downsamplers.0.conv",
         {"padding side"}},
        {"no activation at the end",
         true,
         {Slip::no_activation, "dec/head/act"},
         "decoder.conv_out",
         {"missing activation"}},
        {"activation twice",
         true,
         {Slip::activation_twice, "dec/x4/res1/a1"},
         up + "0.resnets.1.conv1",
         {"doubled activation"}},
        {"another number of heads",
         true,
         {Slip::heads, "dec/mid/attn0", one_head ? 5.0F : 1.0F},
         "decoder." + attention + ".to_out.0",
         {"head count"}},
        {one_head ? "scale applied twice" : "scale of all channels, not of a head's",
         true,
         {Slip::scale, "dec/x4/attn1", scale},
         up + "0.attentions.1",
         {"attention scale"}},
        {"W in place of W^T",
         true,
         {Slip::matrix_transposed, "dec/mid/attn0/value"},
         "decoder." + attention + ".to_v",
         {"transposed weight"}},
        {"OIHW taken for OHWI",
         true,
         {.slip = Slip::kernel_memory, .at = "dec/x2/res1/c1", .memory = Memory::ohwi},
         up + "1.resnets.1.conv1",
         {"permuted weight"}},
        {"rows and columns of a kernel",
         false,
         {.slip = Slip::kernel_memory, .at = "enc/stem", .memory = Memory::oiwh},
         "encoder.conv_in",
         {"permuted weight", "transposed weight"}},
        {"latents in NCHW taken for NHWC",
         true,
         {Slip::entrance_layout, "dec/z"},
         "post_quant_conv",
         {"wrong layout"}},
        {"tokens put back as NCHW",
         true,
         {Slip::tokens_planar, "dec/mid/attn0"},
         "decoder." + attention,
         {"wrong layout"}},
        {"a convolution beyond 65504",
         true,
         {},
         up + "1.resnets.1.conv2",
         {"half overflow"},
         Numbers::half,
         {{up + "1.resnets.1.conv2.weight", 8e4F}}},
        {"latents not divided by the factor",
         true,
         {Slip::factor, "dec/z", 1},
         "post_quant_conv",
         {"scaling factor"}},
        {"norm1 and norm2 exchanged",
         true,
         {.slip = Slip::swapped,
          .at = up + "0.resnets.2.norm1",
          .other = up + "0.resnets.2.norm2"},
         up + "0.resnets.2.norm1",
         {"swapped modules"}},
        {"query and key exchanged",
         false,
         {.slip = Slip::swapped,
          .at = "encoder." + attention + ".to_q",
          .other = "encoder." + attention + ".to_k"},
         "encoder." + attention + ".to_q",
         {"swapped modules"}},
        {"bilinear enlargement",
         true,
         {Slip::enlarged_bilinear, "dec/x4/up"},
         up + "0.upsamplers.0.conv",
         {"wrong upsampling"}},
        {"attention behind both resnets",
         true,
         {Slip::attention_late, "dec/mid"},
         "decoder." + attention + ".group_norm",
         {"swapped modules"}},
    };
}

[[nodiscard]] inline std::vector<Planted> faults_of_deep(const Settings&) {
    const std::string up = "decoder.up_blocks.", down = "encoder.down_blocks.";
    const std::string attention = "mid_block.attentions.0";
    return {
        {"torch's default eps in every norm",
         false,
         {Slip::norm_eps, "*", 1e-5F},
         down + "0.resnets.0.conv1",
         {"GroupNorm eps"}},
        {"Keras' default eps at the end",
         true,
         {Slip::norm_eps, "dec/head/norm", 1e-3F},
         "decoder",
         {"GroupNorm eps"}},
        {"groups of 6, not 6 groups",
         true,
         {Slip::norm_groups, "dec/x2/res1/n1", 4},
         up + "2.resnets.1.conv1",
         {"group count"}},
        {"zeros above and left of a halving",
         false,
         {Slip::border_first, "enc/x4/down"},
         down + "2.downsamplers.0",
         {"padding side"}},
        {"zeros around a halving",
         false,
         {Slip::border_around, "enc/x1/down"},
         down + "0.downsamplers.0",
         {"padding side"}},
        {"no second activation",
         true,
         {Slip::no_activation, "dec/x2/res0/a2"},
         up + "2.resnets.0",
         {"missing activation"}},
        {"activation twice",
         false,
         {Slip::activation_twice, "enc/x2/res0/a1"},
         down + "1.resnets.0.conv1",
         {"doubled activation"}},
        {"4 heads",
         true,
         {Slip::heads, "dec/mid/attn0", 4},
         "decoder." + attention,
         {"head count"}},
        {"scores not scaled",
         false,
         {Slip::scale, "enc/mid/attn0", 1},
         "encoder." + attention,
         {"attention scale"}},
        {"W in place of W^T",
         true,
         {Slip::matrix_transposed, "dec/mid/attn0/proj"},
         "decoder." + attention,
         {"transposed weight"}},
        {"OIHW taken for HWIO",
         true,
         {.slip = Slip::kernel_memory, .at = "dec/stem", .memory = Memory::hwio},
         "decoder.conv_in",
         {"permuted weight"}},
        {"a shortcut's weight taken for [in][out]",
         false,
         {.slip = Slip::kernel_memory, .at = "enc/x2/res0/skip", .memory = Memory::hwio},
         down + "1.resnets.0.conv_shortcut",
         {"permuted weight", "transposed weight"}},
        {"tokens put back column by column",
         true,
         {Slip::tokens_by_column, "dec/mid/attn0"},
         "decoder." + attention,
         {"wrong layout"}},
        {"an image in NCHW taken for NHWC",
         false,
         {Slip::entrance_layout, "enc/image"},
         "encoder.conv_in",
         {"wrong layout"}},
        {"scores beyond 65504",
         false,
         {},
         "encoder." + attention,
         {"half overflow"},
         Numbers::half,
         {{"encoder." + attention + ".to_q.weight", 200},
          {"encoder." + attention + ".to_k.weight", 200}}},
        {"another model's factor",
         true,
         {Slip::factor, "dec/z", 0.18215F},
         "decoder.conv_in",
         {"scaling factor"}},
        {"shift forgotten",
         true,
         {Slip::shift, "dec/z", 0},
         "decoder.conv_in",
         {"scaling factor"}},
        {"conv1 and conv2 exchanged",
         true,
         {.slip = Slip::swapped,
          .at = up + "3.resnets.1.conv1",
          .other = up + "3.resnets.1.conv2"},
         up + "3.resnets.1.conv1",
         {"swapped modules"}},
        {"two resnets exchanged",
         true,
         {.slip = Slip::swapped, .at = up + "2.resnets.0", .other = up + "2.resnets.1"},
         up + "2.resnets.0.conv1",
         {"swapped modules"}},
        {"enlarged by standing there four times",
         true,
         {Slip::enlarged_tiled, "dec/x4/up"},
         up + "1",
         {"wrong upsampling"}},
    };
}

/// Mistakes that are none of the list: the right name for them is "unknown". `stage` is the
/// block of the decoder at half the size of the image.
[[nodiscard]] inline std::vector<Planted>
faults_of_no_name(const std::string& stage, const std::string& norm, const std::string& end) {
    return {
        {"a bias forgotten",
         true,
         {Slip::no_bias, "dec/x2/res0/c1"},
         stage + ".resnets.0.conv1",
         {}},
        {"residual subtracted",
         true,
         {Slip::residual_subtracted, "dec/mid/res1"},
         "decoder.mid_block.resnets.1",
         {}},
        {"unbiased variance", true, {Slip::variance_unbiased, "*"}, norm, {}},
        {"weights off by 1 %",
         true,
         {Slip::weight_noise, "dec/x2/res1/c1", 0.01F},
         stage + ".resnets.1.conv1",
         {}},
        {"tanh in place of SiLU", true, {Slip::tanh_for_silu, "dec/head/act"}, end, {}},
    };
}

[[nodiscard]] inline std::vector<Planted> faults_of(const Architecture& architecture) {
    return architecture.name == "narrow" ? faults_of_narrow(architecture.settings)
                                         : faults_of_deep(architecture.settings);
}
[[nodiscard]] inline std::vector<Planted> unnamed_faults_of(const Architecture& architecture) {
    const std::string norm = "decoder.mid_block.resnets.0.norm1";
    return architecture.name == "narrow"
               ? faults_of_no_name("decoder.up_blocks.1", norm, "decoder.conv_out")
               : faults_of_no_name("decoder.up_blocks.2", norm, "decoder");
}

} // namespace outside
