#pragma once

#include <string_view>
#include <type_traits>

namespace latent {

/// The config of another scheduler from this one's: every field that both have under one name
/// and that is not as `From` has it by default; the others keep To's own defaults.
///     const auto config = converted<EulerDiscreteSchedulerConfig>(ddim.config);
/// Parity: EulerDiscreteScheduler.from_config(ddim.config), which leaves defaults out, too.
template <class To, class From>
[[nodiscard]] To converted(const From& from) {
    To to;
    const From defaults;
    fields(to, [&](std::string_view name, auto& field) {
        using Field = std::remove_cvref_t<decltype(field)>;
        const auto value_in = [&](const From& config) {
            const Field* found = nullptr;
            fields(config, [&](std::string_view other, const auto& value) {
                if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, Field>) {
                    if (other == name) found = &value;
                }
            });
            return found;
        };
        const auto* const value = value_in(from);
        if (value && *value != *value_in(defaults)) field = *value;
    });
    return to;
}

} // namespace latent
