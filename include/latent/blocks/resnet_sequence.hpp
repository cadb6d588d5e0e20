#pragma once

#include "latent/blocks/attention.hpp"
#include "latent/blocks/resnet_block_2d.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What one resolution of an autoencoder has on the way down as on the way up: resnets, each
/// with an attention behind it or without.

namespace latent {

/// The number of heads whose size is `head_dim` channels. Throws Error for no whole number.
[[nodiscard]] inline std::int64_t heads_of(std::string_view where, std::int64_t channels,
                                           std::int64_t head_dim) {
    if (head_dim >= 1 && channels % head_dim == 0) return channels / head_dim;
    fail(where, "attention_head_dim " + std::to_string(head_dim),
         "a divisor of the " + std::to_string(channels) + " channels");
}

/// Throws Error for fewer than `least` layers.
inline void require_layers(std::string_view where, std::int64_t num_layers,
                           std::int64_t least) {
    if (num_layers >= least) return;
    fail(where, "num_layers " + std::to_string(num_layers),
         "at least " + std::to_string(least));
}

/// Constructs resnets.N and attentions.N in torch's order, one after the other.
/// `Config` has in_channels, out_channels, num_layers, resnet_groups, resnet_act_fn and
/// attention_head_dim, the channels of a head, which is 0 for no attention.
template <class Device, class Config>
void add_resnets(const Weights& w, const Config& config,
                 std::vector<ResnetBlock2D<Device>>& resnets,
                 std::vector<Attention<Device>>& attentions) {
    require_layers(w.path(), config.num_layers, 1);
    auto channels = config.in_channels;
    for (std::size_t i = 0; i < static_cast<std::size_t>(config.num_layers); ++i) {
        resnets.emplace_back(w["resnets"][i],
                             ResnetBlock2DConfig{.in_channels = channels,
                                                 .out_channels = config.out_channels,
                                                 .groups = config.resnet_groups,
                                                 .act_fn = config.resnet_act_fn});
        channels = config.out_channels;
        if (config.attention_head_dim == 0) continue;
        attentions.emplace_back(
            w["attentions"][i],
            AttentionConfig{.query_dim = channels,
                            .heads = heads_of(w.path(), channels, config.attention_head_dim),
                            .norm_num_groups = config.resnet_groups});
    }
}

/// x through resnets.0, attentions.0, resnets.1 and so on.
template <class Device, Observer<Device> Trace>
[[nodiscard]] Tensor<Device> run_resnets(const std::vector<ResnetBlock2D<Device>>& resnets,
                                         const std::vector<Attention<Device>>& attentions,
                                         Tensor<Device> x, const Trace& trace) {
    for (std::size_t i = 0; i < resnets.size(); ++i) {
        x = resnets[i].forward(std::move(x), trace);
        if (!attentions.empty()) x = attentions[i].forward(x, trace);
    }
    return x;
}

} // namespace latent
