#pragma once

#include <latent/parity/explain_time.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// An Explanation as a table for a terminal of 100 columns: the modules as a tree, and what
/// each of them is and costs.

namespace latent::command {

/// "1,257,259,466,752".
[[nodiscard]] inline std::string with_separators(std::int64_t number) {
    auto text = std::to_string(number);
    for (auto at = std::ssize(text) - 3; at > 0; at -= 3)
        text.insert(static_cast<std::size_t>(at), 1, ',');
    return text;
}

/// With decimals: "1,257,259.5". For numbers of at least 0.
[[nodiscard]] inline std::string with_separators(double number, int decimals) {
    char digits[64];
    std::snprintf(digits, sizeof digits, "%.*f", decimals, number);
    const std::string text = digits;
    const auto point = std::min(text.find('.'), text.size());
    return with_separators(static_cast<std::int64_t>(std::stoll(text.substr(0, point)))) +
           text.substr(point);
}

/// "512×64×64": a shape without the batch in front.
[[nodiscard]] inline std::string shape_text(const Shape& shape) {
    std::string text;
    for (const auto dim : shape.dims().subspan(std::min<std::size_t>(shape.rank(), 1))) {
        if (!text.empty()) text += "×";
        text += std::to_string(dim);
    }
    return text;
}

/// Bytes in the largest unit of which there is one: "896.1 MiB".
[[nodiscard]] inline std::string bytes_text(std::int64_t bytes) {
    constexpr std::array units{" bytes", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
    return with_separators(value, unit == 0 ? 0 : 1) + units[unit];
}

/// The rows that a tree of so many levels has.
[[nodiscard]] inline std::vector<std::size_t> rows_within(const Explanation& explanation,
                                                          std::int64_t levels) {
    std::vector<std::size_t> shown;
    for (std::size_t i = 0; i < explanation.rows.size(); ++i) {
        if (explanation.rows[i].depth < levels) shown.push_back(i);
    }
    return shown;
}

/// Lines of cells in columns, the first few of them flush left, numbers flush right.
class Table {
public:
    explicit Table(std::size_t left) : left_(left) {}

    void add(std::vector<std::string> cells) {
        widths_.resize(std::max(widths_.size(), cells.size()));
        for (std::size_t i = 0; i < cells.size(); ++i)
            widths_[i] = std::max(widths_[i], columns_of(cells[i]));
        lines_.push_back(std::move(cells));
    }

    [[nodiscard]] std::string text() const {
        std::string text;
        for (const auto& cells : lines_) {
            std::string line;
            for (std::size_t i = 0; i < cells.size(); ++i) {
                const std::string room(widths_[i] - columns_of(cells[i]), ' ');
                line += i == 0 ? "" : "  ";
                line += i < left_ ? cells[i] + room : room + cells[i];
            }
            line.erase(line.find_last_not_of(' ') + 1);
            text += line + '\n';
        }
        return text;
    }

private:
    /// What UTF-8 takes on a screen: bytes that go on with a character take nothing.
    static std::size_t columns_of(std::string_view text) {
        return static_cast<std::size_t>(std::ranges::count_if(
            text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
    }

    std::size_t left_;
    std::vector<std::size_t> widths_;
    std::vector<std::vector<std::string>> lines_;
};

namespace detail {

/// The branches in front of each of these rows, and the names behind them: what a path has
/// beyond that of the module around it.
[[nodiscard]] inline std::vector<std::string>
tree_labels(const Explanation& explanation, const std::vector<std::size_t>& shown) {
    std::vector<std::string> labels(shown.size());
    std::vector<bool> goes_on; // whether a depth has another row below, seen from the end
    for (auto i = shown.size(); i-- > 0;) {
        const auto& row = explanation.rows[shown[i]];
        const auto depth = static_cast<std::size_t>(row.depth);
        goes_on.resize(depth + 1, false);
        for (std::size_t level = 1; level < depth; ++level)
            labels[i] += goes_on[level] ? "│  " : "   ";
        if (depth > 0) labels[i] += goes_on[depth] ? "├─ " : "└─ ";
        goes_on[depth] = true;
    }
    std::vector<std::string_view> around; // the paths of the modules around a row
    for (std::size_t i = 0; i < shown.size(); ++i) {
        const auto& row = explanation.rows[shown[i]];
        around.resize(static_cast<std::size_t>(row.depth));
        std::string_view name = row.path;
        if (!around.empty() && !around.back().empty() && name.starts_with(around.back()))
            name.remove_prefix(std::min(name.size(), around.back().size() + 1));
        labels[i] += name.empty() ? row.class_name : std::string(name);
        around.push_back(row.path);
    }
    return labels;
}

/// A number of one decimal in this unit; "-" for 0.
[[nodiscard]] inline std::string cell(std::int64_t value, double unit) {
    return value == 0 ? "-" : with_separators(static_cast<double>(value) / unit, 1);
}

} // namespace detail

/// Multiply-adds a second as floating-point operations, two each, in thousand millions.
[[nodiscard]] inline double gflops(std::int64_t multiply_adds, double seconds) {
    return seconds > 0 ? 2e-9 * static_cast<double>(multiply_adds) / seconds : 0;
}

/// The table of the rows that `levels` leave. With times these stand in the place of memory and
/// of what is seen.
[[nodiscard]] inline std::string table_text(const Explanation& explanation, std::int64_t levels,
                                            const std::optional<ModuleTimes>& times,
                                            const std::string& seen_unit) {
    const auto shown = rows_within(explanation, levels);
    const auto labels = detail::tree_labels(explanation, shown);
    const bool many = explanation.multiply_adds >= 100'000'000;
    const double work_unit = many ? 1e6 : 1e3;
    std::int64_t largest = 0;
    for (const auto& row : explanation.rows) largest = std::max(largest, row.output_bytes);
    const bool large = largest >= 1 << 20;
    const double memory_unit = large ? 1 << 20 : 1 << 10;

    Table table(2);
    std::vector<std::string> first{"module", "class", "output", "parameters", "multiply-"};
    std::vector<std::string> second{"", "", "", "", many ? "adds, M" : "adds, K"};
    const auto head = [&](const char* above, const std::string& below) {
        first.emplace_back(above);
        second.push_back(below);
    };
    if (times) {
        head("time,", "ms");
        head("GFLOP/s", "");
    } else {
        head("output,", large ? "MiB" : "KiB");
        head("sees,", seen_unit);
    }
    table.add(std::move(first));
    table.add(std::move(second));
    for (std::size_t i = 0; i < shown.size(); ++i) {
        const auto& row = explanation.rows[shown[i]];
        std::vector<std::string> cells{labels[i], row.class_name, shape_text(row.output),
                                       row.parameters == 0 ? "-"
                                                           : with_separators(row.parameters),
                                       detail::cell(row.multiply_adds, work_unit)};
        if (times) {
            const auto seconds = times->seconds[shown[i]];
            cells.push_back(with_separators(1000 * seconds, 2));
            const auto speed = gflops(row.multiply_adds, seconds);
            cells.push_back(row.multiply_adds == 0 ? "-" : with_separators(speed, 1));
        } else {
            cells.push_back(
                with_separators(static_cast<double>(row.output_bytes) / memory_unit, 2));
            // Alike in width, so that the numbers stand below each other.
            cells.push_back(std::to_string(row.receptive_field) +
                            (row.sees_all ? " (all)" : "      "));
        }
        table.add(std::move(cells));
    }
    return table.text();
}

} // namespace latent::command
