#pragma once

#include "latent/ops/activation.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/half.hpp"
#include "latent/tensor/parallel.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Where a run goes wrong: the first layer whose output is NaN or infinite, and the first that
/// half precision could not hold.

namespace latent {

/// What stands out in a tensor.
struct Extremes {
    double largest = 0;                  ///< the largest absolute value that is finite
    std::int64_t not_finite = 0;         ///< how many elements are NaN or infinite
    std::optional<std::int64_t> first{}; ///< the first of these, in row-major order
};

template <class S>
[[nodiscard]] Extremes extremes(const Tensor<Cpu<S>>& x) {
    const auto blocks = (x.numel() + detail::elementwise_block - 1) / detail::elementwise_block;
    std::vector<Extremes> found(static_cast<std::size_t>(blocks));
    detail::for_blocks(x.numel(), [&](std::int64_t first, std::int64_t count) {
        auto& here = found[static_cast<std::size_t>(first / detail::elementwise_block)];
        S largest = 0;
        for (std::int64_t i = first; i < first + count; ++i) {
            const S size = std::abs(x.data()[i]);
            if (size <= std::numeric_limits<S>::max()) { // false for NaN
                largest = std::max(largest, size);
                continue;
            }
            if (here.not_finite++ == 0) here.first = i;
        }
        here.largest = static_cast<double>(largest);
    });
    Extremes all;
    for (const auto& here : found) {
        all.largest = std::max(all.largest, here.largest);
        all.not_finite += here.not_finite;
        if (!all.first) all.first = here.first;
    }
    return all;
}

namespace detail {

/// A number with 4 digits, or NaN, inf, -inf.
[[nodiscard]] inline std::string short_number(double number) {
    if (std::isnan(number)) return "NaN"; // its sign says nothing
    char text[32];
    const auto end =
        std::to_chars(text, text + sizeof text, number, std::chars_format::general, 4).ptr;
    return {text, end};
}

} // namespace detail

/// A trace that throws Error at the first layer whose output is not finite, with its path, and
/// remembers the first one beyond what half precision holds: there a run in float16 would
/// overflow, as the one of SDXL's autoencoder does.
///     const FiniteCheck check;
///     auto image = vae.decode(latents, check);
///     if (check.half_overflow()) ...
class FiniteCheck {
public:
    struct Overflow {
        std::string path;
        double largest = 0;
    };

    template <class Device>
    void operator()(std::string_view path, const Tensor<Device>& x) const {
        if constexpr (Device::on_host) {
            const auto found = extremes(x);
            if (found.first) {
                fail(path,
                     detail::short_number(static_cast<double>(x.data()[*found.first])) +
                         " at " + place_text(x.shape(), *found.first) + ", the first of " +
                         std::to_string(found.not_finite) + " in " + to_string(x.shape()),
                     "finite numbers",
                     overflow_ ? "behind " + overflow_->path + ", which reached " +
                                     detail::short_number(overflow_->largest)
                               : "it is the first layer where they appear");
            }
            if (!overflow_ && found.largest > largest_half) {
                overflow_ = Overflow{std::string(path), found.largest};
            }
        }
    }

    [[nodiscard]] const std::optional<Overflow>& half_overflow() const { return overflow_; }

private:
    mutable std::optional<Overflow> overflow_; // a trace is handed on as const
};

} // namespace latent
