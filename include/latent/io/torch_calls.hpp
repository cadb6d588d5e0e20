#pragma once

#include "latent/io/pickle_nodes.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The calls in a pickle that make torch's tensors. Each is an inert object here: a function's
/// name and its arguments.

namespace latent::detail {

/// A call in the pickle: of what, with what.
struct TorchCall {
    PickleNode::Index function, arguments;
};

/// The call that makes the value, if it is made by one. A tensor of a class derived from
/// torch's is made by
///     torch._tensor._rebuild_from_type_v2(function, class, arguments, state)
[[nodiscard]] inline std::optional<TorchCall> torch_call(const Pickle& pickle,
                                                         PickleNode::Index index) {
    const auto& node = pickle[index];
    if (node.kind != PickleNode::Kind::object) return std::nullopt;
    const TorchCall call{node.items()[0], node.items()[1]};
    const auto& parts = pickle[call.arguments];
    if (pickle.is_global(call.function, "torch._tensor", "_rebuild_from_type_v2") &&
        parts.kind == PickleNode::Kind::tuple && parts.items().size() >= 3) {
        return TorchCall{parts.items()[0], parts.items()[2]};
    }
    return call;
}

/// Whether the value is made by that function of torch._utils.
[[nodiscard]] inline bool is_torch_call(const Pickle& pickle, PickleNode::Index index,
                                        std::string_view function) {
    const auto call = torch_call(pickle, index);
    return call && pickle.is_global(call->function, "torch._utils", function);
}

/// Whether the value is made by one of the functions that rebuild a tensor.
[[nodiscard]] inline bool is_torch_tensor(const Pickle& pickle, PickleNode::Index index) {
    const auto call = torch_call(pickle, index);
    if (!call) return false;
    const auto& function = pickle[call->function];
    return function.kind == PickleNode::Kind::global &&
           pickle[function.items()[0]].text() == "torch._utils" &&
           pickle[function.items()[1]].text().starts_with("_rebuild_");
}

/// Whether the value is a parameter: a call around the call that makes its tensor.
[[nodiscard]] inline bool is_torch_parameter(const Pickle& pickle, PickleNode::Index index) {
    return is_torch_call(pickle, index, "_rebuild_parameter") ||
           is_torch_call(pickle, index, "_rebuild_parameter_with_state");
}

/// Refuses a dictionary that has a name twice, of which Python would take the last.
inline void require_unique_keys(std::string_view where, const Pickle& pickle) {
    using Kind = PickleNode::Kind;
    std::vector<std::string_view> texts;
    std::vector<std::int64_t> numbers;
    for (const auto& node : pickle.nodes) {
        if (node.kind != Kind::dictionary) continue;
        texts.clear();
        numbers.clear();
        for (std::size_t i = 0; i < node.items().size(); i += 2) {
            const auto& key = pickle[node.items()[i]];
            if (key.kind == Kind::text) texts.push_back(key.text());
            if (key.kind == Kind::integer) numbers.push_back(key.integer());
        }
        std::ranges::sort(texts);
        std::ranges::sort(numbers);
        const auto text = std::ranges::adjacent_find(texts);
        const auto number = std::ranges::adjacent_find(numbers);
        if (text == texts.end() && number == numbers.end()) continue;
        fail(where,
             "a duplicate: the key " +
                 (text != texts.end() ? in_quotes(*text) : std::to_string(*number)) +
                 " twice in one dictionary",
             "every key once");
    }
}

} // namespace latent::detail
