/// Comparisons made by hand, for the tests of the reports.
#pragma once

#include <latent/parity/comparison.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace latent::test {

/// A cell of these figures.
[[nodiscard]] inline Cell made_cell(Verdict verdict, double relative_l2) {
    Cell cell{.verdict = verdict};
    cell.statistics.relative_l2 = relative_l2;
    cell.statistics.largest = relative_l2 * 3;
    cell.statistics.place = 5;
    cell.statistics.ulp = 2.5;
    cell.own_error = relative_l2 / 2;
    cell.own_tolerance = 1e-6;
    cell.tolerance = 1e-4;
    return cell;
}

/// Rows of shape [1, 2, 3] and one subject; of its rows the first that errs is the divergence.
[[nodiscard]] inline Comparison
made_comparison(const std::vector<std::pair<std::string, Cell>>& rows) {
    Comparison comparison{.reference = "right", .rows = {}, .subjects = {}};
    SubjectResult result{.title = "theirs"};
    for (const auto& [name, cell] : rows) {
        if (cell.verdict == Verdict::first) {
            result.first = comparison.rows.size();
            result.cause = {"GroupNorm eps", "1e-05 where 1e-06 is right"};
            result.within_tolerance = false;
        }
        comparison.rows.push_back({name, "GroupNorm", Shape{1, 2, 3}, {cell}});
    }
    comparison.subjects.push_back(std::move(result));
    return comparison;
}

/// A small network with a mistake in the middle.
[[nodiscard]] inline Comparison mistaken() {
    return made_comparison({{"net.a.norm", made_cell(Verdict::within, 1e-7)},
                            {"net.a.conv", made_cell(Verdict::within, 2e-7)},
                            {"net.a", made_cell(Verdict::within, 3e-7)},
                            {"net.b.norm", made_cell(Verdict::first, 1e-2)},
                            {"net.b.conv", made_cell(Verdict::inherits, 2e-2)},
                            {"net.b", made_cell(Verdict::differs, 3e-2)},
                            {"net.c", {}},
                            {"net", made_cell(Verdict::inherits, 4e-2)}});
}

} // namespace latent::test
