#pragma once

#include "latent/io/json.hpp"
#include "latent/io/text.hpp"
#include "latent/parity/recording.hpp"
#include "latent/tensor/error.hpp"

#include <cstddef>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The strings that stand beside a recording's tensors, in __metadata__ of a safetensors file:
///   "format"      latent recording 1
/// and as JSON text
///   "order"       ["decoder.conv_in", ...], the outputs as they were made
///   "modules"     {"decoder.conv_in": {"class": "Conv2d", "settings": {"stride": [1, 1], ...},
///                                      "parameters": ["decoder.conv_in.weight", ...]}, ...}
///   "aliases"     {"decoder.conv_in:input": "post_quant_conv", ...}
///   "not_stored"  ["decoder:input.1: None", ...]
///   "versions"    {"torch": "2.13.0", ...}, what it was made with

namespace latent {

inline constexpr std::string_view recording_format = "latent recording 1";

/// The longest of these texts that is read, in bytes: room for some 200,000 outputs.
inline constexpr std::size_t max_recording_text = std::size_t{16} << 20U;

/// The strings of a recording whose tensors have these names; errors begin with `where`.
[[nodiscard]] inline std::map<std::string, std::string>
recording_metadata(std::string_view where, const Recording& recording,
                   std::span<const std::string> names) {
    auto modules = Json::object();
    for (const auto& [path, info] : recording.modules) {
        modules[path] = {{"class", info.class_name},
                         {"settings", Json(info.settings)},
                         {"parameters", Json::array()}};
    }
    constexpr std::string_view parameter = "parameter:";
    for (const auto& name : names) {
        if (!name.starts_with(parameter)) continue;
        const auto key = name.substr(parameter.size());
        const auto dot = key.rfind('.');
        const auto owner = modules.find(dot == std::string::npos ? "" : key.substr(0, dot));
        if (owner != modules.end()) (*owner)["parameters"].push_back(key);
    }
    try {
        return {{"format", std::string(recording_format)},
                {"order", Json(recording.order).dump()},
                {"modules", modules.dump()},
                {"aliases", Json(recording.aliases).dump()},
                {"not_stored", Json(recording.not_stored).dump()},
                {"versions", Json(recording.metadata).dump()}};
    } catch (const Json::exception&) {
        fail(where, "a name that is no UTF-8", "names in UTF-8");
    }
}

namespace detail {

/// Reads these strings. A key that is missing says nothing; one that this version does not
/// know is left alone; whatever else surprises is an Error that names the key.
class RecordingReader {
public:
    RecordingReader(std::string_view where, const std::map<std::string, std::string>& metadata)
        : where_(where), metadata_(metadata) {}

    [[nodiscard]] std::vector<std::string> strings(const std::string& key) const {
        std::vector<std::string> list;
        const auto json = parsed(key, Json::array());
        if (!json.is_array()) refuse(key, "no array", "an array of strings");
        for (const auto& item : json) list.push_back(string(key, item));
        return list;
    }
    [[nodiscard]] std::map<std::string, std::string> pairs(const std::string& key) const {
        std::map<std::string, std::string> map;
        const auto json = object(key); // items() looks into it
        for (const auto& [name, value] : json.items()) {
            map.emplace(name, string(key, value));
        }
        return map;
    }
    [[nodiscard]] std::map<std::string, ModuleInfo> modules() const {
        std::map<std::string, ModuleInfo> modules;
        const auto json = object("modules"); // items() looks into it
        for (const auto& [path, module] : json.items()) {
            const auto what = "module " + in_quotes(path);
            if (!module.is_object()) refuse("modules", what + " as no object", "an object");
            auto& info = modules[path];
            info.path = path;
            if (const auto name = module.find("class"); name != module.end()) {
                info.class_name = string("modules", *name);
            }
            const auto settings = module.find("settings");
            if (settings == module.end()) continue;
            if (!settings->is_object()) {
                refuse("modules", what + " with settings that are no object", "an object");
            }
            for (const auto& [name, value] : settings->items()) {
                info.settings[name] = numbers(what + ", " + in_quotes(name), value);
            }
        }
        return modules;
    }

    [[noreturn]] void refuse(const std::string& key, const std::string& got,
                             const std::string& expected) const {
        fail(where_, got + " in the recording's " + in_quotes(key), expected);
    }

private:
    [[nodiscard]] Json parsed(const std::string& key, Json otherwise) const {
        const auto found = metadata_.find(key);
        if (found == metadata_.end()) return otherwise;
        if (found->second.size() > max_recording_text) {
            refuse(key, std::to_string(found->second.size()) + " bytes",
                   "at most " + std::to_string(max_recording_text));
        }
        return parse_json(std::string(where_) + ": " + key, found->second);
    }
    [[nodiscard]] Json object(const std::string& key) const {
        auto json = parsed(key, Json::object());
        if (!json.is_object()) refuse(key, "no object", "an object");
        return json;
    }
    [[nodiscard]] std::string string(const std::string& key, const Json& value) const {
        if (!value.is_string()) refuse(key, "something that is no string", "strings");
        return value.get<std::string>();
    }
    [[nodiscard]] std::vector<double> numbers(const std::string& what,
                                              const Json& value) const {
        std::vector<double> list;
        const auto take = [&](const Json& number) {
            if (!number.is_number()) refuse("modules", what + " as no number", "numbers");
            list.push_back(number.get<double>());
        };
        if (!value.is_array()) {
            take(value);
        } else {
            for (const auto& number : value) take(number);
        }
        return list;
    }

    std::string_view where_;
    const std::map<std::string, std::string>& metadata_;
};

} // namespace detail

/// Whether the strings beside a file's tensors are those of a recording. Throws Error where it
/// is one of another version.
[[nodiscard]] inline bool is_recording(std::string_view where,
                                       const std::map<std::string, std::string>& metadata) {
    const auto format = metadata.find("format");
    if (format == metadata.end() || !format->second.starts_with("latent recording")) {
        return false;
    }
    if (format->second == recording_format) return true;
    fail(where, "format " + in_quotes(format->second), in_quotes(recording_format),
         "another version wrote it: record anew");
}

/// Fills in what the strings say; recording.tensors must be there. Throws Error, beginning with
/// recording.where, where they speak of tensors that are not.
inline void read_recording_metadata(const std::map<std::string, std::string>& metadata,
                                    Recording& recording) {
    const detail::RecordingReader reader(recording.where, metadata);
    recording.modules = reader.modules();
    recording.aliases = reader.pairs("aliases");
    recording.not_stored = reader.strings("not_stored");
    recording.metadata = reader.pairs("versions");
    for (const auto& [name, stored] : recording.aliases) {
        if (recording.tensors->has(name)) {
            reader.refuse("aliases", in_quotes(name) + ", which is stored itself",
                          "names of what is not stored");
        }
        if (recording.tensors->has(stored)) continue;
        reader.refuse("aliases", in_quotes(name) + " for " + in_quotes(stored),
                      "a tensor that is stored");
    }
    recording.order = reader.strings("order");
    std::set<std::string_view> seen;
    for (const auto& name : recording.order) {
        if (!recording.has(name)) {
            reader.refuse("order", in_quotes(name), "names of tensors that are stored");
        }
        if (!seen.insert(name).second) {
            reader.refuse("order", "a duplicate: " + in_quotes(name), "every name once");
        }
    }
}

} // namespace latent
