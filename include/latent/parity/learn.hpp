#pragma once

#include "latent/parity/graph.hpp"
#include "latent/parity/moves.hpp"
#include "latent/parity/recording.hpp"
#include "latent/parity/samples.hpp"
#include "latent/parity/steps.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace latent {

/// Learns the graph of a recording.
class Learner {
public:
    Learner(const Recording& recording, const Parameters& parameters)
        : recording_(&recording), parameters_(&parameters) {}

    [[nodiscard]] Graph learn() {
        graph_.order = detail::nodes_in_order(*recording_);
        bool made = false; // whether an output has come
        for (std::size_t i = 0; i < graph_.order.size(); ++i) {
            const auto& node = graph_.order[i];
            const bool is_input = node.ends_with(":input");
            if (recording_->precision(node) != Precision::other) {
                if (auto step = find(node, i)) {
                    if (step->op == Step::Op::pass) {
                        graph_.twins[step->sources[0]].push_back(node);
                    }
                    graph_.steps[node] = std::move(*step);
                } else if (is_input && !made) {
                    graph_.is_root[node] = true;
                }
            }
            made = made || !is_input;
        }
        return std::move(graph_);
    }

private:
    static constexpr std::int64_t sample_count = 128;
    static constexpr std::size_t recent = 6; ///< nodes that are tried at full length

    struct Node {
        Shape shape;
        std::vector<double> samples;
    };

    const Node& node(const std::string& name) {
        const auto [found, is_new] = nodes_.try_emplace(name);
        if (is_new) {
            const auto x = recording_->read(name);
            found->second = {x.shape(), at_places(x, sample_places(x.numel(), sample_count))};
        }
        return found->second;
    }

    /// What the roundings of the recording may do to a value that is computed again, once it is
    /// rounded as the recording is. Half precision rounds so much that only the same numbers,
    /// but for a few, are the same value.
    [[nodiscard]] double tolerance(const std::string& name) const {
        const auto precision = recording_->precision(name);
        const bool coarse = unit_roundoff(precision) > unit_roundoff(Precision::f32);
        return (coarse ? 1 : 64) * unit_roundoff(precision);
    }
    [[nodiscard]] bool holds(const std::string& name, std::span<const double> samples) {
        return error_of(name, samples) <= tolerance(name);
    }
    [[nodiscard]] double error_of(const std::string& name, std::span<const double> samples) {
        const auto precision = recording_->precision(name);
        std::vector<double> rounded(samples.begin(), samples.end());
        for (auto& value : rounded) value = rounded_to(value, precision);
        return relative_error(node(name).samples, rounded);
    }
    /// Whether the step gives the recorded values.
    [[nodiscard]] bool holds(const std::string& name, const Step& step) {
        try {
            return gives(name, step);
        } catch (const Error&) {
            return false; // shapes that do not fit
        }
    }
    [[nodiscard]] bool gives(const std::string& name, const Step& step) {
        std::vector<Exact> inputs;
        std::vector<const Exact*> pointers;
        for (const auto& source : step.sources) inputs.push_back(recording_->read(source));
        for (const auto& input : inputs) pointers.push_back(&input);
        const auto places = sample_places(step.shape.numel(), sample_count);
        if (step.is_product()) {
            const auto* const weight = (*parameters_)(step.module + ".weight");
            if (weight == nullptr) return false;
            const auto* const bias = (*parameters_)(step.module + ".bias");
            std::vector<double> values, sizes;
            for (const auto& e : compute_at(step, inputs[0], *weight, bias, places)) {
                values.push_back(e.value);
                sizes.push_back(e.sum_of_sizes);
            }
            // Sums of many products round more than once.
            const auto more = norm(sizes) / std::max(norm(values), 1e-300);
            const auto unit = unit_roundoff(recording_->precision(name));
            return error_of(name, values) <=
                   tolerance(name) + 64 * std::min(unit, 0x1p-24) * more;
        }
        return holds(name, at_places(compute(step, pointers, *parameters_), places));
    }
    [[nodiscard]] static double norm(std::span<const double> values) {
        double sum = 0;
        for (const auto value : values) sum += value * value;
        return std::sqrt(sum);
    }

    [[nodiscard]] std::optional<Step> find(const std::string& name, std::size_t at) {
        const auto shape = recording_->shape(name);
        if (shape.numel() == 0) return std::nullopt;
        if (recording_->stored(name) != name) {
            auto source = recording_->stored(name);
            const auto* const made = graph_.step(source);
            if (made != nullptr && made->op == Step::Op::pass && made->shape == shape) {
                source = made->sources[0];
            }
            return Step{.sources = {source}, .shape = shape};
        }
        if (!name.ends_with(":input") && recording_->has(name + ":input")) {
            if (const auto* const module = recording_->module_of(name)) {
                auto step = detail::step_of(*module, name + ":input", shape);
                if (step && holds(name, *step)) return step;
            }
        }
        if (auto step = elementwise(name, at)) return step;
        if (auto step = moved(name, at)) return step;
        if (auto step = attended(name, at)) return step;
        return summed(name, at);
    }

    /// The nodes before `at`, the latest first.
    /// Of twins, the first.
    [[nodiscard]] std::vector<std::string> before(std::size_t at, std::size_t most) const {
        std::vector<std::string> names;
        for (std::size_t i = at; i-- > 0 && names.size() < most;) {
            const auto& name = graph_.order[i];
            if (recording_->precision(name) == Precision::other) continue;
            const auto* const step = graph_.step(name);
            const bool twin = step != nullptr && step->op == Step::Op::pass &&
                              recording_->shape(step->sources[0]) == step->shape;
            const auto& first = twin ? step->sources[0] : name;
            if (std::ranges::find(names, first) == names.end()) names.push_back(first);
        }
        return names;
    }

    /// A function of each number of one earlier value.
    [[nodiscard]] std::optional<Step> elementwise(const std::string& name, std::size_t at) {
        const auto shape = recording_->shape(name);
        const auto try_all = [&](const std::string& source, bool all) -> std::optional<Step> {
            if (recording_->shape(source).numel() != shape.numel()) return std::nullopt;
            const auto& samples = node(source).samples;
            Step step{.sources = {source}, .shape = shape};
            if (holds(name, samples)) return step;
            if (!all) return std::nullopt;
            const auto mapped = [&](auto fn) {
                auto values = samples;
                for (auto& value : values) value = fn(value);
                return holds(name, values);
            };
            for (const auto act :
                 {Activation::silu, Activation::relu, Activation::gelu, Activation::mish}) {
                step.op = Step::Op::activation;
                step.act = act;
                if (mapped([&](double x) { return activate(act, x); })) return step;
            }
            for (const double slope : {0.01, 0.1, 0.2}) {
                step.op = Step::Op::leaky_relu;
                step.slope = slope;
                if (mapped([&](double x) { return x < 0 ? slope * x : x; })) return step;
            }
            step.op = Step::Op::limit;
            if (mapped([](double x) { return 3 * std::tanh(x / 3); })) return step;
            step.op = Step::Op::affine;
            std::tie(step.factor, step.offset) = detail::line(samples, node(name).samples);
            if (step.factor != 0 &&
                mapped([&](double x) { return step.factor * x + step.offset; })) {
                return step;
            }
            return std::nullopt;
        };
        std::size_t tried = 0;
        for (const auto& source : before(at, at)) {
            if (auto step = try_all(source, tried++ < 4 * recent)) return step;
        }
        return std::nullopt;
    }

    /// The pixels of an earlier value at other places: transposed, enlarged, or with zeros
    /// around.
    [[nodiscard]] std::optional<Step> moved(const std::string& name, std::size_t at) {
        for (const auto& source : before(at, recent)) {
            for (auto& step :
                 detail::moves(source, recording_->shape(source), recording_->shape(name))) {
                if (holds(name, step)) return step;
            }
        }
        return std::nullopt;
    }

    /// The attention of the last three values that have its shape.
    [[nodiscard]] std::optional<Step> attended(const std::string& name, std::size_t at) {
        const auto shape = recording_->shape(name);
        if (shape.rank() != 3) return std::nullopt;
        std::vector<std::string> qkv;
        for (const auto& source : before(at, recent)) {
            const auto got = recording_->shape(source);
            if (source.ends_with(":input") || got.rank() != 3 || got[0] != shape[0] ||
                got[2] != shape[2] || qkv.size() == 3) {
                continue;
            }
            qkv.insert(qkv.begin(), source);
        }
        if (qkv.size() < 3) return std::nullopt;
        Step step{.op = Step::Op::attention, .sources = qkv, .shape = shape};
        for (const auto& [path, module] : recording_->modules) {
            if (module.settings.contains("heads") && qkv[0].starts_with(path + ".")) {
                step.heads = detail::whole(module.setting("heads", 1));
                step.factor = module.setting("scale", 0);
            }
        }
        if (step.heads < 1 || shape[2] % step.heads != 0) return std::nullopt;
        if (step.factor == 0) {
            step.factor = 1 / std::sqrt(static_cast<double>(shape[2] / step.heads));
        }
        if (recording_->shape(qkv[0])[1] != shape[1] || !holds(name, step)) return std::nullopt;
        return step;
    }

    /// A late value plus an earlier one, perhaps through an activation: a skip connection.
    [[nodiscard]] std::optional<Step> summed(const std::string& name, std::size_t at) {
        const auto shape = recording_->shape(name);
        const auto places = sample_places(shape.numel(), sample_count);
        for (const auto& late : before(at, recent)) {
            if (recording_->shape(late).numel() != shape.numel()) continue;
            // Tokens are added as an image.
            const auto from = recording_->shape(late);
            std::vector<Step> ways;
            if (from == shape) ways.push_back({.sources = {late}, .shape = shape});
            if (from.rank() == 3 && shape.rank() == 4) {
                for (auto& way : detail::moves(late, from, shape))
                    ways.push_back(std::move(way));
            }
            for (const auto& way : ways) {
                const auto input = recording_->read(late);
                const Exact* const pointer = &input;
                const auto part = at_places(compute(way, {&pointer, 1}, *parameters_), places);
                for (const auto& early : before(at, at)) {
                    if (recording_->shape(early) != shape || early == late) continue;
                    auto sum = node(early).samples;
                    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
                    Step step{.op = Step::Op::sum, .sources = {late, early}, .shape = shape};
                    const bool plain = holds(name, sum);
                    for (auto& value : sum) value = std::max(value, 0.0);
                    const bool relu = holds(name, sum);
                    if (!plain && !relu) continue;
                    if (way.op != Step::Op::pass) step.sources[0] = virtual_node(name, way);
                    if (plain) return step;
                    return Step{.op = Step::Op::activation,
                                .sources = {virtual_node(name, step)},
                                .shape = shape,
                                .act = Activation::relu};
                }
            }
        }
        return std::nullopt;
    }

    /// A value that no module gives, between others. It stands before the node that it is for.
    std::string virtual_node(const std::string& name, Step step) {
        const auto made = name + (step.op == Step::Op::sum ? ":sum" : ":image");
        graph_.steps[made] = std::move(step);
        return made;
    }

    const Recording* recording_;
    const Parameters* parameters_;
    Graph graph_;
    std::map<std::string, Node> nodes_;
};

} // namespace latent
