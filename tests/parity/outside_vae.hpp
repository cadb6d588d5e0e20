/// The outside port: an autoencoder of diffusers' AutoencoderKL, written as a stranger writes
/// it, with names of its own ("dec/x4/res0/n1") and without a line of this library. It dumps
/// what each layer gives, and can be made to get one thing wrong.
#pragma once

#include "parity/outside_arrays.hpp"

#include <cmath>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace outside {

/// Under torch's names, in torch's order: a checkpoint, read into memory.
using Weights = std::map<std::string, Floats>;

struct Settings {
    std::vector<int> widths;   ///< channels of each resolution, from the image inwards
    std::vector<bool> attends; ///< whether attention stands behind the resnets there
    int layers, groups, latents;
    int heads = 1;
    bool quantised = true;       ///< the two 1x1 convolutions around the latents
    float factor = 1, shift = 0; ///< a diffusion model sees (latents - shift) * factor
};

/// What ports get wrong. `value` is the wrong number where there is one.
enum class Slip {
    none,
    norm_eps,      ///< value in place of 1e-6
    norm_groups,   ///< value groups
    border_first,  ///< the downsampling's zeros above and left, not below and right
    border_around, ///< ... or on all sides
    no_activation,
    activation_twice,
    heads,             ///< value heads; the scale follows from them
    scale,             ///< the scores times value
    matrix_transposed, ///< x W in place of x W^T
    kernel_memory,     ///< a kernel's memory taken for `memory`
    entrance_layout,   ///< NCHW memory taken for NHWC
    tokens_planar,     ///< tokens put back as if channels lay outermost
    tokens_by_column,  ///< tokens put back column by column
    factor,            ///< value in place of the factor
    shift,             ///< value in place of the shift
    swapped,           ///< the weights under `at` and `other` exchanged
    attention_late,    ///< the middle's attention behind both of its resnets
    enlarged_bilinear,
    enlarged_tiled,
    // Behind these no tool has a name to look for.
    no_bias,
    residual_subtracted,
    variance_unbiased,
    weight_noise, ///< a relative error of about value in every weight
    tanh_for_silu,
};

/// One mistake. `at` names the layer as the port does, or is "*" for every layer of the kind;
/// for `swapped`, at and other are the beginnings of two names in the checkpoint.
struct Fault {
    Slip slip = Slip::none;
    std::string at = {};
    float value = 0;
    std::string other = {};
    Memory memory = Memory::oihw;
};

/// What a layer gave: the port's name for it, the checkpoint's for the layer, and the numbers.
/// The latter name is empty where torch has no module.
struct Dumped {
    std::string name, torch;
    Picture values;
    bool tokens = false; ///< the pixels are a list to the port, [n][h * w][c]
};

class Vae {
public:
    Vae(Settings settings, const Weights& weights, Numbers numbers = Numbers::single,
        Fault fault = {}, bool two_passes = true)
        : settings_(std::move(settings)),
          weights_(weights),
          numbers_(numbers),
          fault_(std::move(fault)),
          two_passes_(two_passes) {}

    /// What every layer gave, in the order of the run.
    [[nodiscard]] const std::vector<Dumped>& dump() const { return dump_; }

    /// Latents as the diffusion model leaves them, [n][latents][h][w], to images in [-1, 1].
    Picture decode(const Floats& latents, int n, int h, int w) {
        const float factor = slips(Slip::factor, "dec/z") ? fault_.value : settings_.factor;
        const float shift = slips(Slip::shift, "dec/z") ? fault_.value : settings_.shift;
        auto x = entrance("dec/z", latents, n, settings_.latents, h, w);
        for (auto& value : x.v) value = value / factor + shift;
        x = stored(std::move(x), numbers_);

        if (settings_.quantised) x = conv({"dec/pre", "post_quant_conv"}, x, 1);
        const Place at{"dec", "decoder"};
        x = conv(at("stem", "conv_in"), x, 3);
        x = middle(at("mid", "mid_block"), x);
        for (int level = levels() - 1; level >= 0; --level) {
            const auto stage =
                at(scale_name(level), "up_blocks." + std::to_string(levels() - 1 - level));
            x = resnets(stage, x, level, settings_.layers + 1);
            if (level > 0) x = up(stage, x);
        }
        return head(at, x);
    }

    /// Images [n][3][h][w] in [-1, 1] to the moments of their latents.
    Picture encode(const Floats& images, int n, int h, int w) {
        auto x = stored(entrance("enc/image", images, n, 3, h, w), numbers_);
        const Place at{"enc", "encoder"};
        x = conv(at("stem", "conv_in"), x, 3);
        for (int level = 0; level < levels(); ++level) {
            const auto stage = at(scale_name(level), "down_blocks." + std::to_string(level));
            x = resnets(stage, x, level, settings_.layers);
            if (level + 1 < levels()) x = down(stage, x);
        }
        x = middle(at("mid", "mid_block"), x);
        x = head(at, x);
        return settings_.quantised ? conv({"enc/post", "quant_conv"}, x, 1) : x;
    }

private:
    /// A layer's two names.
    struct Place {
        std::string name, key;
        Place operator()(const std::string& n, const std::string& k) const {
            return {name + "/" + n, key + "." + k};
        }
    };

    [[nodiscard]] int levels() const { return static_cast<int>(settings_.widths.size()); }
    [[nodiscard]] static std::string scale_name(int level) {
        return "x" + std::to_string(1 << level);
    }
    [[nodiscard]] bool slips(Slip slip, const std::string& name) const {
        return fault_.slip == slip && (fault_.at == "*" || fault_.at == name);
    }

    Picture keep(const Place& at, Picture x, bool tokens = false) {
        x = stored(std::move(x), numbers_);
        dump_.push_back({at.name, at.key, x, tokens});
        return x;
    }

    [[nodiscard]] Floats weight(std::string key, const std::string& place,
                                const std::string& name) const {
        if (fault_.slip == Slip::swapped) {
            const bool first = key.starts_with(fault_.at + ".");
            const bool second = key.starts_with(fault_.other + ".");
            if (first) key = fault_.other + key.substr(fault_.at.size());
            if (second) key = fault_.at + key.substr(fault_.other.size());
        }
        const auto found = weights_.find(key);
        if (found == weights_.end()) throw std::runtime_error(place + " lacks " + key);
        auto values = found->second;
        if (slips(Slip::weight_noise, place) && name == "weight") {
            unsigned state = 12345; // Marsaglia's xorshift
            for (auto& value : values) {
                state ^= state << 13U;
                state ^= state >> 17U;
                state ^= state << 5U;
                const float unit = static_cast<float>(state >> 8U) / 8388608.0F - 1;
                value *= 1 + 1.7F * fault_.value * unit;
            }
        }
        for (auto& value : values) value = stored(value, numbers_);
        return values;
    }
    [[nodiscard]] Floats weight(const Place& at) const {
        return weight(at.key + ".weight", at.name, "weight");
    }
    [[nodiscard]] Floats bias(const Place& at) const {
        auto values = weight(at.key + ".bias", at.name, "bias");
        if (slips(Slip::no_bias, at.name)) values.assign(values.size(), 0);
        return values;
    }

    [[nodiscard]] Picture entrance(const std::string& name, const Floats& planar, int n, int c,
                                   int h, int w) const {
        Picture x(n, h, w, c);
        if (slips(Slip::entrance_layout, name)) {
            x.v = planar;
            return x;
        }
        std::size_t next = 0;
        for (int image = 0; image < n; ++image) {
            for (int channel = 0; channel < c; ++channel) {
                for (int p = 0; p < h * w; ++p)
                    x.pixel(image, 0, 0)[p * c + channel] = planar[next++];
            }
        }
        return x;
    }

    Picture conv(const Place& at, const Picture& x, int size, int stride = 1) {
        const auto b = bias(at);
        const int out = static_cast<int>(b.size()), rim = size / 2;
        const auto memory = slips(Slip::kernel_memory, at.name) ? fault_.memory : Memory::oihw;
        Border border{rim, rim, rim, rim};
        if (stride == 2) {
            border = {0, 1, 0, 1};
            if (slips(Slip::border_first, at.name)) border = {1, 0, 1, 0};
            if (slips(Slip::border_around, at.name)) border = {1, 1, 1, 1};
        }
        return keep(at, convolved(x, taps(weight(at), out, x.c, size, memory), b, size, stride,
                                  border));
    }

    Picture norm(const Place& at, const Picture& x) {
        Norm norm{settings_.groups, 1e-6F, slips(Slip::variance_unbiased, at.name),
                  two_passes_};
        if (slips(Slip::norm_eps, at.name)) norm.eps = fault_.value;
        if (slips(Slip::norm_groups, at.name)) norm.groups = static_cast<int>(fault_.value);
        return keep(at, normalised(x, norm, weight(at), bias(at)));
    }

    Picture activation(const Place& block, const std::string& name, Picture x) {
        const Place at{block.name + "/" + name, ""};
        if (slips(Slip::no_activation, at.name)) return x;
        if (slips(Slip::tanh_for_silu, at.name)) return keep(at, tanh_of(std::move(x)));
        if (slips(Slip::activation_twice, at.name)) x = stored(silu(std::move(x)), numbers_);
        return keep(at, silu(std::move(x)));
    }

    Picture resnet(const Place& at, const Picture& x, int out) {
        auto h = activation(at, "a1", norm(at("n1", "norm1"), x));
        h = conv(at("c1", "conv1"), h, 3);
        h = activation(at, "a2", norm(at("n2", "norm2"), h));
        h = conv(at("c2", "conv2"), h, 3);
        const auto side = x.c == out ? x : conv(at("skip", "conv_shortcut"), x, 1);
        const float sign = slips(Slip::residual_subtracted, at.name) ? -1.0F : 1.0F;
        return keep(at, sum(std::move(h), side, sign));
    }

    Picture linear(const Place& at, const Picture& x) {
        return keep(at, dense(x, weight(at), bias(at), slips(Slip::matrix_transposed, at.name)),
                    true);
    }

    Picture attention(const Place& at, const Picture& x) {
        const int heads =
            slips(Slip::heads, at.name) ? static_cast<int>(fault_.value) : settings_.heads;
        float scale = 1 / std::sqrt(static_cast<float>(x.c / heads));
        if (slips(Slip::scale, at.name)) scale = fault_.value;
        const auto tokens = norm(at("norm", "group_norm"), x);
        const auto q = linear(at("query", "to_q"), tokens);
        const auto k = linear(at("key", "to_k"), tokens);
        const auto v = linear(at("value", "to_v"), tokens);
        const auto mixed =
            keep({at.name + "/mixed", ""}, attended(q, k, v, heads, scale, numbers_), true);
        const auto h = linear(at("proj", "to_out.0"), mixed);
        return keep(at, sum(as_picture(at.name, h), x));
    }

    /// The list of pixels as a picture again.
    [[nodiscard]] Picture as_picture(const std::string& name, const Picture& list) const {
        auto x = list;
        const bool planar = slips(Slip::tokens_planar, name);
        if (!planar && !slips(Slip::tokens_by_column, name)) return x;
        for (int n = 0; n < x.n; ++n) {
            for (int p = 0; p < x.h * x.w; ++p) {
                for (int i = 0; i < x.c; ++i) {
                    const int by_column = (p % x.w * x.h + p / x.w) * x.c + i;
                    const int from = planar ? i * x.h * x.w + p : by_column;
                    x.pixel(n, 0, 0)[p * x.c + i] = list.pixel(n, 0, 0)[from];
                }
            }
        }
        return x;
    }

    Picture resnets(const Place& stage, Picture x, int level, int count) {
        const auto width = settings_.widths[static_cast<std::size_t>(level)];
        for (int i = 0; i < count; ++i) {
            const auto number = std::to_string(i);
            x = resnet(stage("res" + number, "resnets." + number), x, width);
            if (!settings_.attends[static_cast<std::size_t>(level)]) continue;
            x = attention(stage("attn" + number, "attentions." + number), x);
        }
        return x;
    }

    Picture middle(const Place& at, const Picture& x) {
        auto h = resnet(at("res0", "resnets.0"), x, x.c);
        const bool late = slips(Slip::attention_late, at.name);
        if (!late) h = attention(at("attn0", "attentions.0"), h);
        h = resnet(at("res1", "resnets.1"), h, x.c);
        return late ? attention(at("attn0", "attentions.0"), h) : h;
    }

    Picture down(const Place& stage, const Picture& x) {
        return conv(stage("down", "downsamplers.0.conv"), x, 3, 2);
    }

    Picture up(const Place& stage, const Picture& x) {
        const auto at = stage("up", "upsamplers.0.conv");
        auto how = Enlarging::repeated;
        if (slips(Slip::enlarged_bilinear, at.name)) how = Enlarging::bilinear;
        if (slips(Slip::enlarged_tiled, at.name)) how = Enlarging::tiled;
        return conv(at, keep({at.name + "/big", ""}, enlarged(x, how)), 3);
    }

    Picture head(const Place& at, const Picture& x) {
        auto h = norm(at("head/norm", "conv_norm_out"), x);
        h = activation(at("head", ""), "act", std::move(h));
        return conv(at("head/conv", "conv_out"), h, 3);
    }

    Settings settings_;
    const Weights& weights_;
    Numbers numbers_;
    Fault fault_;
    bool two_passes_;
    std::vector<Dumped> dump_;
};

} // namespace outside
