#pragma once

#include "latent/parity/comparison.hpp"
#include "latent/tensor/shape.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// How reports write names, errors, shapes and bars.

namespace latent::detail {

/// Columns that a text takes: its characters, each for one.
[[nodiscard]] inline std::size_t columns_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// A name that moves no cursor: one in a dump can be any sequence of bytes.
[[nodiscard]] inline std::string shown(std::string_view text) {
    std::string out(text);
    for (auto& c : out) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
    }
    return out;
}

/// The first `count` characters.
[[nodiscard]] inline std::string_view first_columns(std::string_view text, std::size_t count) {
    std::size_t at = 0;
    while (at < text.size() && count > 0) {
        do ++at;
        while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U);
        --count;
    }
    return text.substr(0, at);
}

/// Cut to a width, "…" standing for what was in the middle: a path's end says most.
[[nodiscard]] inline std::string cut_to(const std::string& text, std::size_t width) {
    const auto columns = columns_of(text);
    if (columns <= width || width < 3) return text;
    const auto front = (width - 1) / 2;
    const auto skipped = first_columns(text, columns - (width - 1 - front)).size();
    return std::string(first_columns(text, front)) + "…" + text.substr(skipped);
}

[[nodiscard]] inline std::string to_width(std::string text, std::size_t width, bool right) {
    const auto columns = columns_of(text);
    if (columns >= width) return text;
    const std::string space(width - columns, ' ');
    return right ? space + text : text + space;
}

/// "1 row", "3 rows".
[[nodiscard]] inline std::string counted(std::size_t count, const std::string& what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

[[nodiscard]] inline std::string formatted(const char* format, double number) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), format, number);
    return text.data();
}

/// An error in two digits: "2.1e-07"; "0" where nothing differs.
[[nodiscard]] inline std::string error_text(double error) {
    return error == 0 ? "0" : formatted("%.1e", error);
}
[[nodiscard]] inline std::string ulp_text(double ulp) {
    return formatted(ulp < 1000 ? "%.3g" : "%.1e", ulp);
}

/// How much of a bar an error fills, from 0 to 1: on a log scale from 1e-8 to 1.
[[nodiscard]] inline double bar_part(double error) {
    if (error == 0) return 0;
    if (!(error < 1)) return 1; // NaN, too
    return std::max(1 + std::log10(error) / 8, 0.0);
}
[[nodiscard]] inline std::string bar_text(double error, std::size_t width) {
    constexpr std::array<std::string_view, 8> eighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const auto filled =
        static_cast<std::size_t>(std::lround(bar_part(error) * 8 * static_cast<double>(width)));
    std::string bar;
    for (std::size_t i = 0; i < filled / 8; ++i) bar += "█";
    return bar + std::string(eighths[filled % 8]);
}

/// "1×512×8×8", and a place in it: "0,17,3,5".
[[nodiscard]] inline std::string joined(const Shape& shape, std::string_view separator) {
    std::string text;
    for (const auto dim : shape.dims()) {
        if (!text.empty()) text += separator;
        text += std::to_string(dim);
    }
    return text.empty() ? "scalar" : text;
}
[[nodiscard]] inline std::string place_in(const Shape& shape, std::int64_t place) {
    std::vector<std::int64_t> dims(shape.rank());
    for (std::size_t axis = shape.rank(); axis-- > 0; place /= shape[axis])
        dims[axis] = place % shape[axis];
    return shape.rank() == 0 ? "" : joined(Shape(std::move(dims)), ",");
}

[[nodiscard]] inline std::string_view mark_of(Verdict verdict) {
    switch (verdict) {
    case Verdict::first:
        return "→";
    case Verdict::differs:
        return "!";
    case Verdict::inherits:
        return "·";
    case Verdict::missing:
        return "?";
    case Verdict::unlike:
        return "≠";
    case Verdict::same:
    case Verdict::within:
        break;
    }
    return " ";
}

} // namespace latent::detail
