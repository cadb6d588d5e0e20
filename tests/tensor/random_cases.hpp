/// reference_data/tensor/random.tsv, and the same numbers drawn by us: what random_test.cpp and
/// init_test.cpp share with the program in random_flags/, which does without Catch2.
#pragma once

#include <latent/tensor/error.hpp>
#include <latent/tensor/init.hpp>
#include <latent/tensor/random.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ios>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace latent::test {

/// A file of reference_data/: in the folder that LATENT_REFERENCE_DATA names, else in the
/// nearest reference_data/ of the current folder and those above it.
inline std::filesystem::path reference_file(std::string_view name) {
    if (const char* folder = std::getenv("LATENT_REFERENCE_DATA")) {
        return std::filesystem::path(folder) / name;
    }
    auto folder = std::filesystem::current_path();
    while (!exists(folder / "reference_data" / name) && folder != folder.parent_path()) {
        folder = folder.parent_path();
    }
    return folder / "reference_data" / name;
}

/// FNV-1a with 64 bits.
inline std::uint64_t fnv1a(std::span<const std::byte> bytes) {
    std::uint64_t hash = 0xCBF29CE484222325U;
    for (const auto byte : bytes) {
        hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001B3U;
    }
    return hash;
}

/// A row of the table: what torch gave.
struct RandomCase {
    std::string name;
    std::uint64_t seed = 0;
    std::size_t count = 0;
    std::uint64_t hash = 0;
    std::string first; ///< bits of the first values, tab-separated
};

inline std::vector<RandomCase> random_cases() {
    const auto path = reference_file("tensor/random.tsv");
    std::ifstream file(path);
    if (!file) fail(path.string(), "no such file", "the table of random numbers");
    std::vector<RandomCase> cases;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#') continue;
        std::istringstream columns(line);
        RandomCase row;
        columns >> row.name >> row.seed >> row.count >> std::hex >> row.hash >> std::ws;
        std::getline(columns, row.first);
        if (columns.bad() || row.first.empty())
            fail(path.string(), line, "a row of five columns");
        cases.push_back(row);
    }
    return cases;
}

/// The bytes of values that are drawn one after the other.
class Drawn {
public:
    template <class Scalar>
    Drawn& operator<<(const std::vector<Scalar>& values) {
        const auto bytes = std::as_bytes(std::span(values));
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        count_ += values.size();
        return *this;
    }
    [[nodiscard]] std::size_t count() const { return count_; }
    [[nodiscard]] std::uint64_t hash() const { return fnv1a(bytes_); }

private:
    std::vector<std::byte> bytes_;
    std::size_t count_ = 0;
};

template <class Scalar = float>
std::vector<Scalar> rand(Generator& generator, std::size_t count) {
    std::vector<Scalar> values(count);
    generator.rand(std::span(values));
    return values;
}

template <class Scalar = float>
std::vector<Scalar> randn(Generator& generator, std::size_t count) {
    std::vector<Scalar> values(count);
    generator.randn(std::span(values));
    return values;
}

template <class Scalar = float>
std::vector<Scalar> uniform(Generator& generator, std::size_t count, Scalar low, Scalar high) {
    std::vector<Scalar> values(count);
    generator.uniform_(std::span(values), low, high);
    return values;
}

template <class Scalar>
Drawn draw_distribution(std::string_view name, std::uint64_t seed, std::size_t count) {
    Generator generator(seed);
    if (name == "rand") return Drawn() << rand<Scalar>(generator, count);
    if (name == "randn") return Drawn() << randn<Scalar>(generator, count);
    if (name == "uniform_(-0.3,1.5)") {
        return Drawn() << uniform<Scalar>(generator, count, Scalar(-0.3), Scalar(1.5));
    }
    if (name != "normal_(0.7,1.3)") fail("random.tsv", std::string(name), "a known name");
    std::vector<Scalar> values(count);
    generator.normal_(std::span(values), 0.7, 1.3);
    return Drawn() << values;
}

/// `interleaved` in reference_data/generate/tensor_random.py, call for call.
inline Drawn draw_interleaved(std::uint64_t seed) {
    Generator generator(seed);
    Drawn drawn;
    drawn << randn(generator, 5) << rand(generator, 3) << randn(generator, 16);
    drawn << randn(generator, 1) << randn(generator, 20) << randn(generator, 7);
    drawn << uniform(generator, 9, -0.25F, 0.75F);
    drawn << randn<double>(generator, 2) << randn<double>(generator, 33);
    drawn << randn(generator, 3) << rand(generator, 100);
    drawn << randn<double>(generator, 1) << randn(generator, 15) << randn(generator, 768);
    generator.manual_seed(seed + 1);
    return drawn << randn(generator, 4) << randn(generator, 17);
}

/// "Conv2d(in,out,kernel)" or "Linear(in,out)", freshly initialised: its weight, then its bias.
inline Drawn draw_layer(const std::string& name, std::uint64_t seed) {
    int in = 0, out = 0, kernel = 1;
    if (std::sscanf(name.c_str(), "Conv2d(%d,%d,%d)", &in, &out, &kernel) != 3 &&
        std::sscanf(name.c_str(), "Linear(%d,%d)", &in, &out) != 2) {
        fail("random.tsv", name, "Conv2d(in,out,kernel) or Linear(in,out)");
    }
    const int fan_in = in * kernel * kernel;
    std::vector<float> weight(static_cast<std::size_t>(out * fan_in));
    std::vector<float> bias(static_cast<std::size_t>(out));
    Generator generator(seed);
    fill(Init::kaiming_uniform(fan_in), generator, weight);
    fill(Init::bias_uniform(fan_in), generator, bias);
    return Drawn() << weight << bias;
}

inline bool is_layer(const RandomCase& row) {
    return row.name.starts_with("Conv2d(") || row.name.starts_with("Linear(");
}

/// What we draw where torch drew `row`.
inline Drawn draw(const RandomCase& row) {
    if (is_layer(row)) return draw_layer(row.name, row.seed);
    if (row.name == "interleaved") return draw_interleaved(row.seed);
    const auto dot = row.name.rfind('.');
    const std::string distribution = row.name.substr(0, dot);
    return row.name.substr(dot + 1) == "float64"
               ? draw_distribution<double>(distribution, row.seed, row.count)
               : draw_distribution<float>(distribution, row.seed, row.count);
}

} // namespace latent::test
