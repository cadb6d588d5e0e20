#pragma once

#include "latent/io/json.hpp"
#include "latent/io/system.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// Joins config.json to a config: an aggregate whose fields have the file's names and
/// diffusers' defaults, and a visitor beside it that calls f("name", config.name) for each of
/// them:
///     template <class Config, class F> void fields(Config& config, F&& f);

namespace latent {

/// A config that was read, and the fields of the file that it has no place for.
template <class Config>
struct ReadConfig {
    Config config;
    std::vector<std::string> unknown;
};

namespace detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T, class Allocator>
inline constexpr bool is_vector<std::vector<T, Allocator>> = true;

/// A type of field in words: what the error expects.
template <class T>
[[nodiscard]] std::string type_words() {
    if constexpr (is_optional<T>)
        return type_words<typename T::value_type>() + " or null";
    else if constexpr (is_vector<T>)
        return "a list, each of it " + type_words<typename T::value_type>();
    else if constexpr (std::same_as<T, bool>)
        return "true or false";
    else if constexpr (std::integral<T>)
        return "a whole number";
    else if constexpr (std::floating_point<T>)
        return "a number";
    else
        return "a string";
}

/// Puts `json` into `field` if it is of the field's type: true and 1 are different things, and
/// a whole number may stand where a real one is meant, but not the other way round.
template <class T>
[[nodiscard]] bool assign_field(const Json& json, T& field) {
    if constexpr (is_optional<T>) {
        if (json.is_null()) {
            field.reset();
            return true;
        }
        return assign_field(json, field.emplace());
    } else if constexpr (is_vector<T>) {
        if (!json.is_array()) return false;
        T values;
        for (const auto& element : json) {
            typename T::value_type value{};
            if (!assign_field(element, value)) return false;
            values.push_back(std::move(value));
        }
        field = std::move(values);
    } else if constexpr (std::same_as<T, bool>) {
        if (!json.is_boolean()) return false;
        field = json.get<bool>();
    } else if constexpr (std::integral<T>) {
        if (!json.is_number_integer()) return false;
        const bool too_large =
            json.is_number_unsigned() && !std::in_range<T>(json.get<std::uint64_t>());
        if (too_large || !std::in_range<T>(json.get<std::int64_t>())) return false;
        field = json.get<T>();
    } else if constexpr (std::floating_point<T>) {
        if (json == "Infinity" || json == "-Infinity") {
            const auto infinity = std::numeric_limits<T>::infinity();
            field = json == "Infinity" ? infinity : -infinity;
            return true;
        }
        if (!json.is_number()) return false;
        field = json.get<T>();
    } else {
        static_assert(
            std::same_as<T, std::string>,
            "a config's field is a bool, a number, a string, a vector or an optional");
        if (!json.is_string()) return false;
        field = json.get<std::string>();
    }
    return true;
}

/// A number as JSON. A float is written with as few digits as tell it from its neighbours.
template <std::floating_point T>
[[nodiscard]] OrderedJson number_to_json(T number) {
    if constexpr (std::same_as<T, float>) {
        char digits[32];
        const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
        double shortest = 0;
        std::from_chars(digits, end, shortest);
        return shortest;
    } else {
        return number;
    }
}

/// A field as JSON, which has no infinity: that is a string.
template <class T>
[[nodiscard]] OrderedJson field_to_json(const T& field) {
    if constexpr (is_optional<T>) {
        return field ? field_to_json(*field) : OrderedJson(nullptr);
    } else if constexpr (std::floating_point<T>) {
        if (std::isinf(field)) return field > 0 ? "Infinity" : "-Infinity";
        return number_to_json(field);
    } else {
        return field;
    }
}

/// The JSON value on one line, for an error.
[[nodiscard]] inline std::string json_text(const Json& json) {
    if (json.is_object()) return "an object";
    if (json.is_array() && json.size() > 16) {
        return "a list of " + std::to_string(json.size());
    }
    return brief(json.dump(), 80);
}

/// The text with the Infinity and -Infinity that Python writes for numbers, and JSON has not,
/// in quotes.
[[nodiscard]] inline std::string quoted_infinities(std::string_view text) {
    constexpr std::string_view infinity = "Infinity";
    std::string quoted;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto sign = std::size_t{text[i] == '-'};
        if (!in_string && text.substr(i + sign).starts_with(infinity)) {
            const auto length = sign + infinity.size();
            quoted.append("\"").append(text.substr(i, length)).append("\"");
            i += length - 1;
            continue;
        }
        if (text[i] == '"') in_string = !in_string;
        if (in_string && text[i] == '\\' && i + 1 < text.size()) quoted += text[i++];
        quoted += text[i];
    }
    return quoted;
}

inline void require_class_name(std::string_view where, const Json& json,
                               std::string_view class_name) {
    const auto found = json.find("_class_name");
    if (found == json.end() || class_name.empty()) return;
    if (!found->is_string() || found->get_ref<const std::string&>() != class_name) {
        fail(where, "_class_name " + json_text(*found), in_quotes(class_name),
             "this config belongs to another kind of model");
    }
}

} // namespace detail

/// Reads a config from JSON: a missing field keeps its default, a field of the wrong type
/// throws Error, a field that the config does not have is listed in `unknown` (but for names
/// that begin with '_', which speak of the file). `_class_name`, where there is one, must be
/// `class_name`.
template <class Config>
[[nodiscard]] ReadConfig<Config> read_config(const Json& json, std::string_view where,
                                             std::string_view class_name = {},
                                             Config defaults = {}) {
    if (!json.is_object()) fail(where, detail::json_text(json), "a JSON object");
    detail::require_class_name(where, json, class_name);
    ReadConfig<Config> result{std::move(defaults), {}};
    std::vector<std::string_view> known;
    fields(result.config, [&](std::string_view name, auto& field) {
        known.push_back(name);
        const auto found = json.find(name);
        if (found == json.end() || detail::assign_field(*found, field)) return;
        fail(where, std::string(name) + " = " + detail::json_text(*found),
             detail::type_words<std::remove_reference_t<decltype(field)>>());
    });
    for (const auto& [name, value] : json.items()) {
        if (name.starts_with('_') || std::ranges::find(known, name) != known.end()) continue;
        result.unknown.push_back(name);
    }
    return result;
}

/// The JSON of a config's file, which has at most 1 MiB. With `infinities`, what Python writes
/// of infinite numbers, which is no JSON, is read, too: schedulers have such a field.
[[nodiscard]] inline Json load_config_json(const std::filesystem::path& path,
                                           bool infinities = false) {
    const MappedFile file(path);
    const auto where = display(path);
    constexpr std::size_t most = std::size_t{1} << 20U;
    if (file.bytes().size() > most) {
        fail(where, std::to_string(file.bytes().size()) + " bytes",
             "a config of at most 1 MiB");
    }
    const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()),
                                file.bytes().size());
    return infinities ? parse_json(where, detail::quoted_infinities(text))
                      : parse_json(where, text);
}

/// read_config of a file.
template <class Config>
[[nodiscard]] ReadConfig<Config> load_config(const std::filesystem::path& path,
                                             std::string_view class_name = {},
                                             Config defaults = {}) {
    return read_config<Config>(load_config_json(path), display(path), class_name,
                               std::move(defaults));
}

/// The config as JSON: `_class_name` first (unless empty), then every field in its order, those
/// that were defaults too.
template <class Config>
[[nodiscard]] OrderedJson config_to_json(const Config& config,
                                         std::string_view class_name = {}) {
    OrderedJson json = OrderedJson::object();
    if (!class_name.empty()) json["_class_name"] = class_name;
    fields(config, [&](std::string_view name, const auto& field) {
        json[std::string(name)] = detail::field_to_json(field);
    });
    return json;
}

} // namespace latent
