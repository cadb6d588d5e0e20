#pragma once

#include <latent/io/checkpoint.hpp>
#include <latent/io/npy.hpp>
#include <latent/io/safetensors_writer.hpp>
#include <latent/io/system.hpp>
#include <latent/io/text.hpp>
#include <latent/tensor/devices.hpp>
#include <latent/tensor/trace.hpp>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>

/// What the subcommands ask of the files that they are given.

namespace latent::command {

/// The end of a file's name in small letters: ".png".
[[nodiscard]] inline std::string extension(const std::filesystem::path& path) {
    auto text = path.extension().string();
    std::ranges::transform(text, text.begin(), [](unsigned char letter) {
        return static_cast<char>(std::tolower(letter));
    });
    return text;
}

/// Throws Error unless a file of one of these kinds can be written there. Called before the
/// work.
inline void require_output(const std::filesystem::path& path,
                           std::initializer_list<std::string_view> extensions) {
    if (std::ranges::find(extensions, extension(path)) == extensions.end()) {
        std::string names;
        for (const auto& name : extensions)
            names += (names.empty() ? "" : " or ") + std::string(name);
        const auto got = path.extension().string();
        fail(display(path), got.empty() ? "no extension" : "the extension " + in_quotes(got),
             names, "the extension tells what is written");
    }
    const OutputFile attempt(path);
}

/// Ends the command when Ctrl-C was pressed, before anything is written.
inline void stop_if_interrupted() {
    if (interrupted()) throw Stopped();
}

/// Opens a checkpoint, and tells on stderr what in it has no name.
[[nodiscard]] inline Checkpoint open_checkpoint(const std::filesystem::path& path) {
    auto file = Checkpoint::open(path);
    if (const auto count = file.left_out(); count > 0) {
        std::cerr << file.path() << ": remark: " << count
                  << (count == 1 ? " tensor" : " tensors")
                  << " in lists, or under keys that are no names, left out\n";
    }
    return file;
}

/// A tensor from a file, and the strings that travel with it.
struct TensorFile {
    std::string where; ///< begins an Error
    Tensor<Cpu<float>> tensor;
    std::map<std::string, std::string> metadata;
};

namespace detail {

[[nodiscard]] inline const TensorInfo&
choose_tensor(const Checkpoint& file, const std::string& key, std::string_view usual) {
    if (!key.empty()) return file.at(key);
    if (const auto* const tensor = file.find(usual)) return *tensor;
    if (file.tensors().size() == 1) return file.tensors().front();
    const auto count = std::to_string(file.tensors().size());
    fail(file.path(), count + " tensors",
         usual.empty() ? "one" : "one, or one named " + in_quotes(usual),
         "choose one with --key NAME");
}

} // namespace detail

/// Reads the tensor `key` (if empty, the one named `usual`, or the only one). Throws Error
/// unless it is [N, C, H, W], not empty, of a floating-point dtype, at most `most` elements,
/// all of them finite.
[[nodiscard]] inline TensorFile read_tensor(const std::filesystem::path& path,
                                            const std::string& key, std::string_view usual,
                                            std::int64_t most) {
    const auto file = Checkpoint::open(path);
    const auto& info = detail::choose_tensor(file, key, usual);
    const auto where = file.path() + ": " + in_quotes(info.name);
    const auto dtype = std::string(to_string(info.dtype));
    if (info.shape.rank() != 4 || info.shape.numel() == 0) {
        fail(where, "shape " + to_string(info.shape), "a shape [N, C, H, W] without zeros");
    }
    if (!dtype.starts_with('F') && !dtype.starts_with('B'))
        fail(where, dtype, "floating-point numbers");
    if (dtype == "BOOL") fail(where, dtype, "floating-point numbers");
    if (info.shape.numel() > most) {
        fail(where, "shape " + to_string(info.shape),
             "at most " + std::to_string(most) + " elements");
    }
    Tensor<Cpu<float>> tensor(info.shape);
    file.read(info, tensor.values());
    const auto values = tensor.values();
    const auto odd =
        std::ranges::find_if(values, [](float value) { return !std::isfinite(value); });
    if (odd != values.end()) {
        fail(where,
             std::to_string(*odd) + " at " + place_text(info.shape, odd - values.begin()),
             "finite numbers");
    }
    return {where, std::move(tensor), file.metadata()};
}

/// Writes the tensor: a .npy holds it alone, a safetensors file under that name, with the
/// strings.
inline void write_tensor(const std::filesystem::path& path, const std::string& name,
                         const Tensor<Cpu<float>>& tensor,
                         const std::map<std::string, std::string>& metadata = {}) {
    if (extension(path) == ".npy") return save_npy(path, {name, tensor});
    save_safetensors(path, {{name, tensor}}, metadata);
}

} // namespace latent::command
