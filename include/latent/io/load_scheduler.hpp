#pragma once

#include "latent/io/config.hpp"
#include "latent/io/nearest_name.hpp"
#include "latent/io/text.hpp"
#include "latent/schedulers/all.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// From a scheduler_config.json to a scheduler:
///     with_scheduler<Cpu<float>>("scheduler/scheduler_config.json", {}, [&](auto scheduler,
///                                const std::vector<std::string>& unknown) { ... });

namespace latent {

namespace detail {

[[noreturn]] inline void fail_scheduler(const std::string& where, std::string_view name) {
    std::vector<std::string_view> names;
    for_each_scheduler<Meta>(
        [&](auto type) { names.push_back(short_name(decltype(type)::type::class_name)); });
    const auto near = nearest_name(short_name(name), names);
    std::string list;
    for (const auto known : names) list += (list.empty() ? "" : ", ") + std::string(known);
    fail(where, "no scheduler " + in_quotes(name), "one of " + list,
         near ? "did you mean " + *near + "?" : "");
}

} // namespace detail

/// f(scheduler, unknown) with the scheduler that `json` describes, and the fields of it that
/// have no meaning there. `chosen`, with or without the word Scheduler, takes the place of
/// _class_name: the fields that it knows are kept, as diffusers' from_config does.
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
        if (short_name(name) != short_name(S::class_name)) return;
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
