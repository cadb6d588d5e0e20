#include "support/catch.hpp"
#include "parity/made_comparison.hpp"

#include <latent/parity/report_table.hpp>

#include <sstream>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

std::vector<std::string> table_lines(const Comparison& comparison,
                                     const ReportOptions& options = {}) {
    std::istringstream text(detail::ReportTable(comparison, options).text());
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
}

} // namespace

TEST_CASE("a table has a line an output, framed by its module", "[parity]") {
    const auto lines = table_lines(mistaken());
    REQUIRE(lines.size() == 1 + 7 + 3); // a title, rows, and the tops of three frames
    CHECK(lines[1] == "  ┌ net");
    CHECK(lines[2] == "  │ ┌ a");
    CHECK(lines[3].starts_with("  │ │ norm"));
    CHECK(lines[5].starts_with("  │ └ a"));
    CHECK(lines[7].starts_with("→ │ │ norm"));
    CHECK(lines[7].ends_with("1×2×3 1.0e-02 5.0e-03 3.0e-02 0,1,2 2.5 1.000000 ██████"));
    CHECK(lines[8].starts_with("· │ │ conv"));
    CHECK(lines[9].starts_with("! │ └ b"));
    CHECK(lines[10].starts_with("· └ net"));
}

TEST_CASE("a brief table counts what does not err itself", "[parity]") {
    const auto lines = table_lines(mistaken(), {.brief = true});
    REQUIRE(lines.size() == 8);
    CHECK(lines[2] == "  │ (3 rows within tolerance)");
    CHECK(lines[4].starts_with("→ │ │ norm"));
    CHECK(lines[5] == "  │ │ (1 row whose input differs)");
    // Without a row there is nothing to head.
    const auto good = made_comparison(
        {{"a", made_cell(Verdict::same, 0)}, {"b", made_cell(Verdict::inherits, 1)}});
    CHECK(table_lines(good, {.brief = true}) ==
          std::vector<std::string>{" (1 row within tolerance, 1 row whose input differs)"});
}

TEST_CASE("two subjects take two lines a row", "[parity]") {
    auto comparison = mistaken();
    for (auto& row : comparison.rows) row.cells.push_back(made_cell(Verdict::same, 0));
    comparison.subjects.push_back({.title = "ours"});
    const auto lines = table_lines(comparison);
    REQUIRE(lines.size() == 1 + 2 * 8 + 3);
    CHECK(lines[3].starts_with("a  │ │ norm"));
    CHECK(lines[4].starts_with("b  │ │  "));
    CHECK(lines[4].ends_with(" 2.5 1.000000")); // and no bar
    // What one of them lacks is said on its line.
    CHECK(lines[16].starts_with("a? │ c"));
    CHECK(lines[16].ends_with("1×2×3 not there"));
}

TEST_CASE("a table's lines keep their width, whatever names say", "[parity]") {
    auto comparison = mistaken();
    comparison.rows[3].name = "net.b." + std::string(500, 'y');
    comparison.rows[4].name = "net.b.\x1B[2J\r\n";
    comparison.rows[5].cells[0] = {.verdict = Verdict::unlike, .remark = "shape\n[1]"};
    const auto lines = table_lines(comparison, {.width = 80});
    CHECK(lines.size() == 11);
    for (const auto& line : lines) {
        CAPTURE(line);
        CHECK(detail::columns_of(line) <= 80);
        CHECK(line.find_first_of("\x1B\r") == std::string::npos);
    }
    CHECK(lines[9].ends_with("1×2×3 shape?[1]"));
}

TEST_CASE("colours are for terminals alone", "[parity]") {
    const auto text = detail::ReportTable(mistaken(), {.colour = true}).text();
    CHECK(contains(text, "\x1B[1;31m→\x1B[0m"));
    CHECK_FALSE(contains(detail::ReportTable(mistaken(), {}).text(), "\x1B"));
}
