#pragma once

#include "latent/ops/upsample_nearest.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace latent {

/// How an enlarged image gets its pixels; the names that config.json uses for `upsample_fn`.
enum class Interpolation { nearest, bilinear, bicubic };

/// The mode of a name. nearest-exact differs from nearest only for factors that are not whole.
[[nodiscard]] inline Interpolation interpolation_named(std::string_view name) {
    if (name == "nearest" || name == "nearest-exact") return Interpolation::nearest;
    if (name == "bilinear") return Interpolation::bilinear;
    if (name == "bicubic") return Interpolation::bicubic;
    fail("upsample_fn", "'" + std::string(name) + "'",
         "nearest, nearest-exact, bilinear or bicubic");
}

namespace detail {

/// One output coordinate: four neighbours, clamped to the image, and their weights.
struct Taps {
    std::array<std::int64_t, 4> at;
    std::array<double, 4> weight;
};

/// The taps along one side, pixel centres at i + 1/2:  source = (i + 1/2) / factor - 1/2.
///   bilinear  1 - t and t of the two nearest
///   bicubic   the cubic convolution of four, a = -3/4 (Keys 1981)
[[nodiscard]] inline std::vector<Taps> interpolation_taps(Interpolation mode, std::int64_t size,
                                                          std::int64_t factor) {
    constexpr double a = -0.75;
    const auto near = [](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; }; // d <= 1
    const auto far = [](double d) {
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    }; // d <= 2
    std::vector<Taps> taps;
    for (std::int64_t i = 0; i < size * factor; ++i) {
        // source = floor + t = numerator / (2 factor) - 1, all in whole numbers but the last
        // division: so a part of an image has the same weights as the whole.
        const auto numerator = 2 * i + 1 + factor;
        const auto floor = numerator / (2 * factor) - 1;
        const double t =
            static_cast<double>(numerator % (2 * factor)) / static_cast<double>(2 * factor);
        auto& tap = taps.emplace_back();
        for (std::int64_t k = 0; k < 4; ++k) {
            const auto at = floor + k - 1;
            tap.at[static_cast<std::size_t>(k)] = std::clamp<std::int64_t>(at, 0, size - 1);
        }
        if (mode == Interpolation::bicubic) {
            tap.weight = {far(1 + t), near(t), near(1 - t), far(2 - t)};
        } else {
            tap.weight = {0, 1 - t, t, 0};
        }
    }
    return taps;
}

} // namespace detail

namespace reference {

/// y[.., i, j] = sum over the 4 x 4 neighbours of weight(i) weight(j) x, in double.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> interpolate(const Tensor<Cpu<S>>& x, std::int64_t factor,
                                         Interpolation mode) {
    if (mode == Interpolation::nearest) return reference::upsample_nearest(x, factor);
    Tensor<Cpu<S>> y(detail::upsampled_shape(x.shape(), factor));
    const auto [N, C, H, W] = nchw(x, "interpolate");
    const auto down = detail::interpolation_taps(mode, H, factor);
    const auto across = detail::interpolation_taps(mode, W, factor);
    S* out = y.data();
    for (std::int64_t plane = 0; plane < N * C; ++plane) {
        for (const auto& row : down) {
            for (const auto& column : across) {
                double sum = 0;
                for (std::size_t u = 0; u < 4; ++u) {
                    for (std::size_t v = 0; v < 4; ++v) {
                        sum += row.weight[u] * column.weight[v] *
                               static_cast<double>(
                                   x.data()[(plane * H + row.at[u]) * W + column.at[v]]);
                    }
                }
                *out++ = static_cast<S>(sum);
            }
        }
    }
    return y;
}

} // namespace reference

/// An image enlarged by a whole factor.
///   x [N, C, H, W]  ->  y [N, C, H * factor, W * factor]
/// Rows first, then columns: 8 products for a pixel instead of 16.
/// Parity: torch.nn.Upsample(scale_factor=factor, mode=...), align_corners False.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> interpolate(const Tensor<Cpu<S>>& x, std::int64_t factor,
                                         Interpolation mode) {
    if (mode == Interpolation::nearest) return upsample_nearest(x, factor);
    Tensor<Cpu<S>> y(detail::upsampled_shape(x.shape(), factor));
    const auto height = x.dim(2), width = x.dim(3);
    const auto down = detail::interpolation_taps(mode, height, factor);
    const auto across = detail::interpolation_taps(mode, width, factor);
    Scratch<S> scratch(worker_count(y.numel()), width);
    const auto rows = height * factor;
    parallel_for(x.dim(0) * x.dim(1) * rows, [&](std::int64_t item, int worker) {
        const S* plane = x.data() + item / rows * height * width;
        const auto& row = down[static_cast<std::size_t>(item % rows)];
        S* line = scratch.of(worker);
        const auto blend = [](const detail::Taps& tap, const auto& value) {
            S sum = 0;
            for (std::size_t k = 0; k < 4; ++k) {
                // A weight of zero takes no part: it must not turn an infinity into NaN.
                if (tap.weight[k] != 0) sum += static_cast<S>(tap.weight[k]) * value(tap.at[k]);
            }
            return sum;
        };
        for (std::int64_t j = 0; j < width; ++j) {
            line[j] = blend(row, [&](std::int64_t i) { return plane[i * width + j]; });
        }
        S* to = y.data() + item * width * factor;
        for (const auto& column : across) {
            *to++ = blend(column, [&](std::int64_t j) { return line[j]; });
        }
    });
    return y;
}
[[nodiscard]] inline Tensor<Meta> interpolate(const Tensor<Meta>& x, std::int64_t factor,
                                              Interpolation) {
    return Tensor<Meta>(detail::upsampled_shape(x.shape(), factor));
}

} // namespace latent
