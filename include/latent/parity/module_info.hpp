#pragma once

#include "latent/blocks/attention.hpp"
#include "latent/layers/conv2d.hpp"
#include "latent/layers/group_norm.hpp"
#include "latent/layers/linear.hpp"

#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace latent {

/// What a module is: torch's class and the settings that its arithmetic depends on, under
/// torch's names. So a module of ours and one that was recorded in PyTorch read alike.
///   Conv2d       in_channels, out_channels, kernel_size [h, w], stride [h, w],
///                padding [top, bottom, left, right]
///   GroupNorm    num_groups, num_channels, eps
///   Linear       in_features, out_features
///   Attention    heads, scale (of q k^T)
///   LeakyReLU    negative_slope
///   others       nothing
/// The parameters of a module at the path P are named P.weight and P.bias.
struct ModuleInfo {
    std::string path;
    std::string class_name;
    std::map<std::string, std::vector<double>> settings;

    /// A setting of one number, or `otherwise` where there is none.
    [[nodiscard]] double setting(const std::string& name, double otherwise = 0) const {
        const auto found = settings.find(name);
        return found == settings.end() || found->second.empty() ? otherwise
                                                                : found->second.front();
    }
};

namespace detail {

template <class Device>
[[nodiscard]] std::map<std::string, std::vector<double>>
settings_of(const Conv2d<Device>& conv) {
    const auto& g = conv.kernel.geometry();
    const auto& pad = g.options.padding;
    const auto number = [](auto value) { return static_cast<double>(value); };
    return {{"in_channels", {number(g.in_channels)}},
            {"out_channels", {number(g.out_channels)}},
            {"kernel_size", {number(g.kernel_h), number(g.kernel_w)}},
            {"stride", {number(g.options.stride[0]), number(g.options.stride[1])}},
            {"padding",
             {number(pad.top), number(pad.bottom), number(pad.left), number(pad.right)}}};
}
template <class Device>
[[nodiscard]] std::map<std::string, std::vector<double>>
settings_of(const GroupNorm<Device>& norm) {
    return {{"num_groups", {static_cast<double>(norm.config.num_groups)}},
            {"num_channels", {static_cast<double>(norm.config.num_channels)}},
            {"eps", {norm.config.eps}}};
}
template <class Device>
[[nodiscard]] std::map<std::string, std::vector<double>>
settings_of(const Linear<Device>& linear) {
    return {{"in_features", {static_cast<double>(linear.weight.dim(1))}},
            {"out_features", {static_cast<double>(linear.weight.dim(0))}}};
}
template <class Device>
[[nodiscard]] std::map<std::string, std::vector<double>>
settings_of(const Attention<Device>& attention) {
    const auto heads = static_cast<double>(attention.heads);
    const auto channels = static_cast<double>(attention.to_q.weight.dim(0));
    return {{"heads", {heads}}, {"scale", {1 / std::sqrt(channels / heads)}}};
}
template <class Module>
[[nodiscard]] std::map<std::string, std::vector<double>> settings_of(const Module&) {
    return {};
}

} // namespace detail

/// What a module of ours is.
template <class Module>
[[nodiscard]] ModuleInfo describe(const Module& module) {
    return {module.path, std::string(Module::class_name), detail::settings_of(module)};
}

} // namespace latent
