#pragma once

#include "latent/io/text.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What a pickle describes: Python values as plain data. pickle.hpp makes them.

namespace latent {

/// One value of a pickle. Values refer to each other by their index in Pickle::nodes, so
/// nothing is copied, and cycles and the deepest nesting cost nothing.
struct PickleNode {
    enum class Kind : std::uint8_t {
        none,
        boolean,
        integer,
        big_integer, ///< an integer beyond 64 bits: its bytes
        real,
        text,
        bytes,
        tuple,
        list,
        set,
        dictionary, ///< items: key, value, key, value; OrderedDict and defaultdict too
        global,     ///< a function or class that was named: items [module, name]
        object,     ///< a call that was not made: items [callee, arguments]
        persistent, ///< a reference to data beside the pickle: items [identity]
    };
    using Index = std::uint32_t;
    using Items = std::vector<Index>;

    Kind kind = Kind::none;
    std::variant<std::int64_t, double, std::string_view, Items> value = std::int64_t{0};

    /// The number of a boolean or integer, the characters of a text, the parts of the others;
    /// each may be asked for after `kind` was looked at.
    [[nodiscard]] std::int64_t integer() const { return std::get<std::int64_t>(value); }
    [[nodiscard]] std::string_view text() const { return std::get<std::string_view>(value); }
    [[nodiscard]] const Items& items() const { return std::get<Items>(value); }
};

/// The value that a pickle describes. Text refers to the bytes that were read.
struct Pickle {
    std::vector<PickleNode> nodes;
    PickleNode::Index root = 0;
    std::size_t length = 0; ///< the bytes up to and including STOP

    [[nodiscard]] const PickleNode& operator[](PickleNode::Index index) const {
        return nodes[index];
    }

    /// Whether the value is the function or class of that name.
    [[nodiscard]] bool is_global(PickleNode::Index index, std::string_view module,
                                 std::string_view name) const {
        const auto& node = nodes[index];
        return node.kind == PickleNode::Kind::global &&
               nodes[node.items()[0]].text() == module && nodes[node.items()[1]].text() == name;
    }

    /// "torch.FloatStorage" for a function or class, else what kind of value it is.
    [[nodiscard]] std::string describe(PickleNode::Index index) const {
        static constexpr const char* kinds[] = {
            "None",         "a bool", "an integer", "a huge integer", "a float",
            "a string",     "bytes",  "a tuple",    "a list",         "a set",
            "a dictionary", "",       "an object",  "a storage"};
        const auto& node = nodes[index];
        if (node.kind != PickleNode::Kind::global) return kinds[static_cast<int>(node.kind)];
        return brief(nodes[node.items()[0]].text()) + "." +
               brief(nodes[node.items()[1]].text());
    }
};

} // namespace latent
