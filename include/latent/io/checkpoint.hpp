#pragma once

#include "latent/io/checkpoint_format.hpp"
#include "latent/io/dtype.hpp"
#include "latent/io/nearest_name.hpp"
#include "latent/io/shard_index.hpp"
#include "latent/io/system.hpp"
#include "latent/io/tensor_bytes.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace latent {

/// A checkpoint that stands open: safetensors, torch or .npy, mapped or in memory, in one file
/// or in shards with an index. Opening reads names, shapes and places, and checks them all;
/// values are read a tensor at a time. Every Error begins with the file's path.
class Checkpoint {
public:
    /// Opens a file, whose kind shows in its first bytes, not in its name; but what is called
    /// .json is the index of a sharded checkpoint, whose files stand beside it.
    [[nodiscard]] static Checkpoint open(const std::filesystem::path& path) {
        MappedFile file(path);
        if (path.extension() == ".json") return open_shards(path, file);
        return Checkpoint(display(path), std::move(file));
    }
    /// Bytes in memory; `name` stands for the path in errors.
    [[nodiscard]] static Checkpoint from_bytes(std::vector<std::byte> bytes, std::string name) {
        return Checkpoint(std::move(name), std::move(bytes));
    }
    /// Bytes that belong to the caller and must outlive the checkpoint.
    [[nodiscard]] static Checkpoint view_bytes(std::span<const std::byte> bytes,
                                               std::string name) {
        return Checkpoint(std::move(name), bytes);
    }

    [[nodiscard]] const std::string& path() const { return path_; }
    /// "safetensors", "torch" or "npy".
    [[nodiscard]] const std::string& format() const { return contents_.format; }
    /// In the file's order; every name once. They live as long as the checkpoint.
    [[nodiscard]] std::span<const TensorInfo> tensors() const& { return contents_.tensors; }
    [[nodiscard]] std::span<const TensorInfo> tensors() && = delete;
    [[nodiscard]] const std::map<std::string, std::string>& metadata() const {
        return contents_.metadata;
    }

    /// How many tensors the file has that tensors() does not: torch's may hold some in lists or
    /// under keys that are no names.
    [[nodiscard]] std::size_t left_out() const { return contents_.left_out; }

    /// The tensor of that name, or null.
    [[nodiscard]] const TensorInfo* find(std::string_view name) const {
        const auto name_of = [&](std::uint32_t i) -> std::string_view {
            return contents_.tensors[i].name;
        };
        const auto found = std::ranges::lower_bound(by_name_, name, {}, name_of);
        if (found == by_name_.end() || name_of(*found) != name) return nullptr;
        return &contents_.tensors[*found];
    }

    /// The tensor of that name; throws Error, with the nearest one, where there is none.
    [[nodiscard]] const TensorInfo& at(std::string_view name) const {
        if (const auto* const tensor = find(name)) return *tensor;
        std::vector<std::string_view> names;
        for (const auto& tensor : contents_.tensors) names.push_back(tensor.name);
        const auto nearest = nearest_name(name, names);
        fail(path_, "no tensor " + in_quotes(name), "a tensor of that name",
             nearest ? "nearest: " + in_quotes(*nearest) : "");
    }

    /// The values of one of tensors(), row-major, converted as convert() does (dtype.hpp);
    /// `out` has shape.numel() elements.
    void read(const TensorInfo& tensor, std::span<float> out) const { read_as(tensor, out); }
    void read(const TensorInfo& tensor, std::span<double> out) const { read_as(tensor, out); }

    /// The values as they are, of the tensor's own dtype: row-major and little-endian, whatever
    /// the file has. `out` has the size of all elements.
    void read_bytes(const TensorInfo& tensor, std::span<std::byte> out) const {
        require_size(tensor, out.size(), byte_size(tensor));
        for_each_part(tensor, [&, rest = out](std::span<const std::byte> part) mutable {
            std::ranges::copy(part, rest.begin());
            rest = rest.subspan(part.size());
        });
    }

    /// The same without room for all of them: take(std::span<const std::byte>) gets some whole
    /// elements at a time.
    template <class Take>
    void for_each_part(const TensorInfo& tensor, Take take) const {
        latent::for_each_part(file_of(tensor), tensor, take);
    }

private:
    using Bytes = std::variant<MappedFile, std::vector<std::byte>, std::span<const std::byte>>;

    explicit Checkpoint(std::string path) : path_(std::move(path)) {}
    Checkpoint(std::string path, Bytes bytes) : path_(std::move(path)) {
        contents_ = add_file(path_, std::move(bytes));
        sort_names();
    }

    /// Takes a file in, and says what it holds. Only its directory is read, which may be spread
    /// all over it.
    FileContents add_file(const std::string& where, Bytes bytes) {
        files_.push_back(std::move(bytes));
        const auto* const mapped = std::get_if<MappedFile>(&files_.back());
        if (mapped != nullptr) mapped->expect_scattered_reads(true);
        auto contents = read_checkpoint(where, span_of(files_.back()));
        if (mapped != nullptr) mapped->expect_scattered_reads(false);
        return contents;
    }

    /// The files that an index names, as one checkpoint: each tensor must be where the index
    /// has it, and no other may be there.
    [[nodiscard]] static Checkpoint open_shards(const std::filesystem::path& path,
                                                const MappedFile& index_file) {
        Checkpoint all(display(path));
        const std::string_view text(reinterpret_cast<const char*>(index_file.bytes().data()),
                                    index_file.bytes().size());
        const auto index = read_shard_index(all.path_, text);
        for (std::size_t number = 0; number < index.files.size(); ++number) {
            const auto place = path.parent_path() / index.files[number];
            const auto where = display(place);
            auto contents = all.add_file(where, MappedFile(place));
            for (auto& tensor : contents.tensors) {
                const auto known = index.file_of.find(tensor.name);
                if (known == index.file_of.end() || known->second != number) {
                    fail(where, "tensor " + in_quotes(tensor.name),
                         "only the tensors that " + all.path_ + " gives to this file");
                }
                tensor.file = number;
                all.contents_.tensors.push_back(std::move(tensor));
            }
            all.contents_.format = contents.format;
            all.contents_.left_out += contents.left_out;
            all.contents_.metadata.merge(contents.metadata);
        }
        all.sort_names();
        for (const auto& [name, number] : index.file_of) {
            if (all.find(name) != nullptr) continue;
            fail(all.path_,
                 "no tensor " + in_quotes(name) + " in " + in_quotes(index.files[number]),
                 "every tensor of the weight_map");
        }
        return all;
    }

    void sort_names() {
        by_name_.resize(contents_.tensors.size());
        for (std::size_t i = 0; i < by_name_.size(); ++i) {
            by_name_[i] = static_cast<std::uint32_t>(i);
        }
        std::ranges::sort(by_name_, {}, [&](std::uint32_t i) -> std::string_view {
            return contents_.tensors[i].name;
        });
    }

    [[nodiscard]] static std::span<const std::byte> span_of(const Bytes& bytes) {
        if (const auto* const file = std::get_if<MappedFile>(&bytes)) return file->bytes();
        if (const auto* const own = std::get_if<std::vector<std::byte>>(&bytes)) return *own;
        return std::get<std::span<const std::byte>>(bytes);
    }
    [[nodiscard]] std::span<const std::byte> file_of(const TensorInfo& tensor) const {
        return span_of(files_[tensor.file]);
    }

    void require_size(const TensorInfo& tensor, std::size_t got, std::size_t expected) const {
        if (got == expected) return;
        fail(path_, "room for " + std::to_string(got),
             std::to_string(expected) + ", the size of " + in_quotes(tensor.name));
    }

    template <class Real>
    void read_as(const TensorInfo& tensor, std::span<Real> out) const {
        require_size(tensor, out.size(), static_cast<std::size_t>(tensor.shape.numel()));
        if (!is_real(tensor.dtype)) {
            fail(path_,
                 "tensor " + in_quotes(tensor.name) + " of dtype " +
                     std::string(to_string(tensor.dtype)),
                 "a real dtype of whole bytes",
                 "it can be listed, but no network computes in it");
        }
        if (is_plain(tensor)) {
            return convert(tensor.dtype, plain_bytes(file_of(tensor), tensor), out);
        }
        const auto width = static_cast<std::size_t>(bits_of(tensor.dtype)) / 8;
        for_each_part(tensor, [&, rest = out](std::span<const std::byte> part) mutable {
            const auto count = part.size() / width;
            convert(tensor.dtype, part, rest.first(count));
            rest = rest.subspan(count);
        });
    }

    std::string path_;
    std::vector<Bytes> files_;
    FileContents contents_;
    std::vector<std::uint32_t> by_name_;
};

} // namespace latent
