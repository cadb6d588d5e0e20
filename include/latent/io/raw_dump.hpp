#pragma once

#include "latent/io/dtype.hpp"
#include "latent/io/system.hpp"
#include "latent/io/tab_separated.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

/// Files of bare numbers, as fwrite, ofstream or numpy's tofile leave them, and a table that
/// says what they are: shapes.tsv, a line a file,
///     decoder.conv_in.bin<TAB>float32<TAB>1,512,64,64
/// The first cell is a file in the table's folder, or its name without the ending (.bin, .raw,
/// .dat or a dtype's: .f32); the second a dtype, as safetensors, torch or numpy call it; the
/// third the shape, empty for a single number. Numbers are little-endian, row-major.

namespace latent {

/// The table's name in a folder.
inline constexpr const char* shape_table_name = "shapes.tsv";

/// A file of bare numbers.
struct RawTensor {
    std::filesystem::path path;
    DType dtype = DType::F32;
    Shape shape;
};

namespace detail {

inline constexpr std::array<std::string_view, 7> raw_endings = {".bin", ".raw", ".dat", ".f64",
                                                                ".f32", ".f16", ".bf16"};

/// The dtype that people call so.
[[nodiscard]] inline std::optional<DType> dtype_called(std::string_view name) {
    static constexpr std::array<std::pair<std::string_view, DType>, 16> words{{
        {"float64", DType::F64},
        {"double", DType::F64},
        {"float32", DType::F32},
        {"float", DType::F32},
        {"single", DType::F32},
        {"float16", DType::F16},
        {"half", DType::F16},
        {"bfloat16", DType::BF16},
        {"int64", DType::I64},
        {"int32", DType::I32},
        {"int16", DType::I16},
        {"int8", DType::I8},
        {"uint8", DType::U8},
        {"uint16", DType::U16},
        {"uint32", DType::U32},
        {"bool", DType::BOOL},
    }};
    std::string lower(name), upper(name);
    for (auto& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    for (auto& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (lower.starts_with("torch.")) lower.erase(0, 6);
    for (const auto& [word, dtype] : words) {
        if (word == lower) return dtype;
    }
    return dtype_named(upper);
}

/// "1,512,64,64", also in brackets.
[[nodiscard]] inline Shape shape_called(const std::string& where, const std::string& name,
                                        std::string_view text) {
    const auto refuse = [&] {
        fail(where, "the shape " + in_quotes(text), "numbers with commas, such as 1,512,64,64");
    };
    const auto whole = text;
    if (text.starts_with('[') || text.starts_with('(')) {
        if (!text.ends_with(text.front() == '[' ? ']' : ')')) refuse();
        text = trimmed(text.substr(1, text.size() - 2));
    }
    // (3,) is a shape of Python.
    if (text.size() < whole.size() && text.size() > 1 && text.ends_with(',')) {
        text.remove_suffix(1);
    }
    std::vector<std::int64_t> dims;
    while (!text.empty()) {
        const auto cell = text.substr(0, text.find(','));
        const auto digits = trimmed(cell);
        std::int64_t dim = -1;
        const auto* const end = digits.data() + digits.size();
        const auto read = std::from_chars(digits.data(), end, dim);
        const bool last = cell.size() == text.size();
        if (read.ec != std::errc() || read.ptr != end || dim < 0) refuse();
        if (!last && cell.size() + 1 == text.size()) refuse(); // a comma at the end
        dims.push_back(dim);
        text.remove_prefix(last ? cell.size() : cell.size() + 1);
    }
    return claimed_shape(where, name, std::move(dims));
}

/// Refuses what leads out of the table's folder.
inline void require_inside(const std::string& where, std::string_view name) {
    bool inside = !name.empty() && name.size() <= 1024 &&
                  name.find('\\') == std::string_view::npos &&
                  name.find('\0') == std::string_view::npos &&
                  !std::filesystem::path(name).has_root_path();
    for (auto rest = name; inside && !rest.empty();) {
        const auto part = rest.substr(0, rest.find('/'));
        inside = !part.empty() && part != "." && part != "..";
        rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    }
    if (!inside)
        fail(where, "the file name " + in_quotes(name), "a file in the table's folder");
}

/// The file of that name, or with one of the endings.
[[nodiscard]] inline std::filesystem::path raw_file(const std::string& where,
                                                    const std::filesystem::path& folder,
                                                    const std::string& name) {
    std::error_code error;
    const auto path = folder / name;
    if (std::filesystem::is_regular_file(path, error)) return path;
    for (const auto ending : raw_endings) {
        auto longer = path;
        longer += ending;
        if (std::filesystem::is_regular_file(longer, error)) return longer;
    }
    fail(where, "no file " + in_quotes(name), "a file in the table's folder");
}

} // namespace detail

/// The name of a tensor, from that of its file in a dump's folder: without the ending, and
/// folders as parts of a path, decoder/conv_in.bin and decoder.conv_in.bin for decoder.conv_in.
[[nodiscard]] inline std::string dumped_name(std::string file,
                                             std::span<const std::string_view> endings) {
    for (const auto ending : endings) {
        if (!file.ends_with(ending) || file.size() == ending.size()) continue;
        file.resize(file.size() - ending.size());
        break;
    }
    std::ranges::replace(file, '/', '.');
    return file;
}

/// Reads a table of shapes, and compares each with the size of its file; no value is read.
/// By the tensors' names. Errors begin with the table's path and the line.
[[nodiscard]] inline std::map<std::string, RawTensor>
read_shape_table(const std::filesystem::path& table) {
    std::map<std::string, RawTensor> tensors;
    for_each_row(table, 3, [&](const std::string& where, const auto& cells) {
        detail::require_inside(where, cells[0]);
        const std::string file(cells[0]);
        auto name = dumped_name(file, detail::raw_endings);
        const auto dtype = detail::dtype_called(cells[1]);
        if (!dtype || !is_real(*dtype)) {
            fail(where, "dtype " + in_quotes(cells[1]),
                 "float32, float16, bfloat16, float64 "
                 "or another of torch's");
        }
        RawTensor tensor{.path = detail::raw_file(where, table.parent_path(), file),
                         .dtype = *dtype,
                         .shape = detail::shape_called(where, name, cells[2])};
        const auto bits = detail::checked_product(tensor.shape.numel(), bits_of(*dtype));
        std::error_code error;
        const auto size = std::filesystem::file_size(tensor.path, error);
        if (error) fail(where, error.message(), "a file whose size is known");
        if (!bits || static_cast<std::uintmax_t>(*bits / 8) != size) {
            fail(where, std::to_string(size) + " bytes in " + in_quotes(file),
                 (bits ? std::to_string(*bits / 8) : "far more") + ", the size of shape " +
                     to_string(tensor.shape) + " and dtype " + std::string(to_string(*dtype)));
        }
        if (!tensors.emplace(name, std::move(tensor)).second) {
            fail(where, "a duplicate: " + in_quotes(name) + " twice", "every name once");
        }
    });
    return tensors;
}

} // namespace latent
