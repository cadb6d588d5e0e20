/// Files made by hand, byte by byte, for the tests of the readers.
#pragma once

#include <latent/io/checkpoint.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent::test {

/// A folder of its own under the system's temporary one, gone at the end.
class TemporaryFolder {
public:
    TemporaryFolder() {
        const auto clock = std::chrono::steady_clock::now().time_since_epoch().count();
        path_ =
            std::filesystem::temp_directory_path() / ("latent-test-" + std::to_string(clock));
        std::filesystem::create_directories(path_);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
        return path_ / name;
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::size_t entries() const {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path_)) {
            ++count;
        }
        return count;
    }

private:
    std::filesystem::path path_;
};

inline void write_text(const std::filesystem::path& path, std::string_view text) {
    std::ofstream(path, std::ios::binary)
        .write(text.data(), static_cast<std::streamsize>(text.size()));
}

[[nodiscard]] inline std::string read_text(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

[[nodiscard]] inline std::vector<std::byte> to_bytes(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

/// The bytes of a number, little-endian.
template <class Number>
[[nodiscard]] std::string little(Number number) {
    std::string text(sizeof number, '\0');
    std::memcpy(text.data(), &number, sizeof number);
    return text;
}

template <class Number>
[[nodiscard]] std::string little_all(const std::vector<Number>& numbers) {
    std::string text;
    for (const auto number : numbers) text += little(number);
    return text;
}

/// A string literal with NULs in it, whole.
template <std::size_t Size>
[[nodiscard]] std::string raw(const char (&text)[Size]) {
    return std::string(text, Size - 1);
}

/// A safetensors file of this header and these data.
[[nodiscard]] inline std::string safetensors_file(std::string_view header,
                                                  std::string_view data) {
    return little<std::uint64_t>(header.size()) + std::string(header) + std::string(data);
}

struct ZipRecord {
    std::string name, data;
    std::uint32_t crc = 0;                   ///< wrong for nearly all data, and must not matter
    std::uint16_t method = 0;                ///< 0 stored, 8 deflated
    std::uint32_t claimed_size = 0xFFFFFFFF; ///< unless it shall lie, the true one
};

/// A zip archive of stored records.
[[nodiscard]] inline std::string zip_bytes(const std::vector<ZipRecord>& records) {
    std::string file, directory;
    for (const auto& record : records) {
        const auto size = record.claimed_size == 0xFFFFFFFF
                              ? static_cast<std::uint32_t>(record.data.size())
                              : record.claimed_size;
        const auto common =
            little<std::uint16_t>(0) + little(record.method) + little<std::uint32_t>(0) +
            little(record.crc) + little(size) + little(size) +
            little(static_cast<std::uint16_t>(record.name.size())) + little<std::uint16_t>(0);
        // Comment length, disk, attributes twice; then the place of the record.
        directory += "PK\1\2" + little<std::uint16_t>(20) + little<std::uint16_t>(20) + common +
                     little<std::uint16_t>(0) + little<std::uint64_t>(0) +
                     little(static_cast<std::uint32_t>(file.size())) + record.name;
        file += "PK\3\4" + little<std::uint16_t>(20) + common + record.name + record.data;
    }
    const auto count = little(static_cast<std::uint16_t>(records.size()));
    return file + directory + "PK\5\6" + little<std::uint32_t>(0) + count + count +
           little(static_cast<std::uint32_t>(directory.size())) +
           little(static_cast<std::uint32_t>(file.size())) + little<std::uint16_t>(0);
}

// Pieces of pickles.

[[nodiscard]] inline std::string pickle_text(std::string_view text) {
    return "X" + little(static_cast<std::uint32_t>(text.size())) + std::string(text);
}
[[nodiscard]] inline std::string pickle_integer(std::int64_t value) {
    return std::string("\x8a\x08") + little(value);
}
[[nodiscard]] inline std::string pickle_integers(const std::vector<std::int64_t>& values) {
    std::string text = "(";
    for (const auto value : values) text += pickle_integer(value);
    return text + "t";
}
[[nodiscard]] inline std::string pickle_storage(std::string_view type, std::string_view key,
                                                std::int64_t numel) {
    return "(" + pickle_text("storage") + "ctorch\n" + std::string(type) + "\n" +
           pickle_text(key) + pickle_text("cpu") + pickle_integer(numel) + "tQ";
}

/// torch._utils._rebuild_tensor_v2 of a storage, as torch.save writes it.
[[nodiscard]] inline std::string pickle_tensor(const std::string& storage, std::int64_t offset,
                                               const std::vector<std::int64_t>& size,
                                               const std::vector<std::int64_t>& stride) {
    return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + pickle_integer(offset) +
           pickle_integers(size) + pickle_integers(stride) +
           "\x89"
           "ccollections\nOrderedDict\n)RtR";
}
/// A dictionary of these keys and values (pickled already), as a whole pickle.
[[nodiscard]] inline std::string
pickle_dictionary(const std::vector<std::pair<std::string, std::string>>& items) {
    std::string text = "}(";
    for (const auto& [key, value] : items) text += pickle_text(key) + value;
    return text + "u";
}
[[nodiscard]] inline std::string whole_pickle(const std::string& body) {
    return "\x80\x02" + body + ".";
}

/// A torch file of this pickle and these storages.
[[nodiscard]] inline std::string
torch_file(const std::string& pickle,
           const std::vector<std::pair<std::string, std::string>>& storages,
           const std::string& byte_order = "little") {
    std::vector<ZipRecord> records{{"model/data.pkl", pickle}};
    if (!byte_order.empty()) records.push_back({"model/byteorder", byte_order});
    for (const auto& [key, data] : storages) records.push_back({"model/data/" + key, data});
    records.push_back({"model/version", "3\n"});
    return zip_bytes(records);
}

[[nodiscard]] inline Checkpoint checkpoint_of(std::string_view file,
                                              std::string name = "made") {
    return Checkpoint::from_bytes(to_bytes(file), std::move(name));
}

/// All values of a tensor.
[[nodiscard]] inline std::vector<double> values_of(const Checkpoint& file,
                                                   std::string_view name) {
    const auto& tensor = file.at(name);
    std::vector<double> values(static_cast<std::size_t>(tensor.shape.numel()));
    file.read(tensor, std::span<double>(values));
    return values;
}

} // namespace latent::test
