#pragma once

#include "../ladder/example.hpp"
#include "problem.cuh"

#include <string>

/// A convolution to try a rung on, and its truth: the definition in double.

namespace ladder::conv2d {

struct Example {
    static constexpr const char* name = "conv2d";
    static constexpr const char* unit = "multiply-add";
    static constexpr std::size_t places = 2000;

    int channels, out_channels, height, width;
    Numbers x, weight, bias;

    Example(int in, int out, int rows, int columns)
        : channels(in),
          out_channels(out),
          height(rows),
          width(columns),
          x(normal(1, std::int64_t{in} * rows * columns)),
          weight(normal(2, std::int64_t{9} * out * in)),
          bias(normal(3, out)) {}

    /// One pixel; blocks and tiles that are not full, in every direction; a sum of 1152.
    [[nodiscard]] static std::vector<Example> awkward() {
        return {{1, 1, 1, 1}, {5, 67, 11, 13}, {3, 131, 37, 2}, {2, 3, 9, 41}, {128, 3, 3, 5}};
    }
    [[nodiscard]] static Example measured(bool on_a_gpu) {
        return on_a_gpu ? Example(128, 128, 256, 256) : Example(32, 128, 32, 32);
    }
    [[nodiscard]] std::string text() const {
        return "3x3, " + std::to_string(channels) + " -> " + std::to_string(out_channels) +
               " channels, " + std::to_string(height) + " x " + std::to_string(width) +
               " pixels";
    }

    [[nodiscard]] std::vector<const Numbers*> inputs() const { return {&x, &weight, &bias}; }
    [[nodiscard]] std::size_t results() const {
        return static_cast<std::size_t>(out_channels) * height * width;
    }
    [[nodiscard]] Problem problem(const std::vector<const float*>& at, float* y,
                                  float* scratch) const {
        return {channels, out_channels, height, width, at[0], at[1], at[2], y, scratch};
    }
    [[nodiscard]] double terms() const { return 9.0 * channels; }
    [[nodiscard]] double work() const {
        return 9.0 * channels * static_cast<double>(results());
    }
    [[nodiscard]] double bytes() const {
        return 4.0 * static_cast<double>(x.size() + weight.size() + bias.size() + results());
    }

    [[nodiscard]] double truth(std::size_t index) const {
        const auto at = static_cast<int>(index % (results() / out_channels));
        const auto k = static_cast<int>(index / (results() / out_channels));
        double sum = static_cast<double>(bias[k]);
        for (int c = 0; c < channels; ++c) {
            for (int i = 0; i < 9; ++i) {
                const int row = at / width + i / 3 - 1, column = at % width + i % 3 - 1;
                if (row < 0 || row >= height || column < 0 || column >= width) continue;
                const auto from = (static_cast<std::size_t>(c) * height + row) * width + column;
                const auto tap = (static_cast<std::size_t>(k) * channels + c) * 9 + i;
                sum += static_cast<double>(weight[tap]) * static_cast<double>(x[from]);
            }
        }
        return sum;
    }
};

} // namespace ladder::conv2d
