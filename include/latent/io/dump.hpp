#pragma once

#include "latent/io/checkpoint.hpp"
#include "latent/io/name_map.hpp"
#include "latent/io/raw_dump.hpp"
#include "latent/io/recording_files.hpp"
#include "latent/io/system.hpp"
#include "latent/io/text.hpp"
#include "latent/parity/recording.hpp"
#include "latent/tensor/error.hpp"

#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

/// What people have at hand when they compare networks: tensors that some program wrote, in a
/// file or in many. (name_map.hpp gives them the reference's names.)

namespace latent {

/// The most files and folders that are looked at in a dump's folder.
inline constexpr std::size_t max_dump_entries = 200'000;

/// .npy files, by the names of their tensors; each is opened when it is asked for, and none
/// stays open, however many there are.
class NpyStore final : public TensorStore {
public:
    NpyStore(std::string where, std::map<std::string, std::filesystem::path> files)
        : where_(std::move(where)), files_(std::move(files)) {}

    [[nodiscard]] std::vector<std::string> names() const override {
        std::vector<std::string> names;
        for (const auto& file : files_) names.push_back(file.first);
        return names;
    }
    [[nodiscard]] bool has(const std::string& name) const override {
        return files_.contains(name);
    }
    [[nodiscard]] Shape shape(const std::string& name) const override {
        return open(name).at("tensor").shape;
    }
    [[nodiscard]] Precision precision(const std::string& name) const override {
        return precision_of(open(name).at("tensor").dtype);
    }
    [[nodiscard]] Tensor<Cpu<double>> read(const std::string& name) const override {
        const auto file = open(name);
        Tensor<Cpu<double>> values(file.at("tensor").shape);
        file.read(file.at("tensor"), values.values());
        return values;
    }

private:
    [[nodiscard]] Checkpoint open(const std::string& name) const {
        const auto found = files_.find(name);
        if (found == files_.end())
            fail(where_, "no tensor " + in_quotes(name), "one of its names");
        auto file = Checkpoint::open(found->second);
        if (file.format() == "npy") return file;
        fail(file.path(), "a " + file.format() + " file", "a .npy file");
    }

    std::string where_;
    std::map<std::string, std::filesystem::path> files_;
};

/// Files of bare numbers, by the names of their tensors; each is opened when it is asked for.
class RawStore final : public TensorStore {
public:
    RawStore(std::string where, std::map<std::string, RawTensor> tensors)
        : where_(std::move(where)), tensors_(std::move(tensors)) {}

    [[nodiscard]] std::vector<std::string> names() const override {
        std::vector<std::string> names;
        for (const auto& tensor : tensors_) names.push_back(tensor.first);
        return names;
    }
    [[nodiscard]] bool has(const std::string& name) const override {
        return tensors_.contains(name);
    }
    [[nodiscard]] Shape shape(const std::string& name) const override { return at(name).shape; }
    [[nodiscard]] Precision precision(const std::string& name) const override {
        return precision_of(at(name).dtype);
    }
    [[nodiscard]] Tensor<Cpu<double>> read(const std::string& name) const override {
        const auto& tensor = at(name);
        const MappedFile file(tensor.path);
        const auto size = static_cast<std::size_t>(tensor.shape.numel()) *
                          static_cast<std::size_t>(bits_of(tensor.dtype)) / 8;
        if (file.bytes().size() != size) {
            fail(display(tensor.path), std::to_string(file.bytes().size()) + " bytes",
                 std::to_string(size) + ", as when the table was read");
        }
        Tensor<Cpu<double>> values(tensor.shape);
        convert(tensor.dtype, file.bytes(), values.values());
        return values;
    }

private:
    [[nodiscard]] const RawTensor& at(const std::string& name) const {
        const auto found = tensors_.find(name);
        if (found != tensors_.end()) return found->second;
        fail(where_, "no tensor " + in_quotes(name), "one of its names");
    }

    std::string where_;
    std::map<std::string, RawTensor> tensors_;
};

namespace detail {

/// The .npy files in a folder and those below it, by their tensors' names. Links to files are
/// followed, links to folders are not: they may lead in circles.
[[nodiscard]] inline std::map<std::string, std::filesystem::path>
npy_files(const std::filesystem::path& folder) {
    static constexpr std::array<std::string_view, 1> ending = {".npy"};
    std::map<std::string, std::filesystem::path> files;
    std::size_t entries = 0;
    std::error_code error;
    std::filesystem::recursive_directory_iterator entry(folder, error), end;
    for (; !error && entry != end; entry.increment(error)) {
        if (++entries > max_dump_entries) {
            fail(display(folder), "more than " + std::to_string(max_dump_entries) + " files",
                 "the folder of a dump");
        }
        if (entry->path().extension() != ".npy" || entry->is_directory(error)) continue;
        const auto text = entry->path().lexically_relative(folder).generic_u8string();
        auto name = dumped_name(std::string(text.begin(), text.end()), ending);
        const auto [place, added] = files.try_emplace(std::move(name), entry->path());
        if (!added) {
            fail(display(entry->path()), "a duplicate: the name " + in_quotes(place->first),
                 "every name once", display(place->second) + " has it, too");
        }
    }
    if (error) fail(display(folder), error.message(), "a folder that can be read");
    return files;
}

} // namespace detail

/// Opens what somebody recorded. `path` is
///   a recording              of latent record or record.py, a safetensors file
///   any other checkpoint     safetensors, torch's, or sharded: tensors by their names
///   a .npy file              one tensor, by the file's name without .npy
///   a folder of .npy files   the same of each; folders are parts of the name:
///                            decoder/conv_in.npy and decoder.conv_in.npy are decoder.conv_in
///   a table of shapes        shapes.tsv, or the folder that holds it: files of bare numbers
///                            (raw_dump.hpp)
/// Only a recording tells in which order its outputs were made: the others' stand by name, or
/// as in the file, and metadata["order"] is "unknown". Values are read when they are asked for,
/// as doubles. Throws Error, which begins with the path, for anything else.
[[nodiscard]] inline Recording open_dump(const std::filesystem::path& path) {
    const auto where = display(path);
    std::error_code error;
    auto table = path;
    if (std::filesystem::is_directory(path, error)) table /= shape_table_name;
    if (table.extension() == ".tsv" && std::filesystem::exists(table, error)) {
        auto tensors = read_shape_table(table);
        return unordered_recording(where,
                                   std::make_unique<RawStore>(where, std::move(tensors)));
    }
    if (std::filesystem::is_directory(path, error)) {
        auto files = detail::npy_files(path);
        if (files.empty()) {
            fail(where,
                 "a folder without .npy files and without " + std::string(shape_table_name),
                 "a dump", "name a .safetensors file itself, not its folder");
        }
        return unordered_recording(where, std::make_unique<NpyStore>(where, std::move(files)));
    }
    auto file = Checkpoint::open(path);
    if (file.format() != "npy") return recording_of(std::move(file));
    auto name = path.stem().generic_u8string();
    std::map<std::string, std::filesystem::path> files{
        {std::string(name.begin(), name.end()), path}};
    return unordered_recording(where, std::make_unique<NpyStore>(where, std::move(files)));
}

} // namespace latent
