#pragma once

#include "latent/io/nearest_name.hpp"
#include "latent/io/tab_separated.hpp"
#include "latent/io/text.hpp"
#include "latent/parity/recording.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A dump whose modules have other names than the reference's.

namespace latent {

/// From a dump's names to the reference's, and where this was read, which begins an Error.
struct NameMap {
    std::string where = "name map";
    std::map<std::string, std::string> names = {};
};

/// Reads a table of names, a line a module:
///     mid.attn_1<TAB>decoder.mid_block.attentions.0
/// the dump's name first. The header "other<TAB>reference" may stand above. Throws Error with
/// the line's number for a name twice, in either column, and for any other number of columns.
[[nodiscard]] inline NameMap read_name_map(const std::filesystem::path& path) {
    NameMap map{display(path), {}};
    std::set<std::string, std::less<>> references;
    bool first = true;
    for_each_row(path, 2, [&](const std::string& where, const auto& cells) {
        if (std::exchange(first, false) && cells[0] == "other" && cells[1] == "reference") {
            return;
        }
        if (cells[0].empty() || cells[1].empty()) fail(where, "an empty name", "two names");
        const auto twice = [&](std::string_view name) {
            fail(where, "a duplicate: " + in_quotes(name) + " twice",
                 "every name once in its column");
        };
        if (!map.names.emplace(cells[0], cells[1]).second) twice(cells[0]);
        if (!references.emplace(cells[1]).second) twice(cells[1]);
    });
    return map;
}

/// Tensors of another store under other names.
class RenamedStore final : public TensorStore {
public:
    /// `originals` leads from the new names to the store's, and has all that are left.
    RenamedStore(std::string where, std::unique_ptr<TensorStore> store,
                 std::map<std::string, std::string> originals)
        : where_(std::move(where)),
          store_(std::move(store)),
          originals_(std::move(originals)) {}

    [[nodiscard]] std::vector<std::string> names() const override {
        std::vector<std::string> names;
        for (const auto& entry : originals_) names.push_back(entry.first);
        return names;
    }
    [[nodiscard]] bool has(const std::string& name) const override {
        return originals_.contains(name);
    }
    [[nodiscard]] Shape shape(const std::string& name) const override {
        return store_->shape(at(name));
    }
    [[nodiscard]] Precision precision(const std::string& name) const override {
        return store_->precision(at(name));
    }
    [[nodiscard]] Tensor<Cpu<double>> read(const std::string& name) const override {
        return store_->read(at(name));
    }

private:
    [[nodiscard]] const std::string& at(const std::string& name) const {
        const auto found = originals_.find(name);
        if (found != originals_.end()) return found->second;
        fail(where_, "no tensor " + in_quotes(name), "one of its names");
    }

    std::string where_;
    std::unique_ptr<TensorStore> store_;
    std::map<std::string, std::string> originals_;
};

namespace detail {

/// The new name of a tensor: the map's own, or that of its module with what stands behind it,
/// "conv1#0:input", or that of a parameter's module; else what it was.
[[nodiscard]] inline std::string renamed_tensor(const std::string& name,
                                                const std::map<std::string, std::string>& map) {
    const auto find = [&](const std::string& part) {
        const auto found = map.find(part);
        return found == map.end() ? nullptr : &found->second;
    };
    if (const auto* const to = find(name)) return *to;
    constexpr std::string_view parameter = "parameter:";
    if (name.starts_with(parameter)) {
        const auto key = name.substr(parameter.size());
        const auto dot = std::min(key.rfind('.'), key.size());
        const auto* const to = find(key.substr(0, dot));
        return to != nullptr ? std::string(parameter) + *to + key.substr(dot) : name;
    }
    const auto colon = std::min(name.find(':'), name.size());
    if (const auto* const to = find(name.substr(0, colon))) return *to + name.substr(colon);
    const auto path = path_of(name);
    if (const auto* const to = find(path)) return *to + name.substr(path.size());
    return name;
}

/// The dump's own name for what a person calls so: its file's name, with / and .npy, will do.
[[nodiscard]] inline std::string name_in_dump(std::string name, const auto& known) {
    if (known.contains(name)) return name;
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    std::ranges::replace(name, '/', '.');
    return name;
}

} // namespace detail

/// A recording under the reference's names. With a module its inputs, repeated calls and
/// parameters are renamed. Names that the map does not have stay as they are, so that a map
/// need only say what differs. Throws Error where the map has a name that the recording has
/// not (and names the nearest), and where two tensors would have one name.
[[nodiscard]] inline Recording renamed(Recording recording, const NameMap& map) {
    std::set<std::string, std::less<>> known;
    const auto names = recording.tensors->names();
    const auto learn = [&](const std::string& name) {
        known.insert(name);
        known.insert(name.substr(0, name.find(':')));
        known.insert(path_of(name));
    };
    for (const auto& name : names) learn(name);
    for (const auto& alias : recording.aliases) learn(alias.first);
    for (const auto& module : recording.modules) learn(module.first);

    std::map<std::string, std::string> to;
    for (const auto& [other, reference] : map.names) {
        const auto name = detail::name_in_dump(other, known);
        if (known.contains(name)) {
            to.insert_or_assign(name, reference);
            continue;
        }
        const std::vector<std::string_view> candidates(known.begin(), known.end());
        const auto nearest = nearest_name(name, candidates);
        fail(map.where, "the name " + in_quotes(other),
             "names of " + shortened(recording.where, 200),
             nearest ? "nearest: " + in_quotes(*nearest) : "");
    }

    const auto new_name = [&](const std::string& name) {
        return detail::renamed_tensor(name, to);
    };
    std::map<std::string, std::string> originals, aliases;
    const auto twice = [&](const std::string& name) {
        fail(map.where, "two tensors for " + in_quotes(name), "one tensor of a name",
             "give the other one a name of its own");
    };
    for (const auto& name : names) {
        if (auto to_name = new_name(name); !originals.emplace(to_name, name).second) {
            twice(to_name);
        }
    }
    for (const auto& [name, stored] : recording.aliases) {
        auto to_name = new_name(name);
        if (originals.contains(to_name) || aliases.contains(to_name)) twice(to_name);
        aliases.emplace(std::move(to_name), new_name(stored));
    }
    recording.aliases = std::move(aliases);
    for (auto& name : recording.order) name = new_name(name);
    std::map<std::string, ModuleInfo> modules;
    for (auto& [path, info] : recording.modules) {
        const auto found = to.find(path);
        if (found != to.end()) info.path = found->second;
        modules.emplace(info.path, std::move(info));
    }
    recording.modules = std::move(modules);
    recording.tensors = std::make_unique<RenamedStore>(
        recording.where, std::move(recording.tensors), std::move(originals));
    return recording;
}

} // namespace latent
