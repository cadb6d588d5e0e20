#pragma once

#include "latent/tensor/devices.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

/// Between images as files have them and images as networks see them. Pixels are 8-bit RGB, row
/// after row from the top, three bytes a pixel; tensors are [N, 3, H, W] in [-1, 1]. Parity:
/// diffusers VaeImageProcessor.

namespace latent {

/// Pixels to a tensor [1, 3, height, width]: byte / 127.5 - 1, by way of [0, 1] as in
/// diffusers. Throws Error unless there are 3 * width * height bytes.
template <class Device = Cpu<float>>
[[nodiscard]] Tensor<Device> image_from_rgb(std::span<const std::uint8_t> pixels,
                                            std::int64_t width, std::int64_t height) {
    using Scalar = typename Device::scalar;
    Tensor<Device> image({1, 3, height, width});
    if (static_cast<std::int64_t>(pixels.size()) != image.numel()) {
        fail("image_from_rgb", std::to_string(pixels.size()) + " bytes",
             std::to_string(image.numel()) + " for " + std::to_string(width) + " x " +
                 std::to_string(height) + " pixels");
    }
    const auto area = static_cast<std::size_t>(width * height);
    const auto values = image.values();
    for (std::size_t i = 0; i < area; ++i) {
        for (std::size_t c = 0; c < 3; ++c) {
            values[c * area + i] = static_cast<Scalar>(pixels[3 * i + c]) / 255 * 2 - 1;
        }
    }
    return image;
}

/// Image n of a batch [N, 3, H, W] to pixels: to [0, 1], clamped, times 255, rounded to nearest
/// with halves to even. NaN becomes 0. Throws Error for another number of channels than 3.
template <class Device>
requires Device::on_host [[nodiscard]] std::vector<std::uint8_t>
rgb_from_image(const Tensor<Device>& image, std::int64_t n = 0) {
    const auto [N, C, H, W] = nchw(image, "rgb_from_image");
    if (C != 3 || n < 0 || n >= N) {
        fail("rgb_from_image", "image " + std::to_string(n) + " of " + to_string(image.shape()),
             "one of a batch [N, 3, H, W]");
    }
    const auto area = static_cast<std::size_t>(H * W);
    const auto values =
        image.values().subspan(static_cast<std::size_t>(n) * 3 * area, 3 * area);
    std::vector<std::uint8_t> pixels(3 * area);
    for (std::size_t i = 0; i < area; ++i) {
        for (std::size_t c = 0; c < 3; ++c) {
            const auto value = values[c * area + i] / 2 + typename Device::scalar{0.5};
            // Written so that NaN fails the comparison.
            const auto limited = value > 0 ? std::min(value, typename Device::scalar{1}) : 0;
            pixels[3 * i + c] = static_cast<std::uint8_t>(std::nearbyint(limited * 255));
        }
    }
    return pixels;
}

namespace detail {

/// The rows and columns of x from the upper left; those beyond its edge repeat the edge.
template <class Device>
[[nodiscard]] Tensor<Device> resized_canvas(const Tensor<Device>& x, std::int64_t height,
                                            std::int64_t width) {
    const auto [N, C, H, W] = nchw(x, "resized_canvas");
    Tensor<Device> y({N, C, height, width});
    for (std::int64_t plane = 0; plane < N * C; ++plane) {
        for (std::int64_t row = 0; row < height; ++row) {
            const auto* const from = x.data() + (plane * H + std::min(row, H - 1)) * W;
            auto* const to = y.data() + (plane * height + row) * width;
            std::copy_n(from, std::min(width, W), to);
            if (width > W) std::fill_n(to + W, width - W, from[W - 1]);
        }
    }
    return y;
}

} // namespace detail

/// The image with its right and lower edge repeated until both sides are multiples of `factor`:
/// an autoencoder's latents stand for squares of that size.
///   x [N, C, H, W]  ->  [N, C, ceil(H / factor) factor, ceil(W / factor) factor]; H, W >= 1
template <class Device>
requires Device::on_host [[nodiscard]] Tensor<Device> pad_to_multiple(const Tensor<Device>& x,
                                                                      std::int64_t factor) {
    const auto [N, C, H, W] = nchw(x, "pad_to_multiple");
    if (H < 1 || W < 1 || factor < 1) {
        fail("pad_to_multiple", to_string(x.shape()) + " and factor " + std::to_string(factor),
             "an image of at least one pixel, and a factor of at least 1");
    }
    return detail::resized_canvas(x, (H + factor - 1) / factor * factor,
                                  (W + factor - 1) / factor * factor);
}

/// The upper left part of an image: what pad_to_multiple added is taken away.
///   x [N, C, H, W]  ->  [N, C, height, width]
template <class Device>
requires Device::on_host [[nodiscard]] Tensor<Device>
crop(const Tensor<Device>& x, std::int64_t height, std::int64_t width) {
    const auto [N, C, H, W] = nchw(x, "crop");
    if (height < 0 || width < 0 || height > H || width > W) {
        fail("crop", std::to_string(width) + " x " + std::to_string(height),
             "at most the " + std::to_string(W) + " x " + std::to_string(H) + " of the image");
    }
    return detail::resized_canvas(x, height, width);
}

/// How alike two images are, in decibels: 10 log10(255^2 / mean squared difference), over all
/// bytes of all channels. Equal images give infinity, 8-bit photos look alike from about 35 on.
/// Throws Error when the sizes differ or there are no bytes.
[[nodiscard]] inline double psnr_db(std::span<const std::uint8_t> a,
                                    std::span<const std::uint8_t> b) {
    if (a.size() != b.size() || a.empty()) {
        fail("psnr_db",
             std::to_string(a.size()) + " and " + std::to_string(b.size()) + " bytes",
             "two images of one size");
    }
    double squares = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
        squares += difference * difference;
    }
    if (squares == 0) return std::numeric_limits<double>::infinity();
    return 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.size()) / squares);
}

} // namespace latent
