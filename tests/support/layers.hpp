/// Holds a network against its stored tensors, layer by layer, through its trace.
#pragma once

#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/tensor/trace.hpp>
#include <latent/tensor/weights.hpp>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent::test {

/// A layer whose output is not compared, and why.
struct ExemptLayer {
    std::string path;
    std::string reason;
};
/// All of them, of every network: none.
[[nodiscard]] inline std::vector<ExemptLayer> exempt_layers() { return {}; }

/// Clones of what a trace reports, in order; the second call of a path is "path#2", as
/// generate/golden.py numbers them.
template <class Device>
class LayerOutputs {
public:
    void keep(std::string_view path, const Tensor<Device>& x) {
        std::string name(path);
        const auto calls = ++calls_[name];
        if (calls > 1) name += "#" + std::to_string(calls);
        outputs_.emplace_back(std::move(name), x.clone());
    }
    /// The trace itself.
    [[nodiscard]] auto trace() {
        return [this](std::string_view path, const Tensor<Device>& x) { keep(path, x); };
    }
    [[nodiscard]] const std::vector<std::pair<std::string, Tensor<Device>>>& outputs() const {
        return outputs_;
    }
    [[nodiscard]] std::set<std::string> names() const {
        std::set<std::string> names;
        for (const auto& output : outputs_) names.insert(output.first);
        return names;
    }

private:
    std::map<std::string, int> calls_;
    std::vector<std::pair<std::string, Tensor<Device>>> outputs_;
};

/// The modules whose parameters a constructor asked for, below `root`.
[[nodiscard]] inline std::set<std::string> modules_of(const Recorder& recorder,
                                                      const std::string& root) {
    std::set<std::string> modules;
    for (const auto& request : recorder.requests()) {
        const auto module = request.name.substr(0, request.name.rfind('.'));
        if (module == root || module.starts_with(root + ".")) modules.insert(module);
    }
    return modules;
}

/// What is in `a` and not in `b`, in words.
[[nodiscard]] inline std::string without(const std::set<std::string>& a,
                                         const std::set<std::string>& b) {
    std::string text;
    for (const auto& name : a) {
        if (!b.contains(name)) text += " " + name;
    }
    return text;
}

/// Checks a module against what is stored below the path `root`:
///   - every stored output is reported by the trace, and every reported one is stored;
///   - every module with parameters is among them;
///   - each output keeps the rule (judge): the module's own and those of its blocks to the
///     letter, those of the layers in them with more room;
///   - tracing changes no bit of the result.
/// `single` and `exact` run the same module in float and in double; each takes a trace. `meta`
/// has recorded the module's parameters.
template <class Single, class Exact>
void check_layers(const Golden& golden, const std::string& root, const Single& single,
                  const Exact& exact, const Recorder& meta) {
    INFO(golden.name() << " " << root);
    LayerOutputs<Cpu<float>> ours;
    LayerOutputs<Cpu<double>> truth;
    const auto result = single(ours.trace());
    CHECK(same_bits(result, single(NoTrace())));
    (void)exact(truth.trace());

    std::set<std::string> stored;
    for (const auto& name : golden.outputs()) {
        if (name == root || name.starts_with(root + ".")) stored.insert(name);
    }
    for (const auto& [path, reason] : exempt_layers()) {
        INFO("exempt: " << path << ": " << reason);
        CHECK_FALSE(stored.contains(path));
        stored.insert(path);
    }
    const auto seen = ours.names();
    CHECK_FALSE(seen.empty());
    CHECK(without(seen, stored) == "");                 // reported, but not stored
    CHECK(without(stored, seen) == "");                 // stored, but not reported
    CHECK(without(modules_of(meta, root), seen) == ""); // has parameters, but is not reported

    REQUIRE(ours.outputs().size() == truth.outputs().size());
    for (std::size_t i = 0; i < ours.outputs().size(); ++i) {
        const auto& [path, output] = ours.outputs()[i];
        REQUIRE(path == truth.outputs()[i].first);
        const auto within = seen.upper_bound(path + ".");
        const bool has_layers = within != seen.end() && within->starts_with(path + ".");
        const auto factor = path == root || has_layers ? rule_factor : inner_layer_factor;
        const auto verdict = judge(golden, path, output, truth.outputs()[i].second, factor);
        INFO(verdict.text);
        CHECK(verdict.good);
    }
}

} // namespace latent::test
