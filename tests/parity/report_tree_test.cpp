#include "support/catch.hpp"
#include "parity/made_comparison.hpp"

#include <latent/parity/report_tree.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// "[[a.x a.y] a] b": a tree's names, parts in brackets before their whole.
std::string tree_text(const Comparison& comparison, const std::vector<ReportNode>& nodes) {
    std::string text;
    for (const auto& node : nodes) {
        if (!text.empty()) text += ' ';
        const auto& name = comparison.rows[node.row].name;
        text += node.parts.empty() ? name
                                   : "[" + tree_text(comparison, node.parts) + " " + name + "]";
    }
    return text;
}
std::string tree_of(const std::vector<std::string>& names) {
    std::vector<std::pair<std::string, Cell>> rows;
    for (const auto& name : names) rows.emplace_back(name, made_cell(Verdict::same, 0));
    const auto comparison = made_comparison(rows);
    return tree_text(comparison, report_tree(comparison));
}

} // namespace

TEST_CASE("rows nest as their paths do", "[parity]") {
    CHECK(tree_of({"a.x", "a.y", "a", "b"}) == "[a.x a.y a] b");
    CHECK(tree_of({"n.a.x", "n.a", "n.b", "n"}) == "[[n.a.x n.a] n.b n]");
    CHECK(tree_of({"n.list.0.x", "n.list.0", "n"}) == "[[n.list.0.x n.list.0] n]");
    CHECK(tree_of({"a.x#0", "a#0", "a.x#1", "a#1"}) == "[a.x#0 a#0] [a.x#1 a#1]");
    CHECK(tree_of({"a", "b.c", ""}) == "[a b.c ]"); // all is part of the nameless whole
}

TEST_CASE("what does not nest stands side by side", "[parity]") {
    CHECK(tree_of({"a", "a.x", "ab", "b"}) == "a a.x ab b"); // by name, not as it ran
    CHECK(tree_of({"a.x", "ab", "a"}) == "a.x ab a");
    CHECK(tree_of({}).empty());
}

TEST_CASE("rows that nobody has are no part of the tree", "[parity]") {
    const auto comparison = mistaken();
    CHECK(tree_text(comparison, report_tree(comparison)) ==
          "[[net.a.norm net.a.conv net.a] [net.b.norm net.b.conv net.b] net]");
}

TEST_CASE("names of a thousand levels make no deep tree", "[parity]") {
    std::vector<std::pair<std::string, Cell>> rows;
    std::string name = "a";
    for (int i = 0; i < 1000; ++i) {
        rows.insert(rows.begin(), {name, made_cell(Verdict::same, 0)});
        name += ".a";
    }
    std::size_t highest = 0, nodes = 0;
    for (const auto& node : report_tree(made_comparison(rows))) {
        highest = std::max(highest, node.height);
        ++nodes;
    }
    CHECK(highest <= 32);
    CHECK(nodes >= 1000 / 33);
}

TEST_CASE("names are shortened within their module", "[parity]") {
    CHECK(name_within("a.b.c", "a.b") == "c");
    CHECK(name_within("a.b.c#1", "a") == "b.c#1");
    CHECK(name_within("a.b", "") == "a.b");
    CHECK(name_within("ab.c", "a") == "ab.c");
    CHECK(name_within("a#1", "a") == "a#1");
    CHECK(name_within("", "") == "(the whole)");
}
