#pragma once

#include "latent/io/pickle.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/io/torch_tensors.hpp"
#include "latent/io/zip_archive.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

/// Checkpoints as torch.save writes them since 1.6: a zip archive with, in one folder,
///   data.pkl        the saved object, a pickle that refers to storages by a key
///   data/KEY        the bytes of one storage
///   byteorder       "little" or "big"; older files have none and are little
/// Source: torch/serialization.py and torch/_utils.py.

namespace latent {

/// Whether the bytes begin as torch's zip files do (and torch itself asks no more).
[[nodiscard]] inline bool is_zip(std::span<const std::byte> bytes) {
    static constexpr std::byte signature[] = {std::byte{'P'}, std::byte{'K'}, std::byte{3},
                                              std::byte{4}};
    return bytes.size() >= 4 && std::ranges::equal(bytes.first(4), signature);
}

namespace detail {

/// The folder that holds data.pkl, with its '/'; its name is that of the file when it was
/// saved.
[[nodiscard]] inline std::string torch_folder(std::string_view where,
                                              const ZipArchive& archive) {
    std::string folder;
    bool found = false;
    for (const auto& name : archive.names()) {
        const auto slash = name.find('/');
        if (slash == std::string::npos || name.substr(slash + 1) != "data.pkl") continue;
        if (found) fail(where, "two records data.pkl", "one saved object in the archive");
        folder = name.substr(0, slash + 1);
        found = true;
    }
    if (!found) {
        const bool numpy = !archive.names().empty() && archive.names()[0].ends_with(".npy");
        fail(where, "a zip archive without FOLDER/data.pkl", "an archive that torch.save wrote",
             numpy ? "an .npz holds .npy files: unpack it with unzip" : "");
    }
    for (const auto& name : archive.names()) {
        if (name == folder + "constants.pkl" || name.starts_with(folder + "code/")) {
            fail(where, "a TorchScript archive, which holds a program",
                 "a checkpoint that torch.save wrote",
                 "in torch: torch.save(torch.jit.load(file).state_dict(), new_file)");
        }
    }
    return folder;
}

} // namespace detail

/// Reads the directory and the pickle of a torch zip file; `bytes` is the whole file, and of
/// the storages only a first byte each is looked at. Dictionaries inside of dictionaries give
/// names joined by '.'; where the saved object wraps its weights in "state_dict", "params_ema"
/// or "params", these are the tensors. Nothing in the file is ever executed.
/// Throws Error, beginning with `where`, for a broken archive or pickle, for tensors that reach
/// beyond their storage, and where there is no tensor at all.
[[nodiscard]] inline FileContents read_torch_zip(const std::string& where,
                                                 std::span<const std::byte> bytes) {
    ZipArchive archive(where, bytes);
    const auto folder = detail::torch_folder(where, archive);

    bool big_endian = false;
    if (const auto order = archive.find(folder + "byteorder")) {
        const std::string_view text(reinterpret_cast<const char*>(order->data()),
                                    order->size());
        if (text != "little" && text != "big") {
            fail(where, "byte order " + in_quotes(text), "little or big");
        }
        big_endian = text == "big";
    }

    const auto pickle = read_pickle(where, *archive.find(folder + "data.pkl"));
    const auto storage_bytes = [&](std::string_view key) -> detail::StorageBytes {
        const auto record = archive.find(folder + "data/" + std::string(key));
        if (!record) {
            fail(where, "no record for storage " + in_quotes(key),
                 "a record data/KEY for each");
        }
        const auto begin = record->empty() ? 0 : record->data() - bytes.data();
        return {static_cast<std::size_t>(begin), record->size()};
    };
    detail::TorchTensors tensors(where, pickle, big_endian, bytes.size(), storage_bytes);
    FileContents contents{"torch", tensors.collect(), {}};
    contents.left_out = tensors.left_out();
    return contents;
}

} // namespace latent
