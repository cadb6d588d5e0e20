#pragma once

#include "latent/io/json.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// model.safetensors.index.json: a checkpoint that was cut into several files, and in which of
/// them each tensor is:
///   {"metadata": {"total_size": 4096}, "weight_map": {"a.weight": "model-00001-of-00002...."}}

namespace latent {

/// The files of a sharded checkpoint, which stand beside the index, and who has what.
struct ShardIndex {
    std::vector<std::string> files;                          ///< sorted
    std::map<std::string, std::size_t, std::less<>> file_of; ///< by a tensor's name
};

namespace detail {

/// Refuses whatever could lead out of the index's own folder, on any system.
inline void require_plain_file_name(std::string_view where, const std::string& name) {
    const bool plain = !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
                       name.find_first_of("/\\:") == std::string::npos &&
                       name.find('\0') == std::string::npos;
    if (!plain) {
        fail(where, "the file name " + in_quotes(name), "a plain name in the index's folder");
    }
}

} // namespace detail

/// Reads an index; errors begin with `where`. `metadata` is not looked at: it is for people.
[[nodiscard]] inline ShardIndex read_shard_index(std::string_view where,
                                                 std::string_view text) {
    const Json json = parse_json(where, text);
    if (!json.is_object()) fail(where, "JSON that is no object", "an index with a weight_map");
    const auto map = json.find("weight_map");
    if (map == json.end() || !map->is_object() || map->empty()) {
        fail(where, map == json.end() ? "no weight_map" : "a weight_map without files",
             "an object from tensors to files");
    }
    ShardIndex index;
    std::map<std::string, std::size_t> number_of;
    for (const auto& [tensor, file] : map->items()) {
        if (!file.is_string()) {
            fail(where, "no file name for tensor " + in_quotes(tensor), "a string");
        }
        const auto& name = file.get_ref<const std::string&>();
        detail::require_plain_file_name(where, name);
        number_of.emplace(name, 0);
    }
    for (auto& [name, number] : number_of) {
        number = index.files.size();
        index.files.push_back(name);
    }
    for (const auto& [tensor, file] : map->items()) {
        index.file_of.emplace(tensor, number_of.at(file.get_ref<const std::string&>()));
    }
    return index;
}

} // namespace latent
