#pragma once

#include "latent/parity/comparison.hpp"
#include "latent/parity/graph.hpp"
#include "latent/parity/samples.hpp"
#include "latent/parity/steps.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// Computing a step of the reference on the values of a subject: what the subject's module
/// should have made of what it got.

namespace latent {

/// What is changed in one step: another step in its place, what is done to its first
/// input before, and to its result after it.
struct Edit {
    std::string node = {};
    Step step = {};
    std::vector<Step> before = {}, after = {}; ///< of one input each, in order; sources unused
};

/// The steps between the values that a subject has and one of its outputs, last the output's
/// own. Most often that is one or two: the norm's output is there, the SiLU's is not.
using Region = std::vector<std::string>;

namespace detail {

/// Whether a value of three axes is [N, C, L], and not tokens.
[[nodiscard]] inline bool has_channels_first(const Recording& reference,
                                             const std::string& name) {
    const auto* const module = reference.module_of(name);
    return module != nullptr && module->class_name == "GroupNorm";
}

} // namespace detail

/// A subject's values under the reference's names and in its shapes.
class Replay {
public:
    Replay(const Recording& reference, const Graph& graph, const Parameters& parameters,
           const Subject& subject)
        : reference_(&reference), graph_(&graph), parameters_(&parameters), subject_(subject) {}

    /// Whether the subject has a node.
    [[nodiscard]] bool has(const std::string& node) const { return fits(node); }

    /// The subject's value of a node that it has, on the way to `target`; or a value that comes
    /// from outside: then the reference's.
    [[nodiscard]] Exact value(const std::string& node, const std::string& target) const {
        const auto name = holder(node, target);
        if (name.empty()) return reference_->read(node);
        auto got = subject_.recording->read(name);
        const auto shape = reference_->shape(node);
        if (name != node && got.shape() == shape) return got;
        auto fitted = arranged(std::move(got), reference_->shape(name), subject_.layout,
                               detail::has_channels_first(*reference_, name));
        if (!fitted)
            fail(subject_.recording->where + ": " + name, "another shape", "its twin's");
        return std::move(*fitted).reshaped(shape);
    }

    /// The steps that lead to a node from values that are there; nothing where one is unknown.
    [[nodiscard]] std::optional<Region> region(const std::string& node) const {
        Region nodes;
        std::set<std::string> seen;
        if (!collect(node, node, nodes, seen)) return std::nullopt;
        return nodes;
    }

    /// The steps that lead to a node from the inputs of modules, whatever the subject has.
    [[nodiscard]] Region made_of(const std::string& node) const {
        Region nodes;
        const auto* const step = graph_->step(node);
        if (step == nullptr || node.ends_with(":input")) return nodes;
        for (const auto& from : step->sources) {
            for (auto& name : made_of(from)) nodes.push_back(std::move(name));
        }
        nodes.push_back(node);
        return nodes;
    }

    /// What the region's last node should be, if it were not for the edits. `kept` has the
    /// region's other values without edits; without edits, they are put there.
    [[nodiscard]] Exact run(const Region& region, std::span<const Edit> edits,
                            std::map<std::string, Exact>& kept) const {
        return run_to(region, region, edits, kept);
    }

    /// The same at some places, where a product is computed at these places alone.
    [[nodiscard]] std::vector<double> run_at(const Region& region, std::span<const Edit> edits,
                                             std::span<const std::int64_t> places,
                                             std::map<std::string, Exact>& kept) const {
        const auto* const edit = edit_of(region.back(), edits);
        const auto& step = edit ? edit->step : *graph_->step(region.back());
        if (!step.is_product() || (edit && !edit->after.empty())) {
            return at_places(run(region, edits, kept), places);
        }
        std::map<std::string, Exact> made;
        const bool only_last = edit && edits.size() == 1;
        if (!only_last) {
            // The last of what comes before is the product's input.
            const auto before = std::span(region).first(region.size() - 1);
            made.insert_or_assign(before.back(), run_to(before, region, edits, kept));
        }
        auto x = source(step.sources[0], region, made, kept);
        if (edit) x = through(edit->before, std::move(x));
        const auto weight = detail::step_weight(step, *parameters_);
        const auto* const bias = (*parameters_)(step.module + ".bias");
        std::vector<double> values;
        for (const auto& e : compute_at(step, x, weight, bias, places)) {
            values.push_back(e.value);
        }
        return values;
    }

    [[nodiscard]] const Graph& graph() const { return *graph_; }
    [[nodiscard]] const Recording& reference() const { return *reference_; }
    [[nodiscard]] const Subject& subject() const { return subject_; }
    [[nodiscard]] const Parameters& parameters() const { return *parameters_; }

    /// A node's value in a region: the subject's, or one made on the way.
    [[nodiscard]] Exact source(const std::string& node, const Region& region,
                               const std::map<std::string, Exact>& made,
                               const std::map<std::string, Exact>& kept) const {
        for (const auto* const values : {&made, &kept}) {
            if (const auto found = values->find(node); found != values->end()) {
                return found->second.clone();
            }
        }
        return value(node, region.back());
    }

private:
    /// The value of the last of `nodes`, with which the region begins.
    [[nodiscard]] Exact run_to(std::span<const std::string> nodes, const Region& region,
                               std::span<const Edit> edits,
                               std::map<std::string, Exact>& kept) const {
        std::map<std::string, Exact> made;
        bool edited = false;
        for (const auto& node : nodes) {
            const auto* const edit = edit_of(node, edits);
            edited = edited || edit != nullptr;
            const bool last = node == nodes.back();
            if (!edited && !last && kept.contains(node)) continue;
            auto y = compute_edit(edit ? *edit : Edit{.step = graph_->steps.at(node)}, region,
                                  made, kept);
            if (last) return y;
            (edits.empty() ? kept : made).insert_or_assign(node, std::move(y));
        }
        fail(subject_.title, "no step", "at least one");
    }

    [[nodiscard]] static const Edit* edit_of(const std::string& node,
                                             std::span<const Edit> edits) {
        const auto found = std::ranges::find(edits, node, &Edit::node);
        return found == edits.end() ? nullptr : &*found;
    }

    [[nodiscard]] bool fits(const std::string& name) const {
        // What a module was given may be where the mistake is: it is made anew, and the run's
        // own input is the reference's.
        if (name.ends_with(":input")) return false;
        return subject_.recording->has(name) && reference_->has(name) &&
               subject_.recording->precision(name) != Precision::other &&
               detail::arrangement(subject_.recording->shape(name), reference_->shape(name),
                                   subject_.layout,
                                   detail::has_channels_first(*reference_, name));
    }

    /// The name under which the subject has a node on the way to `target`: its own, or that of
    /// a twin that was made before; or nothing.
    [[nodiscard]] std::string holder(const std::string& node, const std::string& target) const {
        if (node != target && fits(node)) return node;
        const auto found = graph_->twins.find(node);
        if (found == graph_->twins.end()) return {};
        const auto end = std::ranges::find(graph_->order, target);
        for (const auto& twin : found->second) {
            if (std::find(graph_->order.begin(), end, twin) != end && fits(twin)) return twin;
        }
        return {};
    }

    bool collect(const std::string& node, const std::string& target, Region& nodes,
                 std::set<std::string>& seen) const {
        const bool there = !holder(node, target).empty() || graph_->is_root.contains(node);
        if (node != target && there) return true;
        if (!seen.insert(node).second) return true;
        const auto* const step = graph_->step(node);
        if (step == nullptr || nodes.size() > 16) return false;
        for (const auto& from : step->sources) {
            if (!collect(from, target, nodes, seen)) return false;
        }
        nodes.push_back(node);
        return true;
    }

    [[nodiscard]] Exact compute_edit(const Edit& edit, const Region& region,
                                     const std::map<std::string, Exact>& made,
                                     const std::map<std::string, Exact>& kept) const {
        std::vector<Exact> inputs;
        std::vector<const Exact*> pointers;
        for (const auto& name : edit.step.sources) {
            inputs.push_back(source(name, region, made, kept));
        }
        inputs[0] = through(edit.before, std::move(inputs[0]));
        for (const auto& input : inputs) pointers.push_back(&input);
        return through(edit.after, compute(edit.step, pointers, *parameters_));
    }
    [[nodiscard]] Exact through(std::span<const Step> steps, Exact x) const {
        for (const auto& step : steps) {
            const Exact* const pointer = &x;
            x = compute(step, {&pointer, 1}, *parameters_);
        }
        return x;
    }

    const Recording* reference_;
    const Graph* graph_;
    const Parameters* parameters_;
    Subject subject_;
};

} // namespace latent
