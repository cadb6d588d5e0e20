#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/tab_separated.hpp>

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// The rows as "where|cell|cell".
std::vector<std::string> rows_of(std::string_view text, std::size_t columns) {
    std::vector<std::string> rows;
    for_each_row("t.tsv", text, columns, [&](const std::string& where, const auto& cells) {
        auto row = where;
        for (const auto cell : cells) row += "|" + std::string(cell);
        rows.push_back(std::move(row));
    });
    return rows;
}

std::string rows_refusal(std::string_view text) {
    return message_of([&] { static_cast<void>(rows_of(text, 2)); });
}

} // namespace

TEST_CASE("tab_separated: rows, comments and blank lines") {
    CHECK(rows_of("", 2).empty());
    CHECK(rows_of("# a\tb\n\n  \n\t\r\n", 2).empty());
    CHECK(rows_of("a\tb\n#c\td\n\n e  \tf g \r\nx#1\t", 2) ==
          std::vector<std::string>{"t.tsv:1|a|b", "t.tsv:4|e|f g", "t.tsv:5|x#1|"});
    CHECK(rows_of("\xEF\xBB\xBF\xC3\xA4\tb\tc", 3) ==
          std::vector<std::string>{"t.tsv:1|\xC3\xA4|b|c"});
}

TEST_CASE("tab_separated: lines that are no rows") {
    CHECK(rows_refusal("a\tb\na b\n") ==
          "t.tsv:2: got 1 column, expected 2, with a tab between them");
    CHECK(contains(rows_refusal("a\tb\tc"), "t.tsv:1: got 3 columns"));
    CHECK(contains(rows_refusal("\n\na\t\xFF\n"), "t.tsv:3: got a line that is no UTF-8"));
    CHECK(contains(rows_refusal(std::string(1 << 20, '\t') + "x"), "got 1048577 columns"));
}

TEST_CASE("tab_separated: files") {
    const TemporaryFolder folder;
    const auto read = [&](const char* name) {
        for_each_row(folder / name, 2, [](const std::string&, const auto&) {});
    };
    CHECK(contains(message_of([&] { read("none.tsv"); }), "no file of that name"));
    write_text(folder / "a.tsv", "one\n");
    CHECK(contains(message_of([&] { read("a.tsv"); }), "a.tsv:1: got 1 column"));
    write_text(folder / "large.tsv", "");
    std::filesystem::resize_file(folder / "large.tsv", max_table_size + 1);
    CHECK(contains(message_of([&] { read("large.tsv"); }), "expected a table of at most"));
}
