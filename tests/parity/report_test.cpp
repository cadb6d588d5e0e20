#include "support/catch.hpp"
#include "parity/made_comparison.hpp"

#include <latent/parity/report.hpp>

#include <limits>
#include <string>

using namespace latent;
using namespace latent::test;

TEST_CASE("the verdict names the first divergence and its cause", "[parity]") {
    auto comparison = mistaken();
    CHECK(verdict_text(comparison, 0) ==
          "first divergence: net.b.norm (GroupNorm): likely cause: GroupNorm eps: 1e-05 where "
          "1e-06 is right");
    comparison.subjects[0].cause = {"unknown", ""};
    comparison.rows[3].class_name.clear();
    CHECK(verdict_text(comparison, 0) == "first divergence: net.b.norm: likely cause: unknown");

    comparison = mistaken();
    comparison.subjects[0].extra = {"x", "y", "z", "w"};
    const auto text = report(comparison);
    CHECK(contains(text, "\n1 row is not in it: net.c\n"));
    CHECK(contains(text, "\n4 of its outputs have no row: x, y, z, ...\n"));
    CHECK(contains(text, "\n1 row further on errs itself: net.b\n"));
    CHECK(contains(text, "\nrelative L2 there 1.0e-02 where 1.0e-04 is tolerated; of its own "
                         "5.0e-03 where 1.0e-06 is\n"));
    CHECK(contains(text, "→ first divergence   ! errs itself   · only what came in differs\n"));
    CHECK(text.ends_with(verdict_text(comparison, 0) + "\n"));
}

TEST_CASE("a verdict without a divergence says how well all agrees", "[parity]") {
    const auto same = made_cell(Verdict::same, 0), within = made_cell(Verdict::within, 2e-7);
    CHECK(verdict_text(made_comparison({{"a", same}, {"b", same}}), 0) ==
          "all 2 rows agree, bit for bit");
    CHECK(verdict_text(made_comparison({{"a", same}, {"b", within}}), 0) ==
          "all 2 rows agree: relative L2 at most 2.0e-07, at b");
    CHECK(verdict_text(made_comparison({{"a", within}, {"b", {}}}), 0) ==
          "1 of 2 rows were compared, and agree: relative L2 at most 2.0e-07, at a");
    CHECK(verdict_text(made_comparison({{"a", {}}}), 0) ==
          "none of the 1 row could be compared");
    CHECK_FALSE(contains(report(made_comparison({{"a", same}})), "first divergence"));
}

TEST_CASE("numbers that are none are told", "[parity]") {
    auto odd = made_cell(Verdict::first, std::numeric_limits<double>::infinity());
    odd.statistics.nan_count = 3;
    const auto text = report(made_comparison({{"a", odd}}));
    CHECK(contains(text, "1 row has NaN or infinity: a\n"));
    CHECK(contains(text, "relative L2 there inf where"));
}

TEST_CASE("each of two subjects has a verdict of its own", "[parity]") {
    auto comparison = mistaken();
    for (auto& row : comparison.rows) row.cells.push_back(made_cell(Verdict::same, 0));
    comparison.subjects.push_back({.title = "ours\n"});
    const auto text = report(comparison);
    CHECK(contains(text, "\na  theirs\n"));
    CHECK(contains(text, "\nb  ours?\nall 8 rows agree, bit for bit\n"));
}
