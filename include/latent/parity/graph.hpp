#pragma once

#include "latent/parity/recording.hpp"
#include "latent/parity/samples.hpp"
#include "latent/parity/steps.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// How a network's values are made of one another, found out from one recording of it. Nobody
/// has to say that a SiLU stands between a norm and a convolution: the convolution's input is
/// the SiLU of the norm's output, number by number.

namespace latent {

/// A network as the steps that make each value. Nodes are the names of a recording: outputs,
/// and the inputs of modules.
struct Graph {
    std::vector<std::string> order;      ///< all nodes, in the order of execution
    std::map<std::string, Step> steps;   ///< of the nodes whose making is known
    std::map<std::string, bool> is_root; ///< nodes that come from outside: the run's inputs
    /// Nodes that hold a node's values under another name, such as a block's output that is its
    /// last layer's.
    std::map<std::string, std::vector<std::string>> twins;

    [[nodiscard]] const Step* step(const std::string& node) const {
        const auto found = steps.find(node);
        return found == steps.end() ? nullptr : &found->second;
    }
};

namespace detail {

/// Inputs and outputs in the order of execution: an input stands before what its module's
/// layers give.
[[nodiscard]] inline std::vector<std::string> nodes_in_order(const Recording& recording) {
    const auto& order = recording.order;
    std::vector<std::vector<std::string>> before(order.size());
    for (std::size_t i = order.size(); i-- > 0;) {
        const auto inside = path_of(order[i]) + ".";
        auto first = i;
        while (first > 0 && order[first - 1].starts_with(inside)) --first;
        const auto input = order[i] + ":input";
        // Going backwards, an outer module comes before the ones in it.
        if (recording.has(input)) before[first].push_back(input);
    }
    std::vector<std::string> nodes;
    for (std::size_t i = 0; i < order.size(); ++i) {
        nodes.insert(nodes.end(), before[i].begin(), before[i].end());
        nodes.push_back(order[i]);
    }
    return nodes;
}

/// A setting that counts something; -1 for what cannot.
[[nodiscard]] inline std::int64_t whole(double value) {
    constexpr double most = 1 << 24;
    return value >= 0 && value <= most ? static_cast<std::int64_t>(value) : -1;
}

/// The step that a layer with parameters is, by its class and settings.
[[nodiscard]] inline std::optional<Step> step_of(const ModuleInfo& module, std::string input,
                                                 const Shape& shape) {
    Step step{.sources = {std::move(input)}, .shape = shape, .module = module.path};
    const auto numbers = [&](const std::string& name, std::size_t count) {
        const auto found = module.settings.find(name);
        std::vector<std::int64_t> values;
        if (found == module.settings.end()) return values;
        for (const auto value : found->second) values.push_back(whole(value));
        while (!values.empty() && values.size() < count) values.push_back(values.back());
        return values;
    };
    if (module.class_name == "Conv2d") {
        const auto stride = numbers("stride", 2), padding = numbers("padding", 4);
        const bool plain =
            module.setting("groups", 1) == 1 && module.setting("dilation", 1) == 1;
        if (!plain || stride.size() < 2 || padding.size() < 4) return std::nullopt;
        step.op = Step::Op::conv2d;
        step.stride = {stride[0], stride[1]};
        step.padding = {
            .left = padding[2], .right = padding[3], .top = padding[0], .bottom = padding[1]};
    } else if (module.class_name == "GroupNorm") {
        step.op = Step::Op::group_norm;
        step.groups = whole(module.setting("num_groups"));
        step.eps = module.setting("eps", 1e-5);
    } else if (module.class_name == "Linear") {
        step.op = Step::Op::linear;
    } else {
        return std::nullopt;
    }
    return step;
}

} // namespace detail

} // namespace latent
