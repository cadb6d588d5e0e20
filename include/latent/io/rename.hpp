#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace latent {

/// One line of the table that leads from a parameter's name to its name in a file. The parts of
/// `from` (between dots) are looked for as neighbouring parts of the name, and the first place
/// where they stand is replaced by `to`. A part '#' is any number; in `to` it stands for that
/// number plus `shift`, one '#' after the other.
///     {"decoder.layers.#", "#", 1}    decoder.layers.3.conv.0.weight -> 4.conv.0.weight
///     {"conv_shortcut", "nin_shortcut"}
///     {"", "first_stage_model"}       an empty `from` puts `to` in front
struct RenameRule {
    std::string from;
    std::string to;
    std::int64_t shift = 0;
};

namespace detail {

[[nodiscard]] inline std::vector<std::string_view> split_name(std::string_view name) {
    std::vector<std::string_view> parts;
    if (name.empty()) return parts;
    for (std::size_t begin = 0;;) {
        const auto dot = name.find('.', begin);
        parts.push_back(name.substr(begin, dot - begin));
        if (dot == std::string_view::npos) return parts;
        begin = dot + 1;
    }
}

/// The part as a number, or -1.
[[nodiscard]] inline std::int64_t part_number(std::string_view part) {
    std::int64_t number = -1;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    return error == std::errc() && end == part.data() + part.size() ? number : -1;
}

[[nodiscard]] inline std::string apply_rule(const RenameRule& rule, const std::string& name) {
    const auto parts = split_name(name);
    const auto pattern = split_name(rule.from);
    const auto same = [](std::string_view part, std::string_view wanted) {
        return wanted == "#" ? part_number(part) >= 0 : part == wanted;
    };
    const auto found =
        std::search(parts.begin(), parts.end(), pattern.begin(), pattern.end(), same);
    if (found == parts.end() && !pattern.empty()) return name;
    const auto rest = found + static_cast<std::ptrdiff_t>(pattern.size());

    std::vector<std::int64_t> numbers;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const auto part = *(found + static_cast<std::ptrdiff_t>(i));
        if (pattern[i] == "#") numbers.push_back(part_number(part) + rule.shift);
    }
    std::string result;
    const auto append = [&](std::string_view part) {
        if (!result.empty()) result += '.';
        result += part;
    };
    for (auto part = parts.begin(); part != found; ++part) append(*part);
    for (std::size_t used = 0; const auto part : split_name(rule.to)) {
        append(part == "#" && used < numbers.size() ? std::to_string(numbers[used++])
                                                    : std::string(part));
    }
    for (auto part = rest; part != parts.end(); ++part) append(*part);
    return result;
}

} // namespace detail

/// The name after all rules, each applied once to what the ones before it gave.
[[nodiscard]] inline std::string renamed(std::string name, std::span<const RenameRule> rules) {
    for (const auto& rule : rules) name = detail::apply_rule(rule, name);
    return name;
}

/// The table that leads back: the rules in reverse, each turned round. It undoes renamed() for
/// names in which no rule's `to` stands before the rule is applied.
[[nodiscard]] inline std::vector<RenameRule> inverse(std::span<const RenameRule> rules) {
    std::vector<RenameRule> back;
    for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
        back.push_back({.from = rule->to, .to = rule->from, .shift = -rule->shift});
    }
    return back;
}

} // namespace latent
