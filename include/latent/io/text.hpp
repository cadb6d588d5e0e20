#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

/// Text that came from a file, made fit to be shown. A name in a checkpoint is any sequence of
/// characters: empty, with line breaks, with the escapes of a terminal. Whoever prints one, or
/// puts one into an error, goes through here; so an error stays one line.

namespace latent {

/// One character of UTF-8: its code point and the bytes that it takes. `valid` is false where
/// the bytes are no UTF-8 (then `length` is 1): overlong forms, surrogates, a cut character.
struct CodePoint {
    std::uint32_t value = 0;
    std::size_t length = 1;
    bool valid = false;
};

/// The character at the beginning of `text`, which must not be empty.
[[nodiscard]] inline CodePoint first_code_point(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
    };
    const auto lead = byte(0);
    if (lead < 0x80) return {lead, 1, true};

    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
    std::uint32_t value = lead & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0U) != 0x80U) return {};
        value = (value << 6U) | (byte(i) & 0x3FU);
    }
    const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
    const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
    if (overlong || surrogate || value > 0x10FFFF) return {};
    return {value, length, true};
}

/// Whether all of `text` is UTF-8. A NUL is a character like any other.
[[nodiscard]] inline bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto character = first_code_point(text);
        if (!character.valid) return false;
        text.remove_prefix(character.length);
    }
    return true;
}

namespace detail {

/// Characters that a terminal may act upon instead of showing them: controls, line separators,
/// and the marks that turn the direction of writing.
[[nodiscard]] inline bool is_unsafe(std::uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF ||
           (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

inline void append_escape(std::string& out, std::uint32_t c) {
    switch (c) {
    case '\b':
        out += "\\b";
        return;
    case '\t':
        out += "\\t";
        return;
    case '\n':
        out += "\\n";
        return;
    case '\f':
        out += "\\f";
        return;
    case '\r':
        out += "\\r";
        return;
    default:
        break;
    }
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) {
        out += "0123456789abcdef"[(c >> static_cast<unsigned>(shift)) & 0xFU];
    }
}

} // namespace detail

/// The text on one line: unsafe characters as JSON escapes, bytes that are no UTF-8 as U+FFFD,
/// everything else as it is.
[[nodiscard]] inline std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto character = first_code_point(text);
        if (!character.valid) {
            out += "\xEF\xBF\xBD";
        } else if (detail::is_unsafe(character.value)) {
            detail::append_escape(out, character.value);
        } else {
            out += text.substr(0, character.length);
        }
        text.remove_prefix(character.length);
    }
    return out;
}

/// As printable, and with `"` and `\` escaped: what stands between the quotes of a JSON string.
/// Listings show names so; read back as JSON they are the names.
[[nodiscard]] inline std::string escaped(std::string_view text) {
    std::string out;
    std::size_t plain = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i < text.size() && text[i] != '"' && text[i] != '\\') continue;
        out += printable(text.substr(plain, i - plain));
        if (i < text.size()) {
            out += '\\';
            out += text[i];
        }
        plain = i + 1;
    }
    return out;
}

/// The text cut to about `limit` bytes, at a character's boundary, "..." standing for the rest.
[[nodiscard]] inline std::string shortened(std::string_view text, std::size_t limit = 120) {
    if (text.size() <= limit) return std::string(text);
    while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) --limit;
    return std::string(text.substr(0, limit)) + "...";
}

/// Text for an error: on one line, and cut where it is very long. Escapes are longer than what
/// they stand for, so it is cut once more behind them.
[[nodiscard]] inline std::string brief(std::string_view text, std::size_t limit = 120) {
    return shortened(printable(shortened(text, limit)), 2 * limit);
}

/// A name for an error: as brief, with quotes escaped, in double quotes.
[[nodiscard]] inline std::string in_quotes(std::string_view text, std::size_t limit = 120) {
    return '"' + shortened(escaped(shortened(text, limit)), 2 * limit) + '"';
}

/// A path as an error begins with it.
[[nodiscard]] inline std::string display(const std::filesystem::path& path) {
    return path.empty() ? "\"\"" : printable(path.string());
}

} // namespace latent
