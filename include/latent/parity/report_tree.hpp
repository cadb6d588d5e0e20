#pragma once

#include "latent/parity/comparison.hpp"
#include "latent/parity/recording.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent {

/// A row of a comparison, and before it in time the rows of the modules that it consists of:
/// children are done when their parent is. Roots and parts stand in execution order.
struct ReportNode {
    std::size_t row = 0;
    std::vector<ReportNode> parts = {};
    std::size_t height = 0; ///< of the tree below it
};

/// Whether the module at `path` is a part of the one at `whole`; all are parts of "".
[[nodiscard]] inline bool is_part_of(std::string_view path, std::string_view whole) {
    if (whole.empty()) return !path.empty();
    return path.size() > whole.size() && path.starts_with(whole) && path[whole.size()] == '.';
}

/// The rows that at least one subject has, as their paths nest. What does not nest stands side
/// by side: a dump may have rows in any order, and names that are no paths.
[[nodiscard]] inline std::vector<ReportNode> report_tree(const Comparison& comparison) {
    constexpr std::size_t highest = 32; // no network is; forged names can be
    std::vector<ReportNode> roots;
    for (std::size_t i = 0; i < comparison.rows.size(); ++i) {
        const auto& row = comparison.rows[i];
        const auto missing = [](const Cell& cell) { return cell.verdict == Verdict::missing; };
        if (std::ranges::all_of(row.cells, missing)) continue;

        ReportNode node{.row = i};
        const auto path = path_of(row.name);
        auto first = roots.end();
        while (first != roots.begin()) {
            const auto& before = *std::prev(first);
            if (before.height >= highest) break;
            if (!is_part_of(path_of(comparison.rows[before.row].name), path)) break;
            --first;
        }
        for (auto part = first; part != roots.end(); ++part) {
            node.height = std::max(node.height, part->height + 1);
            node.parts.push_back(std::move(*part));
        }
        roots.erase(first, roots.end());
        roots.push_back(std::move(node));
    }
    return roots;
}

/// A row's name without the path of the module around it: "resnets.0" of
/// "decoder.mid_block.resnets.0" in "decoder.mid_block".
[[nodiscard]] inline std::string name_within(const std::string& name, std::string_view whole) {
    if (name.empty()) return "(the whole)";
    if (whole.empty() || !is_part_of(path_of(name), whole)) return name;
    return name.substr(whole.size() + 1);
}

} // namespace latent
