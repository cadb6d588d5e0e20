#pragma once

#include "latent/io/pickle_nodes.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/io/torch_calls.hpp"
#include "latent/io/torch_storage.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The tensors in a pickle of torch: a dictionary (or several, one inside the other) whose
/// values are calls such as torch._utils._rebuild_tensor_v2(storage, offset, size, stride,
/// ...), where the storage is ('storage', torch.FloatStorage, key, location, number of
/// elements).

namespace latent::detail {

/// Where a storage lies in the file.
struct StorageBytes {
    std::size_t begin = 0, size = 0;
};

class TorchTensors {
public:
    using Index = PickleNode::Index;
    using Kind = PickleNode::Kind;
    /// Gives the place of the storage with that key, or throws.
    using FindStorage = std::function<StorageBytes(std::string_view key)>;

    /// `file_size` bounds how often tensors may repeat the bytes of the file.
    TorchTensors(std::string_view where, const Pickle& pickle, bool big_endian,
                 std::size_t file_size, FindStorage find)
        : where_(where),
          pickle_(pickle),
          big_endian_(big_endian),
          max_total_((std::uint64_t{64} << 20U) + 16 * std::uint64_t{file_size}),
          max_name_bytes_((std::size_t{1} << 20U) + 16 * file_size),
          max_tensors_(10'000 + pickle.nodes.size() / 8),
          find_(std::move(find)),
          reached_(pickle.nodes.size()) {}

    /// All tensors, in the order of the dictionaries. A dictionary that is reached twice gives
    /// its tensors twice; how often that may happen is bounded, and one inside of itself is
    /// left out.
    [[nodiscard]] std::vector<TensorInfo> collect() {
        require_unique_keys(where_, pickle_);
        const auto root = unwrapped(pickle_.root);
        if (is_torch_tensor(pickle_, root)) add_tensor("tensor", root);
        if (pickle_[root].kind == Kind::dictionary) walk(root);
        if (tensors_.empty()) {
            const bool dictionary = pickle_[root].kind == Kind::dictionary;
            fail(where_, pickle_.describe(root) + (dictionary ? " without tensors" : ""),
                 "a dictionary of names and tensors", "save the model's state_dict()");
        }
        require_unique_names(where_, tensors_);
        return std::move(tensors_);
    }

    /// How many tensors of the pickle collect() has no name for: those in lists, or under keys
    /// that are neither strings nor whole numbers. None where a wrapper says what is meant.
    [[nodiscard]] std::size_t left_out() const {
        if (wrapped_) return 0;
        std::size_t count = 0;
        for (Index index = 0; index < pickle_.nodes.size(); ++index) {
            const bool tensor =
                is_torch_tensor(pickle_, index) && !is_torch_parameter(pickle_, index);
            if (tensor && !reached_[index]) ++count;
        }
        return count;
    }

private:
    /// Bounds on what sharing inside of a pickle can multiply: dictionaries may be reached
    /// again, but all in all no more often than a few times the pickle's own values.
    static constexpr std::size_t visits_per_value = 4, more_visits = 10'000;
    static constexpr std::int64_t max_repeated = std::int64_t{1} << 24U;

    [[nodiscard]] Index unwrapped(Index root) {
        if (pickle_[root].kind != Kind::dictionary) return root;
        for (const std::string_view wrapper : {"state_dict", "params_ema", "params"}) {
            const auto& items = pickle_[root].items();
            for (std::size_t i = 0; i < items.size(); i += 2) {
                const bool found = pickle_[items[i]].kind == Kind::text &&
                                   pickle_[items[i]].text() == wrapper &&
                                   pickle_[items[i + 1]].kind == Kind::dictionary;
                wrapped_ = found;
                if (found) return items[i + 1];
            }
        }
        return root;
    }

    /// Walks the dictionaries without recursion; `prefix` is the name of the innermost one.
    void walk(Index root) {
        struct Level {
            Index dictionary;
            std::size_t next, prefix_length;
        };
        std::vector<Level> levels{{root, 0, 0}};
        std::vector<bool> is_open(pickle_.nodes.size());
        is_open[root] = true;
        std::string prefix;
        const auto max_visits = visits_per_value * pickle_.nodes.size() + more_visits;
        std::size_t visits = 0, name_bytes = 0;

        while (!levels.empty()) {
            auto& level = levels.back();
            const auto& items = pickle_[level.dictionary].items();
            prefix.resize(level.prefix_length);
            if (level.next == items.size()) {
                is_open[level.dictionary] = false;
                levels.pop_back();
                continue;
            }
            const auto key = items[level.next];
            const auto value = items[level.next + 1];
            level.next += 2;
            if (++visits > max_visits) {
                fail(where_, "dictionaries that share each other too often",
                     "at most " + std::to_string(max_visits) + " items when all is unfolded");
            }
            const bool tensor = is_torch_tensor(pickle_, value);
            if (!tensor && pickle_[value].kind != Kind::dictionary) continue;
            if (!append_key(prefix, key)) continue;
            // A tensor's whole name is copied, a dictionary's key only put behind the prefix.
            name_bytes += prefix.size() - (tensor ? 0 : levels.back().prefix_length);
            if (name_bytes > max_name_bytes_) {
                fail(where_,
                     "names of more than " + std::to_string(max_name_bytes_) +
                         " characters together",
                     "names that repeat the bytes of the file less");
            }
            if (tensor) {
                add_tensor(prefix, value);
            } else if (!is_open[value]) {
                is_open[value] = true;
                prefix += '.';
                levels.push_back({value, 0, prefix.size()});
            }
        }
    }

    /// Only strings and integers name tensors; classes as keys occur, beside the weights.
    [[nodiscard]] bool append_key(std::string& name, Index key) const {
        const auto& node = pickle_[key];
        if (node.kind == Kind::text)
            name += node.text();
        else if (node.kind == Kind::integer)
            name += std::to_string(node.integer());
        else
            return false;
        return true;
    }

    void add_tensor(const std::string& name, Index index) {
        tensor_ = name;
        reached_[index] = true;
        // A parameter is a call around the call that makes its tensor.
        for (int level = 0; is_torch_parameter(pickle_, index);) {
            if (++level > 4) refuse("a parameter inside of parameters", "a tensor");
            index = arguments(index, 1)[0];
            reached_[index] = true;
        }
        const bool v3 = is_torch_call(pickle_, index, "_rebuild_tensor_v3");
        if (!v3 && !is_torch_call(pickle_, index, "_rebuild_tensor_v2") &&
            !is_torch_call(pickle_, index, "_rebuild_tensor")) {
            const auto call = torch_call(pickle_, index);
            refuse(pickle_.describe(call ? call->function : index), "a dense tensor",
                   "sparse, quantised, nested and meta tensors are not read");
        }
        const auto& parts = arguments(index, v3 ? 7 : 4);
        const auto [storage, bytes] = read_storage(parts[0]);
        const auto dtype = v3 ? named_dtype(parts[6]) : storage.dtype;
        if (!dtype) {
            refuse("a tensor of " + storage.type, "a dtype that safetensors has, too");
        }
        add_view(bytes, *dtype, integer(parts[1], "an offset"), integers(parts[2], "a size"),
                 integers(parts[3], "strides"));
        const std::size_t flags = v3 ? 7 : 6;
        if (parts.size() > flags) turn_signs(tensors_.back(), parts[flags]);
    }

    /// torch conjugates and negates by a flag, {"conj": True} or {"neg": True}, and saves that.
    void turn_signs(TensorInfo& tensor, Index flags) const {
        if (pickle_[flags].kind != Kind::dictionary) return;
        const auto is_set = [&](std::string_view name) {
            bool set = false; // of a key twice the last counts
            const auto& items = pickle_[flags].items();
            for (std::size_t i = 0; i < items.size(); i += 2) {
                const auto& key = pickle_[items[i]];
                const auto& value = pickle_[items[i + 1]];
                if (key.kind != Kind::text || key.text() != name) continue;
                set = value.kind == Kind::boolean && value.integer() != 0;
            }
            return set;
        };
        const bool complex = tensor.dtype == DType::C64;
        tensor.negate = is_set("neg");
        tensor.negate_imaginary = complex && tensor.negate != is_set("conj");
        const bool has_sign = complex || tensor.dtype == DType::F16 ||
                              tensor.dtype == DType::BF16 || tensor.dtype == DType::F32 ||
                              tensor.dtype == DType::F64;
        if (tensor.negate && !has_sign) {
            refuse("a turned sign of " + std::string(to_string(tensor.dtype)),
                   "that of a floating-point number");
        }
    }

    /// Adds the tensor that looks at `storage` so, after all that it claims was checked.
    void add_view(const StorageBytes& storage, DType dtype, std::int64_t offset,
                  std::vector<std::int64_t> dims, std::vector<std::int64_t> strides) {
        const auto width = static_cast<std::int64_t>(bits_of(dtype) / 8);
        const auto stored = static_cast<std::int64_t>(storage.size) / width;
        if (dims.size() != strides.size()) {
            refuse(std::to_string(strides.size()) + " strides",
                   "one for each of the " + std::to_string(dims.size()) + " dimensions");
        }
        auto shape = claimed_shape(where_, tensor_, std::move(dims));
        std::optional<std::int64_t> last = offset;
        if (offset < 0) refuse("offset " + std::to_string(offset), "an offset of at least 0");
        for (std::size_t axis = 0; axis < strides.size(); ++axis) {
            if (strides[axis] < 0) refuse("strides " + shape_text(strides), "at least 0");
            if (shape.numel() == 0 || !last) continue;
            const auto reach = checked_product(shape[axis] - 1, strides[axis]);
            last = reach ? checked_sum(*last, *reach) : std::nullopt;
        }
        if (shape.numel() > 0 && (!last || *last >= stored)) {
            refuse("elements beyond the end of its storage",
                   "all within " + std::to_string(stored) + " elements");
        }
        // A stride of 0 repeats elements, so four bytes could claim to be any number of them.
        if (shape.numel() > max_repeated && shape.numel() - max_repeated > stored) {
            refuse("shape " + shape_text(shape.dims()) + " from a storage of " +
                       std::to_string(stored) + " elements",
                   "a tensor that repeats its elements less");
        }
        // And so could many views of one storage.
        total_bytes_ += static_cast<std::uint64_t>(shape.numel() * width);
        if (total_bytes_ > max_total_) {
            refuse("more than " + std::to_string(max_total_) + " bytes of tensors",
                   "tensors that repeat the bytes of the file less");
        }
        if (is_dense(shape, strides)) strides.clear();
        const auto begin = shape.numel() == 0 ? 0 : offset * width;
        if (tensors_.size() == max_tensors_) {
            fail(where_, "more than " + std::to_string(max_tensors_) + " tensors",
                 "tensors that are used less often");
        }
        tensors_.push_back({tensor_, dtype, std::move(shape),
                            storage.begin + static_cast<std::size_t>(begin), std::move(strides),
                            big_endian_ && width > 1});
    }

    /// Whether the strides are those of row-major order; an axis of one element may have any.
    [[nodiscard]] static bool is_dense(const Shape& shape,
                                       std::span<const std::int64_t> strides) {
        if (shape.numel() == 0) return true;
        std::int64_t step = 1;
        for (std::size_t axis = strides.size(); axis-- > 0;) {
            if (shape[axis] != 1 && strides[axis] != step) return false;
            step *= shape[axis];
        }
        return true;
    }

    /// A storage whose bytes stand in the file.
    struct FoundStorage {
        TorchStorage described;
        StorageBytes bytes;
    };

    /// The storage of a persistent value; each key is looked up once and must stay the same.
    [[nodiscard]] FoundStorage read_storage(Index index) {
        if (pickle_[index].kind != Kind::persistent) {
            refuse(pickle_.describe(index), "a storage");
        }
        auto storage =
            describe_storage(where_, " for tensor " + in_quotes(tensor_), pickle_, index);
        if (storage.width == 0) {
            refuse("storage class " + storage.type, "one of torch's storage classes");
        }
        auto known = storages_.find(storage.key);
        if (known == storages_.end()) {
            const auto bytes = find_(storage.key);
            const auto size = checked_product(storage.numel, storage.width);
            if (!size || static_cast<std::uint64_t>(*size) != bytes.size) {
                refuse("storage " + in_quotes(storage.key) + " of " +
                           std::to_string(bytes.size) + " bytes",
                       std::to_string(storage.numel) + " elements of " + storage.type);
            }
            known = storages_.emplace(storage.key, FoundStorage{storage, bytes}).first;
        } else if (!known->second.described.is_same_storage(storage)) {
            refuse("storage " + in_quotes(storage.key) + " with two descriptions", "one");
        }
        auto bytes = known->second.bytes;
        bytes.begin += static_cast<std::size_t>(storage.view_offset * storage.width);
        bytes.size = static_cast<std::size_t>(storage.view_numel * storage.width);
        return {std::move(storage), bytes};
    }

    [[nodiscard]] DType named_dtype(Index index) const {
        for (const auto& type : torch_dtypes) {
            if (pickle_.is_global(index, "torch", type.name)) return *type.dtype;
        }
        refuse("dtype " + pickle_.describe(index), "one of torch's real dtypes");
    }

    // Parts of calls.

    [[nodiscard]] const PickleNode::Items& arguments(Index value, std::size_t least) const {
        const auto& tuple = pickle_[torch_call(pickle_, value)->arguments];
        if (tuple.kind != Kind::tuple || tuple.items().size() < least) {
            refuse("a call with too few arguments", std::to_string(least) + " arguments");
        }
        return tuple.items();
    }
    [[nodiscard]] std::int64_t integer(Index index, const char* expected) const {
        if (pickle_[index].kind != Kind::integer) refuse(pickle_.describe(index), expected);
        return pickle_[index].integer();
    }
    [[nodiscard]] std::vector<std::int64_t> integers(Index index, const char* expected) const {
        // torch.Size(tuple) stands for its tuple.
        if (pickle_[index].kind == Kind::object &&
            pickle_.is_global(pickle_[index].items()[0], "torch", "Size")) {
            index = arguments(index, 1)[0];
        }
        const auto& node = pickle_[index];
        if (node.kind != Kind::tuple && node.kind != Kind::list) {
            refuse(pickle_.describe(index), expected);
        }
        if (node.items().size() > max_rank) {
            refuse(std::to_string(node.items().size()) + " dimensions", "at most 64");
        }
        std::vector<std::int64_t> numbers;
        numbers.reserve(node.items().size());
        for (const auto item : node.items()) numbers.push_back(integer(item, expected));
        return numbers;
    }

    [[noreturn]] void refuse(const std::string& got, const std::string& expected,
                             std::string_view hint = {}) const {
        fail(where_, got + " for tensor " + in_quotes(tensor_), expected, hint);
    }

    std::string_view where_;
    const Pickle& pickle_;
    bool big_endian_;
    std::uint64_t max_total_;
    std::size_t max_name_bytes_, max_tensors_;
    FindStorage find_;
    std::string tensor_;
    std::vector<TensorInfo> tensors_;
    std::vector<bool> reached_; ///< by node: whether it is among the tensors
    bool wrapped_ = false;
    std::map<std::string_view, FoundStorage> storages_;
    std::uint64_t total_bytes_ = 0;
};

} // namespace latent::detail
