#pragma once

#include <latent/parity/report.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// The relative L2 errors of a run as a curve, in SVG: execution from left to right, a log axis
/// upwards.

namespace latent::command {

namespace detail {

/// The plane of the curve: a box within the picture, and decades from `low` to `high`.
struct GraphPlane {
    double left = 52, right = 992, top = 10, bottom = 190;
    int low = -9, high = 0;
    std::vector<std::size_t> columns = {}; ///< by row: how many others were compared before
    std::size_t count = 0;                 ///< of rows that were compared

    [[nodiscard]] double x(std::size_t row) const {
        const auto last = static_cast<double>(std::max<std::size_t>(count, 2) - 1);
        return left + (right - left) * static_cast<double>(columns[row]) / last;
    }
    [[nodiscard]] double y(double error) const {
        const double floor = std::pow(10.0, low);
        const double ceiling = std::pow(10.0, high);
        // Written so that NaN is at the top.
        const auto limited = error < ceiling ? std::max(error, floor) : ceiling;
        return bottom - (bottom - top) * (std::log10(limited) - low) / (high - low);
    }
};

[[nodiscard]] inline std::string point(double x, double y) {
    return latent::detail::formatted("%.1f", x) + "," + latent::detail::formatted("%.1f", y);
}

[[nodiscard]] inline GraphPlane plane_of(const Comparison& comparison) {
    GraphPlane plane;
    for (const auto& row : comparison.rows) {
        plane.columns.push_back(plane.count);
        if (std::ranges::any_of(row.cells, &Cell::compared)) ++plane.count;
        for (const auto& cell : row.cells) {
            const auto error = cell.statistics.relative_l2;
            if (!cell.compared() || !(error > 0) || !std::isfinite(error)) continue;
            const auto decade = static_cast<int>(std::floor(std::log10(error)));
            plane.low = std::clamp(decade, -18, plane.low);
            plane.high = std::clamp(decade + 1, plane.high, 6);
        }
    }
    return plane;
}

[[nodiscard]] inline std::string axis(const GraphPlane& plane) {
    const int step = plane.high - plane.low > 10 ? 4 : 2;
    std::string svg;
    for (int decade = plane.high; decade >= plane.low; decade -= step) {
        const auto y = latent::detail::formatted("%.1f", plane.y(std::pow(10.0, decade)));
        svg += "<line class=\"grid\" x1=\"52\" x2=\"992\" y1=\"" + y + "\" y2=\"" + y +
               "\"/><text x=\"46\" y=\"" + y + "\">1e" + std::to_string(decade) + "</text>\n";
    }
    return svg;
}

/// The curve of one figure of a subject's cells, over the rows that were compared.
template <class Figure>
[[nodiscard]] std::string curve(const Comparison& comparison, std::size_t subject,
                                const GraphPlane& plane, const std::string& name,
                                const Figure& figure) {
    std::string path;
    for (std::size_t i = 0; i < comparison.rows.size(); ++i) {
        const auto& cell = comparison.rows[i].cells[subject];
        if (!cell.compared()) continue;
        path += (path.empty() ? "M" : "L") + point(plane.x(i), plane.y(figure(cell)));
    }
    return "<path class=\"" + name + "\" d=\"" + path + "\"/>\n";
}

/// A dot on each row that leads to it, with its name and error as a hint; `escape` makes names
/// fit for XML.
template <class Escape>
[[nodiscard]] std::string dots(const Comparison& comparison, std::size_t subject,
                               const GraphPlane& plane, const Escape& escape) {
    std::string svg;
    for (std::size_t i = 0; i < comparison.rows.size(); ++i) {
        const auto& row = comparison.rows[i];
        const auto& cell = row.cells[subject];
        if (!cell.compared()) continue;
        const bool first = cell.verdict == Verdict::first;
        svg += "<a href=\"#row" + std::to_string(i) + "\"><circle class=\"s" +
               std::to_string(subject % 3) + (first ? " first\" r=\"6" : "\" r=\"2.5") +
               "\" cx=\"" + latent::detail::formatted("%.1f", plane.x(i)) + "\" cy=\"" +
               latent::detail::formatted("%.1f", plane.y(cell.statistics.relative_l2)) +
               "\"><title>" + escape(row.name) + ": " +
               latent::detail::error_text(cell.statistics.relative_l2) +
               "</title></circle></a>\n";
    }
    return svg;
}

} // namespace detail

template <class Escape>
[[nodiscard]] std::string parity_graph(const Comparison& comparison, const Escape& escape) {
    const auto plane = detail::plane_of(comparison);
    std::string svg = "<svg viewBox=\"0 0 1000 200\" role=\"img\" aria-label=\"relative L2 "
                      "along the execution\">\n" +
                      detail::axis(plane);
    for (std::size_t i = 0; i < comparison.subjects.size(); ++i) {
        if (const auto first = comparison.subjects[i].first) {
            const auto x = latent::detail::formatted("%.1f", plane.x(*first));
            svg += "<line class=\"mark\" x1=\"" + x + "\" x2=\"" + x +
                   "\" y1=\"10\" y2=\"190\"/>\n";
        }
        svg += detail::curve(comparison, i, plane, "tolerance",
                             [](const Cell& cell) { return cell.tolerance; });
        svg += detail::curve(comparison, i, plane, "s" + std::to_string(i % 3),
                             [](const Cell& cell) { return cell.statistics.relative_l2; });
    }
    // Hints cost some bytes each, and nobody hits one of thousands.
    for (std::size_t i = 0; i < comparison.subjects.size() && comparison.rows.size() <= 3000;
         ++i)
        svg += detail::dots(comparison, i, plane, escape);
    return svg + "</svg>\n";
}

} // namespace latent::command
