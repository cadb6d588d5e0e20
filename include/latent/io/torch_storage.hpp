#pragma once

#include "latent/io/pickle_nodes.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/tensor/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// A storage is what torch calls a row of bytes that tensors look at. A pickle speaks of one as
///     ('storage', torch.FloatStorage, key, place, number of elements[, view])
/// where the key says where its bytes are, and the place (cpu, cuda:0) matters to nobody here.

namespace latent::detail {

/// A name of torch, and its dtype here; a class of which only the width is known has none.
struct TorchTypeName {
    std::string_view name;
    std::optional<DType> dtype;
    std::int64_t width = dtype ? bits_of(*dtype) / 8 : 0; ///< bytes of an element
};

/// torch.FloatStorage and the others.
inline constexpr std::array torch_storages = {
    TorchTypeName{"FloatStorage", DType::F32},
    TorchTypeName{"HalfStorage", DType::F16},
    TorchTypeName{"BFloat16Storage", DType::BF16},
    TorchTypeName{"DoubleStorage", DType::F64},
    TorchTypeName{"LongStorage", DType::I64},
    TorchTypeName{"IntStorage", DType::I32},
    TorchTypeName{"ShortStorage", DType::I16},
    TorchTypeName{"CharStorage", DType::I8},
    TorchTypeName{"ByteStorage", DType::U8},
    TorchTypeName{"BoolStorage", DType::BOOL},
    TorchTypeName{"ComplexFloatStorage", DType::C64},
    // What cannot be read as a tensor must still be stepped over in a legacy file.
    TorchTypeName{"ComplexDoubleStorage", {}, 16},
    TorchTypeName{"QInt8Storage", {}, 1},
    TorchTypeName{"QUInt8Storage", {}, 1},
    TorchTypeName{"QInt32Storage", {}, 4},
    TorchTypeName{"QUInt4x2Storage", {}, 1},
    TorchTypeName{"QUInt2x4Storage", {}, 1},
};

/// torch.uint16 and the others that have no storage class: _rebuild_tensor_v3 names them.
inline constexpr std::array torch_dtypes = {
    TorchTypeName{"uint16", DType::U16},
    TorchTypeName{"uint32", DType::U32},
    TorchTypeName{"uint64", DType::U64},
    TorchTypeName{"float8_e5m2", DType::F8_E5M2},
    TorchTypeName{"float8_e4m3fn", DType::F8_E4M3},
    TorchTypeName{"float8_e5m2fnuz", DType::F8_E5M2FNUZ},
    TorchTypeName{"float8_e4m3fnuz", DType::F8_E4M3FNUZ},
    TorchTypeName{"float8_e8m0fnu", DType::F8_E8M0},
};

/// A storage as a pickle speaks of it. Nothing of it has been compared with the file yet.
struct TorchStorage {
    std::string_view key;
    std::string type;           ///< the class in words
    std::optional<DType> dtype; ///< torch.UntypedStorage counts bytes and has none
    std::int64_t width = 0;     ///< bytes of an element; 0 for an unknown class
    std::int64_t numel = 0;
    /// torch.ByteStorage and torch.UntypedStorage are one to torch: bytes.
    bool counts_bytes = false;
    /// A part of the storage, in elements, as pickles of very old torch have it.
    std::int64_t view_offset = 0, view_numel = 0;

    [[nodiscard]] bool is_same_storage(const TorchStorage& other) const {
        return numel == other.numel &&
               (type == other.type || (counts_bytes && other.counts_bytes));
    }
};

/// What `index`, a persistent value of the pickle, says. Throws Error unless it is a storage;
/// `what` ends the error's first part: " for tensor "a"".
[[nodiscard]] inline TorchStorage describe_storage(std::string_view where,
                                                   const std::string& what,
                                                   const Pickle& pickle,
                                                   PickleNode::Index index) {
    using Kind = PickleNode::Kind;
    const auto identity = pickle[index].items()[0];
    const auto refuse = [&](const std::string& got) {
        fail(where, got + what, "('storage', class, key, place, count)");
    };
    if (pickle[identity].kind != Kind::tuple || pickle[identity].items().empty()) {
        refuse(pickle.describe(identity) + " as a storage's identity");
    }
    const auto& parts = pickle[identity].items();
    const auto is = [&](std::size_t part, Kind kind) {
        return pickle[parts[part]].kind == kind;
    };
    if (is(0, Kind::text) && pickle[parts[0]].text() == "module") {
        fail(where, "a whole module, which is a program" + what, "a dictionary of tensors",
             "in torch: save the module's state_dict()");
    }
    if (parts.size() < 5 || !is(0, Kind::text) || pickle[parts[0]].text() != "storage" ||
        !is(2, Kind::text)) {
        refuse("an identity that is no storage's");
    }
    TorchStorage storage;
    storage.key = pickle[parts[2]].text();
    storage.type = pickle.describe(parts[1]);
    storage.numel = is(4, Kind::integer) ? pickle[parts[4]].integer() : -1;
    if (storage.numel < 0) {
        const bool number = is(4, Kind::integer);
        fail(where,
             (number ? std::to_string(storage.numel) : pickle.describe(parts[4])) +
                 " as the size of storage " + in_quotes(storage.key) + what,
             "a count of at least 0");
    }
    storage.view_numel = storage.numel;
    for (const auto& type : torch_storages) {
        if (!pickle.is_global(parts[1], "torch", type.name)) continue;
        storage.dtype = type.dtype;
        storage.width = type.width;
        break;
    }
    const bool untyped = pickle.is_global(parts[1], "torch.storage", "UntypedStorage");
    if (untyped) storage.width = 1;
    storage.counts_bytes = untyped || storage.dtype == DType::U8;

    // (view key, offset, count)
    if (parts.size() < 6 || !is(5, Kind::tuple)) return storage;
    const auto& view = pickle[parts[5]].items();
    const auto number = [&](std::size_t part) {
        const bool good = part < view.size() && pickle[view[part]].kind == Kind::integer;
        return good ? pickle[view[part]].integer() : -1;
    };
    storage.view_offset = number(1);
    storage.view_numel = number(2);
    if (storage.view_offset < 0 || storage.view_numel < 0 ||
        storage.view_offset > storage.numel ||
        storage.view_numel > storage.numel - storage.view_offset) {
        fail(where, "a view beyond its storage of " + std::to_string(storage.numel) + what,
             "an offset and a count inside of it");
    }
    return storage;
}

} // namespace latent::detail
