// Every file of tests/corpus/: the hostile ones must be refused with a message that speaks of
// their lie, the sound ones must give exactly the listed tensors. tests/corpus/README.md says
// what the tables hold.

#include "io/file_bytes.hpp"
#include "support/catch.hpp"
#include "support/corpus.hpp"

#include <latent/io/checkpoint.hpp>
#include <latent/io/image.hpp>
#include <latent/io/load_autoencoder_tiny.hpp>
#include <latent/io/pickle.hpp>
#include <latent/io/system.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

std::string hex_of(std::span<const std::byte> bytes) {
    std::string digits;
    for (const auto byte : bytes) {
        digits += "0123456789abcdef"[std::to_integer<unsigned>(byte) / 16];
        digits += "0123456789abcdef"[std::to_integer<unsigned>(byte) % 16];
    }
    return digits;
}

std::string shape_cell(const Shape& shape) {
    std::string text;
    for (const auto dim : shape.dims()) text += (text.empty() ? "" : ",") + std::to_string(dim);
    return text;
}

std::vector<CorpusTensor> tensors_of_checkpoint(const Checkpoint& file) {
    std::vector<CorpusTensor> found;
    for (const auto& tensor : file.tensors()) {
        const auto bits = tensor.shape.numel() * bits_of(tensor.dtype);
        std::vector<std::byte> bytes(static_cast<std::size_t>(bits / 8));
        file.read_bytes(tensor, bytes);
        found.push_back({tensor.name, std::string(to_string(tensor.dtype)),
                         shape_cell(tensor.shape), hex_of(bytes)});
    }
    return found;
}

/// What the reader of that format makes of the file.
std::vector<CorpusTensor> read_corpus_file(const std::string& format,
                                           const std::filesystem::path& path) {
    if (format == "pickle") {
        const MappedFile file(path);
        const auto pickle = read_pickle(display(path), file.bytes());
        CHECK(pickle.root < pickle.nodes.size());
        return {};
    }
    if (format == "config") {
        const auto config = load_autoencoder_tiny_config(path).config;
        CHECK(config.decoder_factor() >= 1);
        return {};
    }
    if (format == "image") {
        const auto image = read_image(path);
        return {{"image", "U8", shape_cell({image.height, image.width, image.channels}),
                 hex_of(std::as_bytes(std::span(image.pixels)))}};
    }
    return tensors_of_checkpoint(Checkpoint::open(path));
}

/// Whether a refusal is as every refusal must be; words tell what is wrong with it.
std::string fault_of_refusal(const std::string& message, const std::filesystem::path& path,
                             const CorpusLie& lie) {
    // What is wrong in a shard is said in the shard's name.
    const auto begin =
        lie.format == "index" ? display(path.parent_path()) + "/" : display(path) + ": ";
    if (!message.starts_with(begin)) return "does not begin with " + begin;
    if (message.size() >= display(path).size() + 1000) return "is too long";
    for (const char c : message) {
        if (static_cast<unsigned char>(c) < 0x20) return "has a control character";
    }
    if (!is_utf8(message)) return "is no UTF-8";
    for (const auto& word : lie.words) {
        if (!contains(message, word)) return "lacks the words: " + word;
    }
    return {};
}

void refuse_all_of(const std::string& format) {
    const auto corpus = corpus_folder();
    if (!corpus) return skip(no_corpus);
    std::size_t count = 0;
    for (const auto& lie : corpus_lies(*corpus)) {
        if (lie.format != format) continue;
        ++count;
        const auto path = *corpus / lie.path;
        CAPTURE(lie.path);
        std::string message;
        try {
            static_cast<void>(read_corpus_file(format, path));
        } catch (const Error& error) {
            message = error.what();
        }
        INFO("the message: " << message);
        CHECK(message != "");
        CHECK(fault_of_refusal(message, path, lie) == "");
    }
    CHECK(count >= 40);
    CHECK_FALSE(std::filesystem::exists(corpus_command_trace));
}

void read_all_of(const std::string& format, std::size_t least) {
    const auto corpus = corpus_folder();
    if (!corpus) return skip(no_corpus);
    const auto table = corpus_tensors(*corpus);
    std::size_t count = 0;
    for (const auto& path : corpus_files(*corpus / "valid" / format)) {
        ++count;
        const auto name = path.lexically_relative(*corpus).generic_string();
        CAPTURE(name);
        const auto listed = table.find(name);
        auto expected = listed == table.end() ? std::vector<CorpusTensor>{} : listed->second;
        auto found = read_corpus_file(format, path);
        // The values of large images are not listed.
        if (format == "image" && expected.size() == 1 && expected[0].values == "-") {
            found.at(0).values = "-";
        }
        std::ranges::sort(expected);
        std::ranges::sort(found);
        CHECK(found == expected);
    }
    CHECK(count >= least);
    CHECK_FALSE(std::filesystem::exists(corpus_command_trace));
}

/// Each sound file, cut after each of its bytes: it is refused, or it is read; which of the
/// two is asked where no format lets a file end early.
void cut_all_of(const std::string& format, bool ends_early) {
    const auto corpus = corpus_folder();
    if (!corpus) return skip(no_corpus);
    std::size_t count = 0;
    for (const auto& path : corpus_files(*corpus / "valid" / format)) {
        const auto whole = to_bytes(read_text(path));
        if (whole.size() > 1500) continue;
        CAPTURE(path.filename().string());
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const std::vector<std::byte> bytes(whole.begin(), whole.begin() + size);
            bool refused = false;
            try {
                if (format == "image") {
                    static_cast<void>(decode_image("cut", bytes));
                } else {
                    static_cast<void>(
                        tensors_of_checkpoint(Checkpoint::view_bytes(bytes, "cut")));
                }
            } catch (const Error& error) {
                refused = std::string_view(error.what()).starts_with("cut: got ");
                if (!refused) FAIL_CHECK(size << ": " << error.what());
            }
            ++count;
            if (!refused && !ends_early) FAIL_CHECK(size << " bytes were read");
        }
    }
    CHECK(count > 1000);
}

} // namespace

TEST_CASE("corpus: hostile safetensors files are refused") { refuse_all_of("safetensors"); }
TEST_CASE("corpus: hostile shard indexes are refused") { refuse_all_of("index"); }
TEST_CASE("corpus: hostile torch zip files are refused") { refuse_all_of("zip"); }
TEST_CASE("corpus: hostile pickles are refused") { refuse_all_of("pickle"); }
TEST_CASE("corpus: hostile legacy torch files are refused") { refuse_all_of("legacy"); }
TEST_CASE("corpus: hostile npy files are refused") { refuse_all_of("npy"); }
TEST_CASE("corpus: hostile configs are refused") { refuse_all_of("config"); }
TEST_CASE("corpus: hostile images are refused") { refuse_all_of("image"); }

TEST_CASE("corpus: sound safetensors files are read") { read_all_of("safetensors", 40); }
TEST_CASE("corpus: sound shard indexes are read") { read_all_of("index", 15); }
TEST_CASE("corpus: sound torch zip files are read") { read_all_of("zip", 80); }
TEST_CASE("corpus: sound legacy torch files are read") { read_all_of("legacy", 15); }
TEST_CASE("corpus: sound npy files are read") { read_all_of("npy", 30); }
TEST_CASE("corpus: sound configs are read") { read_all_of("config", 10); }
TEST_CASE("corpus: sound images are read") { read_all_of("image", 30); }

TEST_CASE("corpus: a sound file may be cut anywhere") {
    SECTION("safetensors") { cut_all_of("safetensors", false); }
    SECTION("torch zip") { cut_all_of("zip", false); }
    SECTION("npy") { cut_all_of("npy", false); }
    SECTION("legacy torch, behind whose storages anything may stand") {
        cut_all_of("legacy", true);
    }
    SECTION("images, whose last bytes hold no pixels") { cut_all_of("image", true); }
}

TEST_CASE("corpus: every listed file exists, and every file is listed") {
    const auto corpus = corpus_folder();
    if (!corpus) return skip(no_corpus);
    std::set<std::string> listed;
    for (const auto& lie : corpus_lies(*corpus)) {
        CAPTURE(lie.path);
        CHECK(std::filesystem::is_regular_file(*corpus / lie.path));
        CHECK(listed.insert(lie.path).second);
        CHECK_FALSE(lie.words.empty());
    }
    for (const auto& format : corpus_formats) {
        for (const auto& path : corpus_files(*corpus / "hostile" / format)) {
            const auto name = path.lexically_relative(*corpus).generic_string();
            CAPTURE(name);
            CHECK(listed.contains(name));
        }
    }
}

TEST_CASE("corpus: each class of lie has at least 8 files in each format") {
    const auto corpus = corpus_folder();
    if (!corpus) return skip(no_corpus);
    std::map<std::string, std::size_t> count;
    for (const auto& lie : corpus_lies(*corpus)) ++count[lie.format + " " + lie.kind];
    CHECK(count.size() >= 50);
    for (const auto& [lie, files] : count) {
        CAPTURE(lie);
        CHECK(files >= 8);
    }
}
