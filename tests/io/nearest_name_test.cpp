#include "support/catch.hpp"

#include <latent/io/nearest_name.hpp>

#include <chrono>
#include <string>
#include <vector>

using namespace latent;

namespace {

/// The whole table, as the textbook has it.
std::size_t plain_distance(const std::string& a, const std::string& b) {
    std::vector<std::vector<std::size_t>> table(a.size() + 1,
                                                std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) {
        for (std::size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                table[i][j] = i + j;
                continue;
            }
            table[i][j] = std::min({table[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U),
                                    table[i - 1][j] + 1, table[i][j - 1] + 1});
        }
    }
    return table[a.size()][b.size()];
}

} // namespace

TEST_CASE("edit_distance: equal to the whole table wherever it is within the limit") {
    // All words of up to four letters out of two, each with each.
    std::vector<std::string> words{""};
    for (std::size_t i = 0; words[i].size() < 4; ++i) {
        words.push_back(words[i] + 'a');
        words.push_back(words[i] + 'b');
    }
    std::size_t wrong = 0;
    for (const auto& a : words) {
        for (const auto& b : words) {
            const auto expected = plain_distance(a, b);
            for (std::size_t limit = 0; limit <= 5; ++limit) {
                const auto got = edit_distance(a, b, limit);
                if (expected <= limit ? got != expected : got.has_value()) ++wrong;
            }
        }
    }
    CHECK(wrong == 0);
    CHECK(edit_distance("kitten", "sitting", 12) == 3);
    CHECK_FALSE(edit_distance("kitten", "sitting", 2));
}

TEST_CASE("nearest_name: the nearest, or nothing where none is near") {
    const std::vector<std::string_view> names{"conv1.bias", "conv1.weight", "conv2.weight"};
    CHECK(nearest_name("conv1.weights", names) == "conv1.weight");
    CHECK(nearest_name("conv2.bias", names) == "conv1.bias");
    CHECK_FALSE(nearest_name("attention.query", names));
    CHECK_FALSE(nearest_name("", names));
    CHECK_FALSE(nearest_name("a", {}));
}

TEST_CASE("nearest_name: long lists of long names take no time") {
    std::vector<std::string> names;
    for (int i = 0; i < 40'000; ++i) names.push_back(std::string(400, 'x') + std::to_string(i));
    const std::vector<std::string_view> views(names.begin(), names.end());
    const auto start = std::chrono::steady_clock::now();
    CHECK(nearest_name(std::string(400, 'x') + "y", views));
    CHECK_FALSE(nearest_name(std::string(100'000, 'x'), views));
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}
