#pragma once

#include "latent/ops/activation.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/parallel.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

/// Arithmetic with one number for a whole channel of an image.

namespace latent {

namespace detail {

template <class Device>
void check_channel_offsets(const Tensor<Device>& x, const Tensor<Device>& offsets) {
    const auto [N, C, H, W] = nchw(x, "add_per_channel");
    if (offsets.shape() == Shape{N, C}) return;
    fail("add_per_channel", to_string(offsets.shape()), "offsets " + to_string(Shape{N, C}));
}

template <class Device>
void check_channel_numbers(const Tensor<Device>& x, std::span<const double> factors,
                           std::span<const double> offsets) {
    const auto channels = static_cast<std::size_t>(nchw(x, "scale_per_channel")[1]);
    if (factors.size() == channels && offsets.size() == channels) return;
    fail("scale_per_channel",
         std::to_string(factors.size()) + " factors and " + std::to_string(offsets.size()) +
             " offsets",
         std::to_string(channels) + " of each");
}

} // namespace detail

/// x [N, C, H, W] plus one number for each channel of each image, offsets [N, C].
/// Parity: x + offsets[:, :, None, None].
template <class S>
[[nodiscard]] Tensor<Cpu<S>> add_per_channel(Tensor<Cpu<S>> x, const Tensor<Cpu<S>>& offsets) {
    detail::check_channel_offsets(x, offsets);
    const auto pixels = x.dim(2) * x.dim(3);
    parallel_for(offsets.numel(), [&](std::int64_t plane, int) {
        detail::as_array(x.data() + plane * pixels, pixels) += offsets.data()[plane];
    });
    return x;
}
[[nodiscard]] inline Tensor<Meta> add_per_channel(Tensor<Meta> x, const Tensor<Meta>& offsets) {
    detail::check_channel_offsets(x, offsets);
    return x;
}

/// x [N, C, H, W] times factors[c], plus offsets[c], the product rounded before the sum.
/// Parity: x * factors[None, :, None, None] + offsets[None, :, None, None].
template <class S>
[[nodiscard]] Tensor<Cpu<S>> scale_per_channel(Tensor<Cpu<S>> x,
                                               std::span<const double> factors,
                                               std::span<const double> offsets) {
    detail::check_channel_numbers(x, factors, offsets);
    const auto C = x.dim(1), pixels = x.dim(2) * x.dim(3);
    parallel_for(x.dim(0) * C, [&](std::int64_t plane, int) {
        const auto c = static_cast<std::size_t>(plane % C);
        auto values = detail::as_array(x.data() + plane * pixels, pixels);
        values *= static_cast<S>(factors[c]);
        values += static_cast<S>(offsets[c]);
    });
    return x;
}
[[nodiscard]] inline Tensor<Meta> scale_per_channel(Tensor<Meta> x,
                                                    std::span<const double> factors,
                                                    std::span<const double> offsets) {
    detail::check_channel_numbers(x, factors, offsets);
    return x;
}

} // namespace latent
