#pragma once

#include "latent/io/system.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

/// Tables that people write by hand or print from a script: a row a line, tabs between cells.

namespace latent {

/// The largest table that is read, in bytes.
inline constexpr std::size_t max_table_size = std::size_t{64} << 20U;

namespace detail {

[[nodiscard]] inline std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \r");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \r") - first + 1);
}

} // namespace detail

/// Calls row(where, cells) for each row of a text: `where` is the file and the line's number,
/// "names.tsv:3", as an Error begins; `cells` are std::vector<std::string_view>, without the
/// spaces around them. Blank lines, and those that begin with '#', are left out.
/// Throws Error for text that is no UTF-8, or in which a row has not `columns` cells.
template <class Row>
void for_each_row(std::string_view where, std::string_view text, std::size_t columns, Row row) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3); // editors put it there
    std::vector<std::string_view> cells;
    for (std::size_t number = 1; !text.empty(); ++number) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.starts_with('#') ||
            detail::trimmed(line).find_first_not_of('\t') == std::string_view::npos) {
            continue;
        }
        const auto here = std::string(where) + ":" + std::to_string(number);
        if (!is_utf8(line)) fail(here, "a line that is no UTF-8", "text in UTF-8");
        const auto found =
            static_cast<std::size_t>(std::ranges::count(line, '\t')) + std::size_t{1};
        if (found != columns) {
            fail(here, std::to_string(found) + (found == 1 ? " column" : " columns"),
                 std::to_string(columns) + ", with a tab between them");
        }
        cells.clear();
        for (std::size_t i = 0; i < columns; ++i) {
            const auto cell = line.substr(0, line.find('\t'));
            cells.push_back(detail::trimmed(cell));
            line.remove_prefix(std::min(cell.size() + 1, line.size()));
        }
        row(here, cells);
    }
}

/// The same of a file, which is at most max_table_size long.
template <class Row>
void for_each_row(const std::filesystem::path& path, std::size_t columns, Row row) {
    const MappedFile file(path);
    const auto where = display(path);
    if (file.bytes().size() > max_table_size) {
        fail(where, std::to_string(file.bytes().size()) + " bytes",
             "a table of at most " + std::to_string(max_table_size));
    }
    const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()),
                                file.bytes().size());
    for_each_row(where, text, columns, row);
}

} // namespace latent
