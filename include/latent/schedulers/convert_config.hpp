#pragma once

#include <concepts>
#include <optional>
#include <string_view>
#include <type_traits>

namespace latent {

namespace detail {

/// found = value, where that has its type, or is, or may be, a value of it.
template <class Field, class Value>
void take(std::optional<Field>& found, const Value& value) {
    if constexpr (std::same_as<Value, Field> || std::same_as<std::optional<Value>, Field>)
        found.emplace(value);
    else if constexpr (std::same_as<Value, std::optional<Field>>)
        found = value;
}

} // namespace detail

/// The config of another scheduler from this one's: every field that both have under one name
/// and that is not as `From` has it by default; the others keep To's own defaults.
///     const auto config = converted<EulerDiscreteSchedulerConfig>(ddim.config);
/// Parity: EulerDiscreteScheduler.from_config(ddim.config) of a `ddim` made in code, where
/// what its maker left alone is a default. A file says all its fields: with_scheduler
/// (io/load_scheduler.hpp) reads one as another scheduler's, and keeps them all.
template <class To, class From>
[[nodiscard]] To converted(const From& from) {
    To to;
    const From defaults;
    fields(to, [&](std::string_view name, auto& field) {
        using Field = std::remove_cvref_t<decltype(field)>;
        const auto value_in = [&](const From& config) {
            std::optional<Field> found;
            fields(config, [&](std::string_view other, const auto& value) {
                if (other == name) detail::take(found, value);
            });
            return found;
        };
        const auto value = value_in(from);
        if (value && value != value_in(defaults)) field = *value;
    });
    return to;
}

} // namespace latent
