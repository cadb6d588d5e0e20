#pragma once

#include "latent/parity/comparison.hpp"
#include "latent/parity/diagnose.hpp"
#include "latent/parity/learn.hpp"
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

/// The relative L2 error that a whole network may have by rounding.
[[nodiscard]] constexpr double usual_tolerance(Precision precision) {
    switch (precision) {
    case Precision::f64:
        return 1e-9;
    case Precision::f32:
        return 1e-4;
    case Precision::f16:
        return 3e-2;
    case Precision::bf16:
    case Precision::other:
        break;
    }
    return 0.2;
}

/// The coarsest numbers that hold the values: a half-precision network may be dumped as
/// float32.
[[nodiscard]] inline Precision effective_precision(const Exact& values, Precision stored) {
    if (stored != Precision::f64 && stored != Precision::f32) return stored;
    bool in_bf16 = true, in_f16 = true, in_f32 = true;
    std::int64_t telling = 0;
    for (const auto place : sample_places(values.numel(), 4096)) {
        const auto value = values.data()[place];
        if (value == 0 || !std::isfinite(value)) continue;
        ++telling;
        int exponent = 0;
        const auto digits = std::frexp(value, &exponent);
        const auto fits = [&](int bits) {
            const auto scaled = std::ldexp(digits, bits);
            return scaled == std::trunc(scaled);
        };
        in_bf16 = in_bf16 && fits(8);
        in_f16 = in_f16 && (fits(11) || exponent < -13) && exponent <= 16;
        in_f32 = in_f32 && fits(24);
    }
    if (telling < 16) return stored;
    if (in_bf16) return Precision::bf16;
    if (in_f16) return Precision::f16;
    return in_f32 ? Precision::f32 : stored;
}

/// The parameters of a recording, kept in double until they are many.
class ParameterCache {
public:
    explicit ParameterCache(const Recording& recording) : recording_(&recording) {}

    const Exact* find(const std::string& name) {
        const auto stored = "parameter:" + name;
        if (const auto found = kept_.find(name); found != kept_.end()) return &found->second;
        if (!recording_->has(stored)) return nullptr;
        auto value = recording_->read(stored);
        bytes_ += value.numel() * std::int64_t{sizeof(double)};
        return &kept_.insert_or_assign(name, std::move(value)).first->second;
    }
    /// Lets them go, when nobody looks at one.
    void trim() {
        if (bytes_ < std::int64_t{1} << 28) return;
        kept_.clear();
        bytes_ = 0;
    }

private:
    const Recording* recording_;
    std::map<std::string, Exact> kept_;
    std::int64_t bytes_ = 0;
};

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
        model_precision_ = model_precision();
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
            std::max({model_precision_, effective_precision(*values, cell.precision)},
                     [](auto a, auto b) { return unit_roundoff(a) < unit_roundoff(b); });
        cell.tolerance = options_->tolerance.value_or(usual_tolerance(precision));
        judge(name, row, right, *values, unit_roundoff(precision), cell);
        return cell;
    }

    /// Once all rows are there: roundings that add up beyond the tolerance, while each step is
    /// right, are a divergence, too.
    void finish(std::vector<ComparisonRow>& rows, std::size_t subject) {
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
                errs = !(*cell.own_error <= cell.own_tolerance);
            } else {
                errs = false;
            }
        }
        if (same) {
            cell.verdict = Verdict::same;
        } else if (!errs) {
            cell.verdict = good ? Verdict::within : Verdict::inherits;
        } else if (result.first) {
            cell.verdict = Verdict::differs;
        } else {
            cell.verdict = Verdict::first;
            result.first = row;
            result.cause = cause(name, region, expected ? *expected : right, values, cell);
        }
        if (!good || errs) result.within_tolerance = false;
    }

    [[nodiscard]] Cause cause(const std::string& name, const std::optional<Region>& region,
                              const Exact& expected, const Exact& values,
                              const Cell& cell) const {
        if (region) {
            const bool half =
                model_precision_ == Precision::f16 || cell.precision == Precision::f16;
            return diagnose(replay_, *region, expected, values, cell.own_tolerance, half);
        }
        return diagnose(*reference_, name, expected, values);
    }

    [[nodiscard]] std::vector<std::string> extra() const {
        std::vector<std::string> names;
        for (const auto& name : subject_->recording->order) {
            if (!reference_->has(name)) names.push_back(name);
        }
        return names;
    }

    /// What most of the subject's outputs are stored in.
    [[nodiscard]] Precision model_precision() const {
        std::vector<double> units;
        std::map<double, Precision> by_unit;
        for (const auto& name : reference_->order) {
            if (!subject_->recording->has(name)) continue;
            const auto stored = subject_->recording->precision(name);
            if (stored == Precision::other) continue;
            const auto precision = effective_precision(subject_->recording->read(name), stored);
            units.push_back(unit_roundoff(precision));
            by_unit[units.back()] = precision;
        }
        if (units.empty()) return Precision::f32;
        const auto middle = units.begin() + std::ssize(units) / 2;
        std::ranges::nth_element(units, middle);
        return by_unit[*middle];
    }

    const Recording* reference_;
    const Subject* subject_;
    const CompareOptions* options_;
    Replay replay_;
    Precision model_precision_ = Precision::f32;
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
    detail::ParameterCache cache(reference);
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
