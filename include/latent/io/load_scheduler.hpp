#pragma once

#include "latent/io/config.hpp"
#include "latent/io/nearest_name.hpp"
#include "latent/io/text.hpp"
#include "latent/schedulers/all.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// From a scheduler_config.json to a scheduler:
///     with_scheduler<Cpu<float>>("scheduler/scheduler_config.json", {}, [&](auto scheduler,
///                                const std::vector<std::string>& unknown) { ... });

namespace latent {

/// A scheduler's name as names are compared: without the word Scheduler, in small letters.
[[nodiscard]] inline std::string plain_name(std::string_view name) {
    std::string plain(short_name(name));
    for (auto& letter : plain)
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    return plain;
}

namespace detail {

[[noreturn]] inline void fail_scheduler(const std::string& where, std::string_view name) {
    std::vector<std::string_view> names;
    std::vector<std::string> plain;
    std::string list;
    for_each_scheduler<Meta>([&](auto type) {
        names.push_back(short_name(decltype(type)::type::class_name));
        plain.push_back(plain_name(names.back()));
        list += (list.empty() ? "" : ", ") + std::string(names.back());
    });
    const std::vector<std::string_view> candidates(plain.begin(), plain.end());
    std::string hint;
    if (const auto near = nearest_name(plain_name(name), candidates)) {
        const auto place = std::ranges::find(plain, *near) - plain.begin();
        hint = "did you mean " + std::string(names[static_cast<std::size_t>(place)]) + "?";
    }
    fail(where, "no scheduler " + in_quotes(name), "one of " + list, hint);
}

} // namespace detail

/// f(scheduler, unknown) with the scheduler that `json` describes, and the fields of it that
/// have no meaning there. `chosen`, with or without the word Scheduler and capitals, takes the
/// place of _class_name: the fields that it knows are kept, as diffusers' from_config does.
/// Throws Error, beginning with `where`, for an unknown name or a config that makes none.
template <class Device, class F>
void with_scheduler(const Json& json, const std::string& where, std::string_view chosen,
                    F&& f) {
    std::string name(chosen);
    if (name.empty()) {
        const auto found = json.is_object() ? json.find("_class_name") : json.end();
        if (found == json.end() || !found->is_string()) {
            fail(where, "no _class_name", "a scheduler_config.json that names its scheduler");
        }
        name = found->template get<std::string>();
    }
    bool known = false;
    for_each_scheduler<Device>([&](auto type) {
        using S = typename decltype(type)::type;
        if (plain_name(name) != plain_name(S::class_name)) return;
        known = true;
        auto fields_of = json;
        if (fields_of.is_object()) fields_of.erase("_class_name");
        auto read = read_config<ConfigOf<S>>(fields_of, where);
        auto scheduler = [&] {
            try {
                return S(read.config);
            } catch (const Error& error) {
                throw Error(where + ": " + brief(error.what(), 400));
            }
        }();
        f(std::move(scheduler), read.unknown);
    });
    if (!known) detail::fail_scheduler(where, name);
}

/// The same of a file.
template <class Device, class F>
void with_scheduler(const std::filesystem::path& path, std::string_view chosen, F&& f) {
    with_scheduler<Device>(load_config_json(path, true), display(path), chosen,
                           std::forward<F>(f));
}

} // namespace latent
