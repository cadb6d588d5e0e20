#pragma once

#include "latent/io/pickle.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/io/torch_storage.hpp"
#include "latent/io/torch_tensors.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Checkpoints as torch.save wrote them before 1.6: five pickles, one after the other,
///     0x1950a86a20f9469cfc6c      who made this
///     1001                        the version
///     {"little_endian": ...}      the machine, of which nothing is needed
///     the saved object            refers to storages by a key
///     [key, key, ...]             the storages, in the order in which they follow
/// and for each key 8 bytes, the number of elements, and the elements, always little-endian.
/// How wide an element is stands in the object alone. Source: torch/serialization.py.

namespace latent {

/// Whether the bytes begin as such files do: a pickle of one huge number.
[[nodiscard]] inline bool is_torch_legacy(std::span<const std::byte> bytes) {
    static constexpr unsigned char magic[] = {0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9,
                                              0x20, 0x6A, 0xA8, 0x50, 0x19, '.'};
    if (bytes.size() < 2 || bytes[0] != std::byte{0x80}) return false;
    // From protocol 4 on a frame stands before it: an opcode, and its size in 8 bytes.
    const bool framed = bytes.size() > 2 && bytes[2] == std::byte{0x95};
    const std::size_t begin = framed ? 11 : 2;
    return bytes.size() >= begin + sizeof magic &&
           std::ranges::equal(bytes.subspan(begin, sizeof magic),
                              std::as_bytes(std::span(magic)));
}

namespace detail {

/// Every storage that the pickle speaks of, also those of objects that are no tensors here:
/// each must be stepped over.
[[nodiscard]] inline std::map<std::string_view, TorchStorage>
storages_of(std::string_view where, const Pickle& pickle) {
    std::map<std::string_view, TorchStorage> storages;
    std::vector<bool> seen(pickle.nodes.size()); // identities that are used again
    for (PickleNode::Index index = 0; index < pickle.nodes.size(); ++index) {
        if (pickle[index].kind != PickleNode::Kind::persistent) continue;
        const auto identity = pickle[index].items()[0];
        if (seen[identity]) continue;
        seen[identity] = true;
        const auto storage = describe_storage(where, "", pickle, index);
        const auto [known, is_new] = storages.emplace(storage.key, storage);
        if (!is_new && !known->second.is_same_storage(storage)) {
            fail(where, "storage " + in_quotes(storage.key) + " with two descriptions", "one");
        }
    }
    return storages;
}

/// Reads a legacy file from its beginning on, piece by piece.
class TorchLegacyReader {
public:
    TorchLegacyReader(std::string_view where, std::span<const std::byte> bytes)
        : where_(where), bytes_(bytes) {}

    [[nodiscard]] Pickle next_pickle() {
        auto pickle = read_pickle(where_, bytes_.subspan(position_));
        position_ += pickle.length;
        return pickle;
    }

    /// One storage: its count, then its elements.
    [[nodiscard]] StorageBytes next_storage(const TorchStorage& storage) {
        const auto what = " for storage " + in_quotes(storage.key);
        if (bytes_.size() - position_ < 8) {
            fail(where_, "no element count" + what, "8 bytes of it", "the file was cut short");
        }
        const auto numel = load<std::int64_t>(bytes_.data() + position_);
        position_ += 8;
        if (numel != storage.numel) {
            fail(where_, std::to_string(numel) + " elements" + what,
                 std::to_string(storage.numel) + ", as the pickle says");
        }
        if (storage.width == 0) {
            fail(where_, "the class " + storage.type + what, "one of torch's storage classes");
        }
        const auto left = bytes_.size() - position_;
        const auto size = checked_product(numel, storage.width);
        if (!size || static_cast<std::uint64_t>(*size) > left) {
            fail(where_, std::to_string(left) + " bytes left" + what,
                 std::to_string(numel) + " elements of " + storage.type,
                 "the file was cut short");
        }
        const StorageBytes place{position_, static_cast<std::size_t>(*size)};
        position_ += place.size;
        return place;
    }

private:
    std::string_view where_;
    std::span<const std::byte> bytes_;
    std::size_t position_ = 0;
};

} // namespace detail

/// Reads the pickles of a legacy torch file and finds its storages, whose values it does not
/// look at; `bytes` is the whole file. Names are made as read_torch_zip makes them, and nothing
/// is executed. Bytes after the last storage are ignored, as torch does.
/// Throws Error, beginning with `where`, for a broken pickle, storages that are not there or
/// have another size, and where there is no tensor at all.
[[nodiscard]] inline FileContents read_torch_legacy(const std::string& where,
                                                    std::span<const std::byte> bytes) {
    using Kind = PickleNode::Kind;
    detail::TorchLegacyReader reader(where, bytes);
    static_cast<void>(reader.next_pickle()); // is_torch_legacy() has seen it
    const auto version = reader.next_pickle();
    if (version[version.root].kind != Kind::integer ||
        version[version.root].integer() != 1001) {
        fail(where, version.describe(version.root) + " as the version", "the number 1001");
    }
    static_cast<void>(reader.next_pickle());
    const auto object = reader.next_pickle();
    const auto keys = reader.next_pickle();
    if (keys[keys.root].kind != Kind::list) {
        fail(where, keys.describe(keys.root) + " as the fifth pickle",
             "a list of storage keys");
    }

    const auto storages = detail::storages_of(where, object);
    std::map<std::string_view, detail::StorageBytes> places;
    for (const auto index : keys[keys.root].items()) {
        if (keys[index].kind != Kind::text) {
            fail(where, keys.describe(index) + " as a storage key", "a string");
        }
        const auto key = keys[index].text();
        const auto storage = storages.find(key);
        if (storage == storages.end()) {
            fail(where, "storage " + in_quotes(key) + ", which the saved object does not have",
                 "the keys of its storages");
        }
        const auto place = reader.next_storage(storage->second);
        if (!places.emplace(key, place).second) {
            fail(where, "a duplicate: storage " + in_quotes(key) + " twice", "every key once");
        }
    }
    const auto place_of = [&](std::string_view key) {
        const auto place = places.find(key);
        if (place != places.end()) return place->second;
        fail(where, "no bytes for storage " + in_quotes(key), "every storage in the file");
    };
    detail::TorchTensors tensors(where, object, false, bytes.size(), place_of);
    FileContents contents{"torch", tensors.collect(), {}};
    contents.left_out = tensors.left_out();
    return contents;
}

} // namespace latent
