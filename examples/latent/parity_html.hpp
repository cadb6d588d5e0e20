#pragma once

#include "parity_graph.hpp"
#include "parity_sources.hpp"
#include "parity_style.hpp"

#include <latent/io/text.hpp>
#include <latent/parity/report.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

/// A comparison as one page of HTML that needs nothing else: no script, no network. Rows fold
/// by module; what holds the first divergence stands open.

namespace latent::command {

/// Text between tags or in an attribute: nothing in it is markup, and nothing breaks a line.
[[nodiscard]] inline std::string html(std::string_view text) {
    std::string out;
    for (const char c : printable(text)) {
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        case '\'':
            out += "&#39;";
            break;
        default:
            out += c;
        }
    }
    return out;
}

namespace detail {

[[nodiscard]] inline std::string span_of(std::string_view name, const std::string& content) {
    return "<span class=\"" + std::string(name) + "\">" + content + "</span>";
}

/// The rows of the table, folded by module.
class HtmlRows {
public:
    explicit HtmlRows(const Comparison& comparison) : comparison_(&comparison) {}

    [[nodiscard]] std::string text() const {
        auto out = std::string("<div class=\"row head\" aria-hidden=\"true\">") +
                   span_of("name", "output") + span_of("shape", "shape");
        for (const std::string_view title :
             {"", "rel. L2", "own", "largest", "at", "ulp", "cosine", "1e-8 to 1"})
            out += span_of("n", std::string(title));
        return out + "</div>\n" + nodes(report_tree(*comparison_), "");
    }

private:
    [[nodiscard]] std::string nodes(const std::vector<ReportNode>& list,
                                    const std::string& whole) const {
        std::string out;
        for (const auto& node : list) {
            const auto& row = comparison_->rows[node.row];
            if (node.parts.empty()) {
                out += row_of(node, whole, "div");
                continue;
            }
            out += std::string("<details") + (stands_open(node) ? " open" : "") + ">" +
                   row_of(node, whole, "summary") + "<div class=\"parts\">\n" +
                   nodes(node.parts, path_of(row.name)) + "</div></details>\n";
        }
        return out;
    }

    [[nodiscard]] bool has(const ReportNode& node, Verdict verdict) const {
        const auto& cells = comparison_->rows[node.row].cells;
        return std::ranges::any_of(cells,
                                   [&](const Cell& cell) { return cell.verdict == verdict; }) ||
               std::ranges::any_of(node.parts,
                                   [&](const ReportNode& part) { return has(part, verdict); });
    }
    /// A network stands open as far as its large parts; a block where something is wrong.
    [[nodiscard]] bool stands_open(const ReportNode& node) const {
        return node.height > 2 || has(node, Verdict::first);
    }

    [[nodiscard]] std::string row_of(const ReportNode& node, const std::string& whole,
                                     const std::string& tag) const {
        const auto& row = comparison_->rows[node.row];
        std::string verdicts;
        for (const auto& cell : row.cells)
            verdicts += " " + std::string(to_string(cell.verdict));
        auto out = "<" + tag + " class=\"row" + verdicts + "\" id=\"row" +
                   std::to_string(node.row) + "\"";
        out += " title=\"" + html(row.name) +
               (row.class_name.empty() ? "" : " (" + html(row.class_name) + ")") + "\">";
        out += span_of(
            "name",
            html(name_within(row.name, whole)) +
                (row.class_name.empty() ? "" : " " + span_of("class", html(row.class_name))));
        out += span_of("shape", latent::detail::joined(row.shape, "×"));
        for (std::size_t i = 0; i < row.cells.size(); ++i) out += figures(row, i);
        return out + "</" + tag + ">\n";
    }

    [[nodiscard]] std::string figures(const ComparisonRow& row, std::size_t i) const {
        using latent::detail::error_text;
        const auto& cell = row.cells[i];
        const auto& s = cell.statistics;
        auto mark = std::string(latent::detail::mark_of(cell.verdict));
        if (row.cells.size() > 1) mark = std::string(1, static_cast<char>('a' + i)) + mark;
        auto out = span_of("mark " + std::string(to_string(cell.verdict)), mark);
        if (!cell.compared()) {
            const auto remark = cell.remark.empty() ? "not there" : html(cell.remark);
            return out + span_of("remark", remark);
        }
        const auto own = cell.own_error ? error_text(*cell.own_error) : "";
        const auto place = s.largest == 0 ? "" : latent::detail::place_in(row.shape, s.place);
        const std::array<std::array<std::string, 2>, 6> numbers{
            {{"l2", error_text(s.relative_l2)},
             {"own", own},
             {"largest", error_text(s.largest)},
             {"at", place},
             {"ulp", latent::detail::ulp_text(s.ulp)},
             {"cosine", latent::detail::formatted("%.6f", s.cosine)}}};
        for (const auto& [name, number] : numbers) out += span_of("n " + name, number);
        const auto width = 100 * latent::detail::bar_part(s.relative_l2);
        return out + "<span class=\"bar " + std::string(to_string(cell.verdict)) +
               "\"><i style=\"width:" + latent::detail::formatted("%.1f", width) +
               "%\"></i></span>";
    }

    const Comparison* comparison_;
};

[[nodiscard]] inline std::string html_sources(std::span<const ParitySource> sources) {
    std::string out = "<dl class=\"sources\">\n";
    for (const auto& source : sources) {
        out += "<dt>" + html(source.role) + "</dt><dd>" + span_of("path", html(source.path));
        for (const auto& [name, version] : source.versions)
            out += " " + span_of("version", html(name + " " + version));
        out += "</dd>\n";
    }
    return out + "</dl>\n";
}

[[nodiscard]] inline std::string html_verdict(const Comparison& comparison, std::size_t i) {
    const auto& result = comparison.subjects[i];
    auto out = std::string("<section class=\"verdict ") +
               (result.within_tolerance ? "good" : "bad") + "\"><h2>";
    if (comparison.subjects.size() > 1)
        out += span_of("letter s" + std::to_string(i % 3),
                       std::string(1, static_cast<char>('a' + i))) +
               " ";
    out += html(result.title) + "</h2><p>" + html(verdict_text(comparison, i));
    if (result.first)
        out += " <a href=\"#row" + std::to_string(*result.first) + "\">show it</a>";
    out += "</p>";
    const auto remarks = latent::detail::remarks_text(comparison, i);
    for (std::size_t begin = 0; begin < remarks.size();) {
        const auto end = remarks.find('\n', begin);
        out += "<p class=\"more\">" + html(remarks.substr(begin, end - begin)) + "</p>";
        begin = end + 1;
    }
    return out + "</section>\n";
}

} // namespace detail

[[nodiscard]] inline std::string parity_html(const Comparison& comparison,
                                             std::span<const ParitySource> sources) {
    std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, "
                      "initial-scale=1\">\n"
                      // Whatever a name says: nothing is loaded, and nothing runs.
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
                      "'none'; style-src 'unsafe-inline'\">\n<title>latent parity</title>\n"
                      "<style>" +
                      std::string(parity_style) + "</style></head>\n<body>\n<header><h1>" +
                      html("Held against " + comparison.reference) + "</h1>\n";
    out += detail::html_sources(sources) + "</header>\n";
    for (std::size_t i = 0; i < comparison.subjects.size(); ++i)
        out += detail::html_verdict(comparison, i);
    out += "<figure>" + parity_graph(comparison, [](auto text) { return html(text); }) +
           "<figcaption>relative L2 of each output, in execution order; dashed: what is "
           "tolerated</figcaption></figure>\n<main>\n";
    out += detail::HtmlRows(comparison).text() + "</main>\n";
    const auto legend = latent::detail::legend(comparison);
    if (!legend.empty()) out += "<footer><p>" + html(legend.substr(0, legend.size() - 1));
    return out + (legend.empty() ? "" : "</p></footer>\n") + "</body></html>\n";
}

} // namespace latent::command
