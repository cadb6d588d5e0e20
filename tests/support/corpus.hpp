/// The corpus of hostile and of sound files in tests/corpus/, whose README describes the
/// tables. LATENT_CORPUS names the folder.
#pragma once

#include <latent/io/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace latent::test {

[[nodiscard]] inline std::optional<std::filesystem::path> corpus_folder() {
    const char* const path = std::getenv("LATENT_CORPUS");
    if (path == nullptr || *path == '\0') return std::nullopt;
    return path;
}
inline constexpr std::string_view no_corpus = "LATENT_CORPUS is not set: no corpus to read";

/// What each attack in the corpus would leave in the working folder if it ran.
inline constexpr const char* corpus_command_trace = "latent-was-executed";

inline constexpr std::string_view corpus_formats[] = {
    "safetensors", "index", "zip", "pickle", "legacy", "npy", "config", "image"};

/// A line of hostile.tsv.
struct CorpusLie {
    std::string path, format, kind;
    std::vector<std::string> words; ///< what the message must contain
};

/// A line of valid.tsv, but for the path.
struct CorpusTensor {
    std::string name, dtype, shape;
    std::string values; ///< hexadecimal digits, or "-" where they are not listed

    friend auto operator<=>(const CorpusTensor&, const CorpusTensor&) = default;
    friend std::ostream& operator<<(std::ostream& out, const CorpusTensor& tensor) {
        return out << tensor.name << ' ' << tensor.dtype << " [" << tensor.shape << "] "
                   << tensor.values;
    }
};

[[nodiscard]] inline std::vector<std::string> split(std::string_view text,
                                                    std::string_view by) {
    std::vector<std::string> parts;
    for (;;) {
        const auto end = text.find(by);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + by.size());
    }
}

[[nodiscard]] inline std::vector<CorpusLie> corpus_lies(const std::filesystem::path& corpus) {
    std::vector<CorpusLie> lies;
    std::ifstream table(corpus / "hostile.tsv");
    for (std::string line; std::getline(table, line);) {
        const auto cells = split(line, "\t");
        lies.push_back(
            {cells.at(0), split(cells[0], "/").at(1), cells.at(1), split(cells.at(2), " & ")});
    }
    return lies;
}

/// The tensors of each sound file that has any.
[[nodiscard]] inline std::map<std::string, std::vector<CorpusTensor>>
corpus_tensors(const std::filesystem::path& corpus) {
    std::map<std::string, std::vector<CorpusTensor>> tensors;
    std::ifstream table(corpus / "valid.tsv");
    for (std::string line; std::getline(table, line);) {
        auto cells = split(line, "\t");
        std::erase(cells.at(4), ',');
        tensors[cells[0]].push_back(
            {Json::parse(cells.at(1)).get<std::string>(), cells[2], cells[3], cells[4]});
    }
    return tensors;
}

/// The files of a folder of the corpus, sorted; of a sharded checkpoint only its index.
[[nodiscard]] inline std::vector<std::filesystem::path>
corpus_files(const std::filesystem::path& folder) {
    const bool shards = folder.filename() == "index";
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        if (shards && entry.path().filename() != "model.safetensors.index.json") continue;
        files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

} // namespace latent::test
