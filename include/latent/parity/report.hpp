#pragma once

#include "latent/parity/comparison.hpp"
#include "latent/parity/report_table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A comparison as text, for a terminal or a test's log:
///     std::cout << report(compare(reference, subjects));

namespace latent {

/// "first divergence: PATH (GroupNorm): likely cause: GroupNorm eps: 1e-05 where 1e-06 is
/// right", or that all rows agree, and how well: what is said of one subject, in one line.
[[nodiscard]] std::string verdict_text(const Comparison& comparison, std::size_t subject);

/// The whole report: a table of all outputs, what its signs mean, and for each subject what it
/// lacks and what is wrong with it. Control characters in names are shown as "?".
[[nodiscard]] std::string report(const Comparison& comparison,
                                 const ReportOptions& options = {});

namespace detail {

/// "a, b, c"; of many names the first three.
[[nodiscard]] inline std::string some_of(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 3); ++i) {
        text += (i == 0 ? "" : ", ") + (names[i].empty() ? "(the whole)" : shown(names[i]));
    }
    return text + (names.size() > 3 ? ", ..." : "");
}

[[nodiscard]] inline std::vector<std::string> rows_with(const Comparison& comparison,
                                                        std::size_t subject, Verdict verdict) {
    std::vector<std::string> names;
    for (const auto& row : comparison.rows) {
        if (row.cells[subject].verdict == verdict) names.push_back(row.name);
    }
    return names;
}

[[nodiscard]] inline std::string divergence_text(const Comparison& comparison,
                                                 std::size_t subject) {
    const auto& result = comparison.subjects[subject];
    const auto& row = comparison.rows[*result.first];
    auto text = "first divergence: " + some_of({row.name});
    if (!row.class_name.empty()) text += " (" + shown(row.class_name) + ")";
    text += ": likely cause: " + (result.cause.name.empty() ? "unknown" : result.cause.name);
    if (!result.cause.detail.empty()) text += ": " + shown(result.cause.detail);
    return text;
}

/// Not within tolerance, and no row to blame: shapes, or nothing to compare.
[[nodiscard]] inline std::string disagreement_text(const Comparison& comparison,
                                                   std::size_t subject) {
    std::string text = "not within tolerance", hint;
    bool compared = false;
    for (const auto& row : comparison.rows) {
        const auto& cell = row.cells[subject];
        compared = compared || cell.compared();
        const auto layout = cell.remark.find("; it is ");
        if (hint.empty() && layout != std::string::npos) {
            hint = "; its images seem to be " + cell.remark.substr(layout + 8) + " (--layout)";
        }
    }
    if (!compared) {
        text = "none of the " + counted(comparison.rows.size(), "row") + " could be compared";
    }
    return text + hint;
}

[[nodiscard]] inline std::string agreement_text(const Comparison& comparison,
                                                std::size_t subject) {
    std::size_t compared = 0, same = 0;
    const ComparisonRow* worst = nullptr;
    for (const auto& row : comparison.rows) {
        const auto& cell = row.cells[subject];
        if (!cell.compared()) continue;
        ++compared;
        if (cell.verdict == Verdict::same) ++same;
        const auto error = cell.statistics.relative_l2;
        if (worst == nullptr || error > worst->cells[subject].statistics.relative_l2)
            worst = &row;
    }
    const auto all = comparison.rows.size();
    auto text = compared == all ? "all " + counted(all, "row") + " agree"
                                : std::to_string(compared) + " of " + counted(all, "row") +
                                      " were compared, and agree";
    if (same == compared) return text + ", bit for bit";
    return text + ": relative L2 at most " +
           error_text(worst->cells[subject].statistics.relative_l2) + ", at " +
           some_of({worst->name});
}

/// A line for each thing that is to be said besides the verdict.
[[nodiscard]] inline std::string remarks_text(const Comparison& comparison,
                                              std::size_t subject) {
    const auto& result = comparison.subjects[subject];
    std::string text;
    const auto say = [&](const std::vector<std::string>& names, const std::string& one,
                         const std::string& many) {
        if (names.empty()) return;
        text += std::to_string(names.size()) + " " + (names.size() == 1 ? one : many) + ": " +
                some_of(names) + "\n";
    };
    say(rows_with(comparison, subject, Verdict::missing), "row is not in it",
        "rows are not in it");
    say(result.extra, "of its outputs has no row", "of its outputs have no row");
    say(rows_with(comparison, subject, Verdict::unlike), "row has another shape",
        "rows have another shape");
    say(rows_with(comparison, subject, Verdict::differs), "row further on errs itself",
        "rows further on err themselves");
    std::vector<std::string> odd;
    for (const auto& row : comparison.rows) {
        const auto& cell = row.cells[subject];
        const auto& s = cell.statistics;
        if (cell.compared() && (!s.finite() || s.odd_in_both > 0)) odd.push_back(row.name);
    }
    say(odd, "row has NaN or infinity", "rows have NaN or infinity");
    if (result.first) {
        const auto& cell = comparison.rows[*result.first].cells[subject];
        text += "relative L2 there " + error_text(cell.statistics.relative_l2) + " where " +
                error_text(cell.tolerance) + " is tolerated";
        if (cell.own_error) {
            text += "; of its own " + error_text(*cell.own_error) + " where " +
                    error_text(cell.own_tolerance) + " is";
        }
        text += "\n";
    }
    return text;
}

/// What the signs in front of rows mean, of those that occur.
[[nodiscard]] inline std::string legend(const Comparison& comparison) {
    using Entry = std::pair<Verdict, std::string_view>;
    constexpr std::array<Entry, 4> entries{
        Entry{Verdict::first, "first divergence"}, Entry{Verdict::differs, "errs itself"},
        Entry{Verdict::inherits, "only what came in differs"},
        Entry{Verdict::unlike, "another shape"}};
    std::string text;
    for (const auto& [verdict, meaning] : entries) {
        for (std::size_t i = 0; i < comparison.subjects.size(); ++i) {
            if (rows_with(comparison, i, verdict).empty()) continue;
            text += (text.empty() ? "" : "   ") + std::string(mark_of(verdict)) + " " +
                    std::string(meaning);
            break;
        }
    }
    return text.empty() ? "" : text + "\n";
}

} // namespace detail

inline std::string verdict_text(const Comparison& comparison, std::size_t subject) {
    const auto& result = comparison.subjects.at(subject);
    if (result.first) return detail::divergence_text(comparison, subject);
    const bool compared = std::ranges::any_of(
        comparison.rows, [&](const auto& row) { return row.cells[subject].compared(); });
    if (compared && result.within_tolerance) return detail::agreement_text(comparison, subject);
    return detail::disagreement_text(comparison, subject);
}

inline std::string report(const Comparison& comparison, const ReportOptions& options) {
    const bool several = comparison.subjects.size() > 1;
    auto text = detail::ReportTable(comparison, options).text();
    text += detail::legend(comparison);
    for (std::size_t i = 0; i < comparison.subjects.size(); ++i) {
        const auto& result = comparison.subjects[i];
        text += "\n";
        if (several) {
            text += std::string(1, static_cast<char>('a' + i)) + "  " +
                    detail::shown(result.title) + "\n";
        }
        text += detail::remarks_text(comparison, i);
        const auto verdict = verdict_text(comparison, i);
        text += options.colour
                    ? std::string("\x1B[") + (result.within_tolerance ? "1;32m" : "1;31m") +
                          verdict + "\x1B[0m\n"
                    : verdict + "\n";
    }
    return text;
}

} // namespace latent
