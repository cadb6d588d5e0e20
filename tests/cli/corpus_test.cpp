// The command and every hostile file of tests/corpus/: one line on stderr, exit code 1, within
// seconds and little memory, and nothing written.

#include "cli/command.hpp"
#include "support/catch.hpp"
#include "support/corpus.hpp"

#include <latent/io/text.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

using namespace latent::test;

namespace {

// A sanitizer keeps what was freed for a while, and shadows of all memory.
#if defined(__SANITIZE_ADDRESS__)
constexpr double most_memory_mib = 1024;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr double most_memory_mib = 1024;
#else
constexpr double most_memory_mib = 300;
#endif
#else
constexpr double most_memory_mib = 300;
#endif

/// Whether the command refuses the file as it must; words tell what is wrong.
std::string fault_of_run(const std::vector<std::string>& arguments,
                         const std::filesystem::path& file, bool is_index) {
    const auto start = std::chrono::steady_clock::now();
    const auto outcome = run_latent(arguments);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    if (outcome.code != 1) return "exit code " + std::to_string(outcome.code) + outcome.err;
    if (!outcome.out.empty()) return "on stdout: " + outcome.out.substr(0, 200);
    // What is wrong in a shard is said in the shard's name.
    const auto named = latent::display(is_index ? file.parent_path() / "" : file);
    const auto lines = std::ranges::count(outcome.err, '\n');
    if (lines != 1 || !outcome.err.ends_with('\n') || !outcome.err.starts_with(named)) {
        return "on stderr: " + outcome.err.substr(0, 400);
    }
    if (!(time.count() < 10)) return std::to_string(time.count()) + " s";
    if (!(outcome.peak_mib < most_memory_mib)) {
        return std::to_string(outcome.peak_mib) + " MiB";
    }
    return {};
}

void refuse_by_command(const std::string& format) {
    const auto corpus = corpus_folder();
    if (!corpus) return skip(no_corpus);
    if (command_path().empty()) return skip(no_command);
    std::size_t count = 0;
    for (const auto& lie : corpus_lies(*corpus)) {
        if (lie.format != format) continue;
        ++count;
        const auto file = *corpus / lie.path;
        const TemporaryFolder folder;
        const auto out = (folder / "out.safetensors").string();
        CAPTURE(lie.path);
        if (format == "image") {
            // inspect reads the head of an image alone, encode all of it.
            CHECK(fault_of_run({"encode", file.string(), "-m", "no-model", "-o", out}, file,
                               false) == "");
        } else {
            CHECK(fault_of_run({"inspect", file.string()}, file, format == "index") == "");
            if (format != "config") {
                CHECK(fault_of_run({"convert", file.string(), out}, file, format == "index") ==
                      "");
            }
        }
        CHECK(folder.entries() == 0);
    }
    CHECK(count >= 40);
    CHECK_FALSE(std::filesystem::exists(corpus_command_trace));
}

} // namespace

TEST_CASE("corpus: the command refuses hostile safetensors files", "[large]") {
    refuse_by_command("safetensors");
}
TEST_CASE("corpus: the command refuses hostile shard indexes", "[large]") {
    refuse_by_command("index");
}
TEST_CASE("corpus: the command refuses hostile torch zip files", "[large]") {
    refuse_by_command("zip");
}
TEST_CASE("corpus: the command refuses hostile pickles", "[large]") {
    refuse_by_command("pickle");
}
TEST_CASE("corpus: the command refuses hostile legacy torch files", "[large]") {
    refuse_by_command("legacy");
}
TEST_CASE("corpus: the command refuses hostile npy files", "[large]") {
    refuse_by_command("npy");
}
TEST_CASE("corpus: the command refuses hostile configs", "[large]") {
    refuse_by_command("config");
}
TEST_CASE("corpus: the command refuses hostile images", "[large]") {
    refuse_by_command("image");
}
