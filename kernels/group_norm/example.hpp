#pragma once

#include "../ladder/example.hpp"
#include "problem.cuh"

#include <cmath>
#include <string>

/// A group norm to try a rung on, and its truth: the definition in double.

namespace ladder::group_norm {

struct Example {
    static constexpr const char* name = "group_norm";
    static constexpr const char* unit = "number";
    static constexpr std::size_t places = 20'000;
    static constexpr float eps = 1e-6F;

    int channels, pixels, groups;
    Numbers x, weight, bias;
    std::vector<double> mean, factor; ///< of each group

    Example(int how_many_channels, int how_many_pixels, int how_many_groups)
        : channels(how_many_channels),
          pixels(how_many_pixels),
          groups(how_many_groups),
          x(normal(1, std::int64_t{channels} * pixels)),
          weight(normal(2, channels)),
          bias(normal(3, channels)) {
        const auto count = x.size() / groups;
        for (int group = 0; group < groups; ++group) {
            const float* first = x.data() + group * count;
            double sum = 0, squares = 0;
            for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(first[i]);
            mean.push_back(sum / static_cast<double>(count));
            for (std::size_t i = 0; i < count; ++i)
                squares += std::pow(static_cast<double>(first[i]) - mean.back(), 2);
            const auto variance = squares / static_cast<double>(count);
            factor.push_back(1 / std::sqrt(variance + static_cast<double>(eps)));
        }
    }

    /// Two numbers to a group; fewer than threads; a warp, and one more; more than one piece.
    [[nodiscard]] static std::vector<Example> awkward() {
        return {{2, 2, 2}, {6, 35, 3}, {33, 1, 1}, {37, 31, 37}, {6, 11027, 3}};
    }
    [[nodiscard]] static Example measured(bool on_a_gpu) {
        return on_a_gpu ? Example(128, 512 * 512, 32) : Example(128, 128 * 128, 32);
    }
    [[nodiscard]] std::string text() const {
        return std::to_string(channels) + " channels of " + std::to_string(pixels) +
               " pixels, in " + std::to_string(groups) + " groups";
    }

    [[nodiscard]] std::vector<const Numbers*> inputs() const { return {&x, &weight, &bias}; }
    [[nodiscard]] std::size_t results() const { return x.size(); }
    [[nodiscard]] Problem problem(const std::vector<const float*>& at, float* y,
                                  float* scratch) const {
        return {channels, pixels, groups, eps, at[0], at[1], at[2], y, scratch};
    }
    /// Of the result; mean and variance are sums of many more, which are averaged.
    [[nodiscard]] double terms() const { return 1; }
    [[nodiscard]] double work() const { return static_cast<double>(results()); }
    [[nodiscard]] double bytes() const {
        return 4.0 * static_cast<double>(2 * x.size() + weight.size() + bias.size());
    }

    [[nodiscard]] double truth(std::size_t i) const {
        const auto group = i / (x.size() / groups), channel = i / pixels;
        return (static_cast<double>(x[i]) - mean[group]) * factor[group] *
                   static_cast<double>(weight[channel]) +
               static_cast<double>(bias[channel]);
    }
};

} // namespace ladder::group_norm
