#pragma once

#include "latent/parity/steps.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

/// Tensors at a few places, which tell soon that two are not the same.

namespace latent {

/// Places of a tensor of `numel` elements, the same ones each time: all of a small one.
[[nodiscard]] inline std::vector<std::int64_t> sample_places(std::int64_t numel,
                                                             std::int64_t count) {
    std::vector<std::int64_t> places;
    if (numel <= count) {
        for (std::int64_t i = 0; i < numel; ++i) places.push_back(i);
        return places;
    }
    // Steps of the golden ratio spread them evenly, and out of step with rows and channels.
    constexpr double golden = 0.6180339887498949;
    for (std::int64_t i = 1; i <= count; ++i) {
        const auto part = static_cast<double>(i) * golden;
        const auto place = (part - std::floor(part)) * static_cast<double>(numel);
        places.push_back(std::min(static_cast<std::int64_t>(place), numel - 1));
    }
    return places;
}

[[nodiscard]] inline std::vector<double> at_places(const Exact& x,
                                                   std::span<const std::int64_t> places) {
    std::vector<double> values;
    values.reserve(places.size());
    for (const auto place : places) values.push_back(x.data()[place]);
    return values;
}

/// |values - expected| / |expected|; infinite where a value is no number.
[[nodiscard]] inline double relative_error(std::span<const double> expected,
                                           std::span<const double> values) {
    double error = 0, norm = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto difference = values[i] - expected[i];
        error += difference * difference;
        norm += expected[i] * expected[i];
    }
    if (error == 0) return 0;
    const auto ratio = std::sqrt(error / norm);
    return std::isnan(ratio) ? std::numeric_limits<double>::infinity() : ratio;
}

} // namespace latent
