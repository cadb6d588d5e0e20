#pragma once

#include "latent/parity/comparison.hpp"
#include "latent/parity/report_format.hpp"
#include "latent/parity/report_tree.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The table of a report (report.hpp): a row an output, in execution order; the rows of a
/// block's modules stand before the block's own, between "┌ block" and "└ block".

namespace latent {

struct ReportOptions {
    bool colour = false;     ///< with the escapes that a terminal shows as colours
    bool brief = false;      ///< without the rows that do not err themselves
    std::size_t width = 110; ///< columns of a line, which long names are cut for
};

namespace detail {

/// The table of a report: lines are made first, and set when all widths are known.
class ReportTable {
public:
    ReportTable(const Comparison& comparison, const ReportOptions& options)
        : comparison_(&comparison), options_(options) {
        lines_.push_back({{"", "output", "shape", "rel. L2", "own", "largest", "at", "ulp",
                           "cosine", "1e-8   1"},
                          Verdict::same,
                          ""});
        add_nodes(report_tree(comparison), "", "");
        end_fold("");
    }

    [[nodiscard]] std::string text() const {
        std::array<std::size_t, columns> widths{};
        for (const auto& line : lines_) {
            for (std::size_t i = 0; i < columns; ++i)
                widths[i] = std::max(widths[i], columns_of(line.cells[i]));
        }
        std::size_t others = 0;
        for (std::size_t i = 0; i < columns; ++i)
            others += (i == name ? 0 : widths[i]) + (i > 0 && widths[i] > 0 ? 1 : 0);
        const auto room = options_.width > others ? options_.width - others : 0;
        widths[name] = std::min(widths[name], std::max<std::size_t>(room, 16));
        std::string out;
        for (const auto& line : lines_) {
            if (has_rows_ || &line != &lines_.front()) out += set(line, widths);
        }
        return out;
    }

private:
    static constexpr std::size_t columns = 10, name = 1, shape = 2, bar = 9;

    struct Line {
        std::array<std::string, columns> cells;
        Verdict verdict;
        std::string remark; ///< in place of figures
    };

    [[nodiscard]] bool folds(const ReportNode& node) const {
        return options_.brief &&
               std::ranges::all_of(comparison_->rows[node.row].cells,
                                   [](const Cell& cell) {
                                       return cell.verdict == Verdict::same ||
                                              cell.verdict == Verdict::within ||
                                              cell.verdict == Verdict::inherits;
                                   }) &&
               std::ranges::all_of(node.parts,
                                   [&](const ReportNode& part) { return folds(part); });
    }

    void add_nodes(const std::vector<ReportNode>& nodes, const std::string& whole,
                   const std::string& indent) {
        for (const auto& node : nodes) {
            if (folds(node)) {
                fold(node);
                continue;
            }
            const auto& row = comparison_->rows[node.row];
            const auto label = shown(name_within(row.name, whole));
            if (node.parts.size() < 2) { // a frame around one row would say nothing
                add_nodes(node.parts, whole, indent);
                end_fold(indent);
                add_row(row, indent, label);
                continue;
            }
            end_fold(indent);
            lines_.push_back({{"", indent + "┌ " + label}, Verdict::same, ""});
            add_nodes(node.parts, path_of(row.name), indent + "│ ");
            end_fold(indent + "│ ");
            add_row(row, indent, "└ " + label);
        }
    }
    void fold(const ReportNode& node) {
        for (const auto& part : node.parts) fold(part);
        const auto inherits = [](const Cell& cell) {
            return cell.verdict == Verdict::inherits;
        };
        ++(std::ranges::any_of(comparison_->rows[node.row].cells, inherits) ? inheriting_
                                                                            : good_);
    }
    void end_fold(const std::string& indent) {
        if (good_ + inheriting_ == 0) return;
        std::string text;
        if (good_ > 0) text = counted(good_, "row") + " within tolerance";
        if (inheriting_ > 0) {
            text += (text.empty() ? "" : ", ") + counted(inheriting_, "row") +
                    " whose input differs";
        }
        lines_.push_back({{"", indent + "(" + text + ")"}, Verdict::same, ""});
        good_ = inheriting_ = 0;
    }

    void add_row(const ComparisonRow& row, const std::string& indent,
                 const std::string& label) {
        for (std::size_t i = 0; i < row.cells.size(); ++i) {
            const auto& cell = row.cells[i];
            const auto& s = cell.statistics;
            Line line{{}, cell.verdict, cell.remark};
            line.cells[0] = std::string(mark_of(cell.verdict));
            if (row.cells.size() > 1) line.cells[0] = letter(i) + line.cells[0];
            line.cells[name] = i == 0 ? indent + label : indent;
            if (i == 0) line.cells[shape] = joined(row.shape, "×");
            if (cell.compared()) {
                line.cells[3] = error_text(s.relative_l2);
                if (cell.own_error) line.cells[4] = error_text(*cell.own_error);
                line.cells[5] = error_text(s.largest);
                if (s.largest != 0) line.cells[6] = place_in(row.shape, s.place);
                line.cells[7] = ulp_text(s.ulp);
                line.cells[8] = formatted("%.6f", s.cosine);
                line.cells[bar] = bar_text(s.relative_l2, 8);
                line.remark.clear();
            } else if (line.remark.empty()) {
                line.remark = "not there";
            }
            lines_.push_back(std::move(line));
            has_rows_ = true;
        }
    }
    [[nodiscard]] static std::string letter(std::size_t subject) {
        return subject < 26 ? std::string(1, static_cast<char>('a' + subject)) : "z";
    }

    [[nodiscard]] std::string coloured(const std::string& text, Verdict verdict) const {
        const auto colour = verdict == Verdict::first || verdict == Verdict::unlike ? "1;31"
                            : verdict == Verdict::differs                           ? "31"
                            : verdict == Verdict::inherits                          ? "33"
                                                                                    : "32";
        if (!options_.colour || text.empty()) return text;
        return std::string("\x1B[") + colour + "m" + text + "\x1B[0m";
    }

    [[nodiscard]] std::string set(const Line& line,
                                  const std::array<std::size_t, columns>& widths) const {
        std::string out;
        for (std::size_t i = 0; i < columns; ++i) {
            if (i > 0 && widths[i] == 0) continue;
            if (i == 3 && !line.remark.empty()) {
                out += " " + shown(line.remark);
                break;
            }
            const bool coloured_cell = i == 0 || i == bar || (i == name && is_first(line));
            const bool left = i <= shape || i == bar;
            auto text = i == name ? cut_to(line.cells[i], widths[i]) : line.cells[i];
            const auto filler = to_width(text, widths[i], !left);
            const auto space = filler.size() - text.size();
            if (coloured_cell && &line != &lines_.front()) text = coloured(text, line.verdict);
            if (i > 0) out += ' ';
            out += left ? text + std::string(space, ' ') : std::string(space, ' ') + text;
        }
        while (out.ends_with(' ')) out.pop_back();
        return out + "\n";
    }
    [[nodiscard]] static bool is_first(const Line& line) {
        return line.verdict == Verdict::first;
    }

    const Comparison* comparison_;
    ReportOptions options_;
    std::vector<Line> lines_;
    std::size_t good_ = 0, inheriting_ = 0; ///< rows that are to be counted, not shown
    bool has_rows_ = false;
};

} // namespace detail

} // namespace latent
