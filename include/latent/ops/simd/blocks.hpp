#pragma once

#include "latent/ops/activation_kind.hpp"

#include <algorithm>
#include <cstdint>

/// What the kernels of ops/simd work on: plain numbers and pointers.

namespace latent::detail {

/// Rows in a panel of weights, and columns in a tile: fixed, so that memory layouts do not
/// depend on the processor. 48 columns are 3 registers of AVX-512, or two times 3 of AVX.
inline constexpr std::int64_t panel_rows = 8;
inline constexpr std::int64_t tile_columns = 48;

/// Sums are taken over at most this many products, and those sums then added: rounding errors
/// grow with the length of a chain of additions.
inline constexpr std::int64_t chain_length = 32;

/// Rows from `first` on of an image of `height` rows, channels plane_stride apart.
template <class S>
struct ImageRows {
    S* data = nullptr;
    std::int64_t plane_stride = 0, first = 0, height = 0, width = 0;

    [[nodiscard]] S* row(std::int64_t channel, std::int64_t row) const {
        return data + channel * plane_stride + (row - first) * width;
    }
};

/// y = after((x - center) factor + offset).
template <class S>
struct ChannelNorm {
    S center, factor, offset;
    Activation after;
};

/// The same for each channel of an image; no center, no normalisation.
template <class S>
struct ImageNorm {
    const S *center = nullptr, *factor = nullptr, *offset = nullptr;
    Activation after = Activation::none;

    [[nodiscard]] ChannelNorm<S> of(std::int64_t c) const {
        return {center[c], factor[c], offset[c], after};
    }
    [[nodiscard]] ImageNorm from(std::int64_t c) const {
        if (!center) return {};
        return {center + c, factor + c, offset + c, after};
    }
};

/// The ways to run a 3x3 convolution with stride 1 (ops/winograd.hpp).
enum class WinogradForm { f2, f2_upsampled, f4 };

/// Each way: a tile's outputs, its points, the inputs that it reads, and how far its neighbour
/// is.
template <WinogradForm form>
struct WinogradSizes;
template <>
struct WinogradSizes<WinogradForm::f2> {
    static constexpr std::int64_t outputs = 2, points = 4, taps = 4, step = 2;
};
template <>
struct WinogradSizes<WinogradForm::f2_upsampled> {
    static constexpr std::int64_t outputs = 2, points = 3, taps = 3, step = 1;
};
template <>
struct WinogradSizes<WinogradForm::f4> {
    static constexpr std::int64_t outputs = 4, points = 6, taps = 6, step = 4;
};

/// A block of tiles, `across` side by side in `down` rows, of one image: a task.
template <class S>
struct WinogradBlock {
    ImageRows<const S> x;
    ImageNorm<S> norm;         ///< applied to x while it is read
    std::int64_t channels = 0; ///< of x
    ImageRows<S> y;
    std::int64_t y_channels = 0;
    const S* bias = nullptr;
    const S* add = nullptr; ///< laid out as y
    Activation activation = Activation::none;
    std::int64_t columns = 0;                          ///< of the products: room for tiles
    std::int64_t input_stride = 0, product_stride = 0; ///< from point to point
    std::int64_t across = 0, down = 0;                 ///< tiles
    std::int64_t first_row = 0, first_column = 0;      ///< of x, may be outside
    std::int64_t y_row = 0, y_column = 0;

    // Lines and planes have room for vectors that overrun their ends.
    [[nodiscard]] std::int64_t pitch() const { return (across + 15) / 16 * 16 + 32; }
    [[nodiscard]] std::int64_t line_length(std::int64_t step) const {
        return step * pitch() + 16;
    }
};

} // namespace latent::detail
