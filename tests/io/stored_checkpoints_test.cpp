/// The random checkpoints of reference_data/io/, which torch.save, safetensors and numpy wrote,
/// and what their own loaders find in them (generate/checkpoints.py): every name, dtype, shape
/// and bit.

#include "io/file_bytes.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/io/checkpoint.hpp>
#include <latent/io/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

std::filesystem::path stored_folder() { return reference_data() / "io"; }

struct StoredTensor {
    std::string dtype, shape, bytes;
};
/// {file: {tensor: what it holds}}, from checkpoints.tsv.
using StoredFiles = std::map<std::string, std::map<std::string, StoredTensor>>;

StoredFiles stored_files() {
    std::istringstream table(read_text(stored_folder() / "checkpoints.tsv"));
    std::string line;
    std::getline(table, line); // the columns' names
    StoredFiles files;
    while (std::getline(table, line)) {
        std::istringstream row(line);
        std::string file, name;
        StoredTensor tensor;
        for (auto* const column : {&file, &name, &tensor.dtype, &tensor.shape, &tensor.bytes}) {
            std::getline(row, *column, '\t');
        }
        files[file].emplace(parse_json(file, name).get<std::string>(), tensor);
    }
    return files;
}

/// Up to 64 bytes whole, more as a hash: FNV-1a, 64 bits.
std::string stored_text(std::span<const std::byte> bytes) {
    std::uint64_t hash = 0xCBF29CE484222325U;
    std::string text = "hex:";
    char digits[24];
    for (const auto byte : bytes) {
        const auto value = std::to_integer<unsigned>(byte);
        hash = (hash ^ value) * 0x100000001B3U;
        std::snprintf(digits, sizeof digits, "%02x", value);
        if (bytes.size() <= 64) text += digits;
    }
    if (bytes.size() <= 64) return text;
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
    return std::string("fnv1a:") + digits;
}

void check_stored(const Checkpoint& file, const std::map<std::string, StoredTensor>& expected) {
    CHECK(file.tensors().size() == expected.size());
    for (const auto& [name, tensor] : expected) {
        CAPTURE(name);
        const auto* const ours = file.find(name);
        REQUIRE(ours != nullptr);
        CHECK(to_string(ours->dtype) == tensor.dtype);
        CHECK(detail::shape_text(ours->shape.dims()) == tensor.shape);
        std::vector<std::byte> bytes(byte_size(*ours));
        file.read_bytes(*ours, bytes);
        CHECK(stored_text(bytes) == tensor.bytes);
    }
}

} // namespace

TEST_CASE("Checkpoint: stored files of torch, safetensors and numpy, bit for bit") {
    const auto files = stored_files();
    std::set<std::string> dtypes;
    for (const auto& [name, tensors] : files) {
        CAPTURE(name);
        const auto path = stored_folder() / "checkpoints" / name;
        std::string refusal;
        try {
            check_stored(Checkpoint::open(path), tensors);
        } catch (const Error& error) {
            refusal = error.what();
        }
        CHECK(refusal == "");
        for (const auto& [tensor, stored] : tensors) dtypes.insert(stored.dtype);
    }
    CHECK(files.size() >= 60);
    CHECK(dtypes.size() == 22); // all that safetensors has
}
