#pragma once

#include "latent/parity/comparison.hpp"
#include "latent/parity/diagnose.hpp"
#include "latent/parity/learn.hpp"
#include "latent/parity/parameters.hpp"
#include "latent/parity/precision.hpp"
#include "latent/parity/replay.hpp"
#include "latent/parity/rounding.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// Holding recordings against one that is right:
///     const std::array subjects{Subject{"mine", &mine}};
///     const auto comparison = compare(reference, subjects);
///     std::cout << report(comparison);

namespace latent {

namespace detail {

/// One subject on its way through the rows.
class SubjectComparer {
public:
    SubjectComparer(const Recording& reference, const Graph& graph,
                    const Parameters& parameters, const Subject& subject,
                    const CompareOptions& options)
        : reference_(&reference),
          subject_(&subject),
          options_(&options),
          // Alone, a module works on what the reference has.
          replay_(reference, graph, parameters,
                  options.isolated ? Subject{subject.title, &reference} : subject) {
        result.title = subject.title;
        result.extra = extra();
        model_precision_ = coarser(
            model_precision(*subject_->recording, reference.order),
            options.isolated ? Precision::f64 : model_precision(reference, reference.order));
    }

    /// The cell of an output; `right` is the reference's value.
    [[nodiscard]] Cell cell(const std::string& name, std::size_t row, const Exact& right) {
        Cell cell;
        const auto& recording = *subject_->recording;
        if (!recording.has(name)) return cell;
        cell.precision = recording.precision(name);
        if (cell.precision == Precision::other) {
            cell.verdict = Verdict::unlike;
            cell.remark = "no floating-point numbers";
            return cell;
        }
        auto values = fitted(name, right.shape(), cell);
        if (!values) return cell;
        cell.statistics = statistics(right, *values, cell.precision);
        const auto precision =
            coarser(coarser(model_precision_, effective_precision(*values, cell.precision)),
                    effective_precision(right, reference_->precision(name)));
        cell.tolerance = options_->tolerance.value_or(usual_tolerance(precision));
        judge(name, row, right, *values, unit_roundoff(precision), cell);
        if (cell.statistics.odd_in_both > 0) {
            cell.remark = std::to_string(cell.statistics.odd_in_both) +
                          " values are no finite numbers on both sides";
            result.within_tolerance = false;
        }
        compared_ = true;
        return cell;
    }

    /// Once all rows are there: roundings that add up beyond the tolerance, while each step is
    /// right, are a divergence, too.
    void finish(std::vector<ComparisonRow>& rows, std::size_t subject) {
        if (!compared_) result.within_tolerance = false;
        if (result.within_tolerance || result.first) return;
        for (std::size_t row = 0; row < rows.size(); ++row) {
            auto& cell = rows[row].cells[subject];
            if (cell.verdict != Verdict::inherits) continue;
            cell.verdict = Verdict::first;
            result.first = row;
            result.cause = {"unknown", "each step alone is within what rounding does, and "
                                       "together they are beyond the tolerance"};
            return;
        }
    }

    SubjectResult result;

private:
    /// The subject's value in the reference's shape, or nothing, which the cell then tells.
    [[nodiscard]] std::optional<Exact> fitted(const std::string& name, const Shape& shape,
                                              Cell& cell) {
        const auto& recording = *subject_->recording;
        const auto got = recording.shape(name);
        auto values = arranged(recording.read(name), shape, subject_->layout,
                               has_channels_first(*reference_, name));
        if (values) return values;
        cell.verdict = Verdict::unlike;
        cell.remark = "shape " + to_string(got) + ", expected " + to_string(shape);
        const auto layout = fitting_layout(got, shape);
        if (layout && layout != subject_->layout) {
            cell.remark += "; it is " + std::string(to_string(*layout));
        }
        result.within_tolerance = false;
        return std::nullopt;
    }

    void judge(const std::string& name, std::size_t row, const Exact& right,
               const Exact& values, double unit, Cell& cell) {
        const bool same = cell.statistics.finite() && cell.statistics.largest == 0;
        const bool good = cell.statistics.relative_l2 <= cell.tolerance;
        const auto region = replay_.region(name);
        bool errs = !good;
        std::optional<Exact> expected;
        std::map<std::string, Exact> kept;
        if (region && !same) {
            expected = replay_.run(*region, {}, kept);
            // What has come in as no number tells nothing about the step.
            const bool known = std::ranges::all_of(
                expected->values(), [](double value) { return std::isfinite(value); });
            if (known) {
                cell.own_error = relative_error(expected->values(), values.values());
                // Alone, a block still works on what its own layers gave.
                const auto rounded = options_->isolated ? replay_.made_of(name) : *region;
                cell.own_tolerance = rounding(replay_, rounded, *expected, kept, unit);
                errs = !(*cell.own_error <=
                         std::max(cell.own_tolerance, options_->tolerance.value_or(0)));
            } else {
                errs = false;
            }
        }
        const auto handed = options_->isolated ? handed_on(name, cell) : std::nullopt;
        if (handed) errs = true;
        if (same && !handed) {
            cell.verdict = Verdict::same;
        } else if (!errs) {
            cell.verdict = good ? Verdict::within : Verdict::inherits;
        } else if (result.first) {
            cell.verdict = Verdict::differs;
        } else {
            cell.verdict = Verdict::first;
            result.first = row;
            result.cause =
                handed ? *handed
                       : cause(name, region, expected ? *expected : right, values, cell);
        }
        if (!good || errs) result.within_tolerance = false;
    }

    [[nodiscard]] Cause cause(const std::string& name, const std::optional<Region>& region,
                              const Exact& expected, const Exact& values,
                              const Cell& cell) const {
        if (region) {
            const bool half =
                model_precision_ == Precision::f16 || cell.precision == Precision::f16;
            auto found = diagnose(replay_, *region, expected, values, cell.own_tolerance, half);
            if (found.name == "unknown" && has_other_input(*region)) {
                found.detail = "it was given another input than the reference";
            }
            return found;
        }
        auto found = diagnose(*reference_, name, expected, values);
        if (found.name == "unknown" && replay_.graph().step(name) != nullptr) {
            found.detail = "too much is missing between it and what is dumped before it";
        } else if (found.name == "unknown") {
            found.detail = "the reference does not tell how this value is made";
        }
        return found;
    }

    /// Whether the subject recorded an input of the whole run that is not the reference's.
    [[nodiscard]] bool has_other_input(const Region& region) const {
        for (const auto& node : region) {
            for (const auto& name : replay_.graph().step(node)->sources) {
                if (!replay_.graph().is_root.contains(name)) continue;
                const auto& recording = *subject_->recording;
                if (!recording.has(name)) continue;
                auto theirs =
                    arranged(recording.read(name), reference_->shape(name), subject_->layout);
                const auto error =
                    theirs ? relative_error(reference_->read(name).values(), theirs->values())
                           : 1.0;
                if (error > 0.01) return true;
            }
        }
        return false;
    }

    /// Alone, each module is right; what the network hands to it may not be. The cause, where
    /// the subject's is not what the reference would hand on.
    [[nodiscard]] std::optional<Cause> handed_on(const std::string& name, Cell& cell) const {
        const auto& recording = *subject_->recording;
        const auto given = name + ":given";
        if (!reference_->has(given)) return std::nullopt;
        const auto theirs = recording.has(given) ? given : name + ":input";
        if (!recording.has(theirs)) return std::nullopt;
        const auto right = reference_->read(given);
        const auto got = arranged(recording.read(theirs), right.shape(), subject_->layout,
                                  has_channels_first(*reference_, name));
        if (!got) return std::nullopt; // zeros around it, which PyTorch puts there before
        const auto error = relative_error(right.values(), got->values());
        // A step or two, whose roundings attention may enlarge.
        const auto room = 0.1 * usual_tolerance(model_precision_);
        if (error <= std::max(room, options_->tolerance.value_or(0))) return std::nullopt;
        cell.own_error = std::max(cell.own_error.value_or(0), error);
        cell.remark = "its input is not what should be handed to it";
        auto found = diagnose(*reference_, given, right, *got);
        found.detail += found.name == "unknown" ? "; its input is wrong" : " (its input)";
        return found;
    }

    [[nodiscard]] std::vector<std::string> extra() const {
        std::vector<std::string> names;
        for (const auto& name : subject_->recording->order) {
            if (!reference_->has(name)) names.push_back(name);
        }
        return names;
    }

    const Recording* reference_;
    const Subject* subject_;
    const CompareOptions* options_;
    Replay replay_;
    Precision model_precision_ = Precision::f32;
    bool compared_ = false;
};

} // namespace detail

/// Holds each subject against the reference, output by output in the reference's order.
/// An output is `within` when its relative L2 error is within the tolerance and its own step,
/// computed again in double on the subject's own values, gives what the subject has, but for
/// rounding. The first that does not is the first divergence, and its cause is looked for.
/// Steps are known where the reference has inputs and parameters; else the error alone tells.
[[nodiscard]] inline Comparison compare(const Recording& reference,
                                        std::span<const Subject> subjects,
                                        const CompareOptions& options = {}) {
    const RunScope run;
    ParameterCache cache(reference);
    const Parameters parameters = [&](const std::string& name) { return cache.find(name); };
    const auto graph = Learner(reference, parameters).learn();
    Comparison comparison{.reference = reference.where, .rows = {}, .subjects = {}};
    std::vector<detail::SubjectComparer> comparers;
    for (const auto& subject : subjects) {
        comparers.emplace_back(reference, graph, parameters, subject, options);
    }
    for (const auto& name : reference.order) {
        cache.trim();
        ComparisonRow row{.name = name, .class_name = {}, .shape = {}, .cells = {}};
        if (const auto* const module = reference.module_of(name)) {
            row.class_name = module->class_name;
        }
        row.shape = reference.shape(name);
        if (reference.precision(name) == Precision::other) continue;
        const auto right = reference.read(name);
        for (auto& comparer : comparers) {
            row.cells.push_back(comparer.cell(name, comparison.rows.size(), right));
        }
        comparison.rows.push_back(std::move(row));
    }
    for (std::size_t i = 0; i < comparers.size(); ++i) {
        comparers[i].finish(comparison.rows, i);
        comparison.subjects.push_back(std::move(comparers[i].result));
    }
    return comparison;
}

} // namespace latent
