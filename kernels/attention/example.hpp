#pragma once

#include "../ladder/example.hpp"
#include "problem.cuh"

#include <algorithm>
#include <cmath>
#include <string>

/// Attention to try a rung on, and its truth: the definition in double.

namespace ladder::attention {

struct Example {
    static constexpr const char* name = "attention";
    static constexpr const char* unit = "multiply-add";
    static constexpr std::size_t places = 200; // each goes over all keys

    int tokens, channels;
    Numbers q, k, v;

    Example(int how_many_tokens, int how_many_channels)
        : tokens(how_many_tokens),
          channels(how_many_channels),
          q(normal(1, std::int64_t{tokens} * channels)),
          k(normal(2, std::int64_t{tokens} * channels)),
          v(normal(3, std::int64_t{tokens} * channels)) {}

    /// One token; fewer channels than a warp has lanes; one more than a tile of both; the most.
    [[nodiscard]] static std::vector<Example> awkward() {
        return {{1, 1}, {5, 7}, {33, 65}, {67, 31}, {3, 512}};
    }
    [[nodiscard]] static Example measured(bool on_a_gpu) {
        return on_a_gpu ? Example(64 * 64, 512) : Example(16 * 16, 128);
    }
    [[nodiscard]] std::string text() const {
        return std::to_string(tokens) + " tokens of " + std::to_string(channels) + " channels";
    }

    [[nodiscard]] std::vector<const Numbers*> inputs() const { return {&q, &k, &v}; }
    [[nodiscard]] std::size_t results() const { return q.size(); }
    [[nodiscard]] Problem problem(const std::vector<const float*>& at, float* y,
                                  float* scratch) const {
        return {tokens, channels, at[0], at[1], at[2], y, scratch};
    }
    [[nodiscard]] double terms() const { return std::max(tokens, channels); }
    [[nodiscard]] double work() const { return 2.0 * tokens * static_cast<double>(q.size()); }
    [[nodiscard]] double bytes() const { return 16.0 * static_cast<double>(q.size()); }

    [[nodiscard]] double truth(std::size_t i) const {
        const auto query = i / channels, c = i % channels;
        std::vector<double> scores;
        for (int key = 0; key < tokens; ++key) {
            double sum = 0;
            for (int j = 0; j < channels; ++j) {
                sum += static_cast<double>(q[query * channels + j]) *
                       static_cast<double>(k[static_cast<std::size_t>(key) * channels + j]);
            }
            scores.push_back(sum / std::sqrt(static_cast<double>(channels)));
        }
        const double largest = *std::max_element(scores.begin(), scores.end());
        double sum = 0, values = 0;
        for (int key = 0; key < tokens; ++key) {
            const double weight = std::exp(scores[key] - largest);
            sum += weight;
            values +=
                weight * static_cast<double>(v[static_cast<std::size_t>(key) * channels + c]);
        }
        return values / sum;
    }
};

} // namespace ladder::attention
