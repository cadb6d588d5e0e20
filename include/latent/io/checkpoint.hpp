#pragma once

#include "latent/io/safetensors.hpp"
#include "latent/io/system.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/io/torch_file.hpp"

#include <algorithm>
#include <array>
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

/// A checkpoint that stands open: safetensors or a torch zip file, mapped or in memory. Opening
/// reads names, shapes and places, and checks them all; values are read a tensor at a time.
/// Every Error begins with the file's path.
class Checkpoint {
public:
    /// Opens a file, whose kind shows in its first bytes, not in its name.
    [[nodiscard]] static Checkpoint open(const std::filesystem::path& path) {
        return Checkpoint(display(path), MappedFile(path));
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
    /// "safetensors" or "torch".
    [[nodiscard]] const std::string& format() const { return contents_.format; }
    /// In the file's order; every name once. They live as long as the checkpoint.
    [[nodiscard]] std::span<const TensorInfo> tensors() const& { return contents_.tensors; }
    [[nodiscard]] std::span<const TensorInfo> tensors() && = delete;
    [[nodiscard]] const std::map<std::string, std::string>& metadata() const {
        return contents_.metadata;
    }

    /// The tensor of that name, or null.
    [[nodiscard]] const TensorInfo* find(std::string_view name) const {
        const auto name_of = [&](std::uint32_t i) -> std::string_view {
            return contents_.tensors[i].name;
        };
        const auto found = std::ranges::lower_bound(by_name_, name, {}, name_of);
        if (found == by_name_.end() || name_of(*found) != name) return nullptr;
        return &contents_.tensors[*found];
    }

    /// The tensor of that name; throws Error where there is none.
    [[nodiscard]] const TensorInfo& at(std::string_view name) const {
        if (const auto* const tensor = find(name)) return *tensor;
        fail(path_, "no tensor " + in_quotes(name), "a tensor of that name");
    }

    /// The values of one of tensors(), row-major, converted as convert() does (dtype.hpp);
    /// `out` has shape.numel() elements.
    void read(const TensorInfo& tensor, std::span<float> out) const { read_as(tensor, out); }
    void read(const TensorInfo& tensor, std::span<double> out) const { read_as(tensor, out); }

    /// The values as they are, of the tensor's own dtype: row-major and little-endian, whatever
    /// the file has. `out` has the size of all elements.
    void read_bytes(const TensorInfo& tensor, std::span<std::byte> out) const {
        const auto width = width_of(tensor);
        if (is_plain(tensor)) {
            const auto bytes = plain_bytes(tensor);
            require_size(tensor, out.size(), bytes.size());
            std::ranges::copy(bytes, out.begin());
            return;
        }
        require_size(tensor, out.size(),
                     static_cast<std::size_t>(tensor.shape.numel()) * width);
        gather(tensor, [&, position = std::size_t{0}](std::span<const std::byte> part) mutable {
            std::ranges::copy(part, out.begin() + static_cast<std::ptrdiff_t>(position));
            position += part.size();
        });
    }

private:
    using Bytes = std::variant<MappedFile, std::vector<std::byte>, std::span<const std::byte>>;

    Checkpoint(std::string path, Bytes bytes)
        : path_(std::move(path)), bytes_(std::move(bytes)), contents_(read_contents()) {
        by_name_.resize(contents_.tensors.size());
        for (std::size_t i = 0; i < by_name_.size(); ++i) {
            by_name_[i] = static_cast<std::uint32_t>(i);
        }
        std::ranges::sort(by_name_, {}, [&](std::uint32_t i) -> std::string_view {
            return contents_.tensors[i].name;
        });
    }

    [[nodiscard]] std::span<const std::byte> bytes() const {
        if (const auto* const file = std::get_if<MappedFile>(&bytes_)) return file->bytes();
        if (const auto* const own = std::get_if<std::vector<std::byte>>(&bytes_)) return *own;
        return std::get<std::span<const std::byte>>(bytes_);
    }

    [[nodiscard]] FileContents read_contents() const {
        const auto all = bytes();
        if (is_zip(all)) return read_torch_zip(path_, all);
        if (is_legacy_torch(all)) {
            fail(path_, "a torch file of before version 1.6", "a torch zip file or safetensors",
                 "load it in torch and save it again");
        }
        const std::string_view head(reinterpret_cast<const char*>(all.data()),
                                    std::min<std::size_t>(all.size(), 64));
        if (head.starts_with("version https://git-lfs")) {
            fail(path_, "a Git LFS pointer instead of the file", "a checkpoint",
                 "fetch it with: git lfs pull");
        }
        // Some begin their header with white space, which is legal JSON.
        const bool json = head.size() > 8 && (head[8] == '{' || head[8] == ' ' ||
                                              head[8] == '\n' || head[8] == '\t');
        const bool plausible = head.size() >= 8 && detail::load<std::uint64_t>(all.data()) <=
                                                       max_safetensors_header;
        if (json || plausible || path_.ends_with(".safetensors")) {
            return read_safetensors(path_, all);
        }
        if (all.empty()) fail(path_, "an empty file", "safetensors or a torch zip file");
        fail(path_, "a file that begins with " + in_quotes(head.substr(0, 16)),
             "safetensors or a torch zip file");
    }

    // Reading values.

    [[nodiscard]] static std::size_t width_of(const TensorInfo& tensor) {
        return static_cast<std::size_t>(bits_of(tensor.dtype)) / 8;
    }
    [[nodiscard]] static bool is_plain(const TensorInfo& tensor) {
        return tensor.strides.empty() && !tensor.big_endian;
    }
    [[nodiscard]] std::span<const std::byte> plain_bytes(const TensorInfo& tensor) const {
        const auto bits = tensor.shape.numel() * bits_of(tensor.dtype);
        return bytes().subspan(tensor.begin, static_cast<std::size_t>(bits / 8));
    }
    void require_size(const TensorInfo& tensor, std::size_t got, std::size_t expected) const {
        if (got == expected) return;
        fail(path_, "room for " + std::to_string(got),
             std::to_string(expected) + ", the size of " + in_quotes(tensor.name));
    }

    template <class Real>
    void read_as(const TensorInfo& tensor, std::span<Real> out) const {
        require_size(tensor, out.size(), static_cast<std::size_t>(tensor.shape.numel()));
        if (bits_of(tensor.dtype) % 8 != 0 || tensor.dtype == DType::C64) {
            fail(path_,
                 "tensor " + in_quotes(tensor.name) + " of dtype " +
                     std::string(to_string(tensor.dtype)),
                 "a real dtype of whole bytes",
                 "it can be listed, but no network computes in it");
        }
        if (is_plain(tensor)) return convert(tensor.dtype, plain_bytes(tensor), out);
        gather(tensor, [&, rest = out](std::span<const std::byte> part) mutable {
            const auto count = part.size() / width_of(tensor);
            convert(tensor.dtype, part, rest.first(count));
            rest = rest.subspan(count);
        });
    }

    /// Collects strided or byte-swapped elements in row-major order, a few at a time.
    template <class Take>
    void gather(const TensorInfo& tensor, Take take) const {
        const auto all = bytes();
        const auto width = width_of(tensor);
        const auto number =
            tensor.dtype == DType::C64 ? width / 2 : width; // swapped each alone
        const auto dims = tensor.shape.dims();
        std::vector<std::size_t> step(dims.size());
        std::size_t dense = 1;
        for (std::size_t axis = dims.size(); axis-- > 0;) {
            step[axis] =
                tensor.strides.empty() ? dense : static_cast<std::size_t>(tensor.strides[axis]);
            dense *= static_cast<std::size_t>(dims[axis]);
        }

        std::array<std::byte, 8192> part;
        std::size_t filled = 0, element = 0;
        std::vector<std::int64_t> index(dims.size());
        for (std::int64_t left = tensor.shape.numel(); left > 0; --left) {
            const auto source = all.subspan(tensor.begin + element * width, width);
            const auto to = part.begin() + static_cast<std::ptrdiff_t>(filled);
            std::ranges::copy(source, to);
            if (tensor.big_endian) {
                for (std::size_t i = 0; i < width; i += number) {
                    std::ranges::reverse(part.begin() + filled + i,
                                         part.begin() + filled + i + number);
                }
            }
            filled += width;
            if (filled == part.size() || left == 1) {
                take(std::span<const std::byte>(part).first(filled));
                filled = 0;
            }
            // The next index: the last axis counts, a full axis starts again and carries.
            for (std::size_t axis = dims.size(); axis-- > 0;) {
                element += step[axis];
                if (++index[axis] < dims[axis]) break;
                element -= step[axis] * static_cast<std::size_t>(dims[axis]);
                index[axis] = 0;
            }
        }
    }

    std::string path_;
    Bytes bytes_;
    FileContents contents_;
    std::vector<std::uint32_t> by_name_;
};

} // namespace latent
