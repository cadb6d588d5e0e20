#pragma once

#include "latent/ops/window.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// diffusers' two ways to put tiles together: tiles overlap, and fade into each other. `run` is
/// the network: a function from a tile [N, C, h, w] to an output whose sides are in a fixed
/// proportion to it. What comes is close to run(x) and not equal: near its borders a tile sees
/// zeros where the image goes on. (Where `run` looks at no neighbours, it is run(x).)

namespace latent {

/// The sizes of tiles.
struct TileSizes {
    std::string_view where{};      ///< begins an Error
    std::int64_t tile = 0;         ///< of the input, each way
    double overlap_factor = 0.125; ///< of a tile's side
    std::int64_t up = 1, down = 1; ///< the output's side is up / down times the input's
    std::int64_t output_tile = 0;  ///< of ramped_tiles alone: what is to come of a tile

    [[nodiscard]] std::int64_t output(std::int64_t input) const { return input * up / down; }
    [[nodiscard]] Range output(const Range& input) const {
        return {output(input.begin), output(input.end)};
    }

    /// Throws Error for tiles that cannot work.
    void check_tile() const {
        if (tile < 1 || tile > 65536 || tile % down != 0) {
            fail(where, "tiles of " + std::to_string(tile),
                 "1 to 65536, a multiple of " + std::to_string(down));
        }
    }
    void check_overlap() const {
        if (!(overlap_factor >= 0 && overlap_factor < 1)) {
            fail(where, "tile_overlap_factor " + std::to_string(overlap_factor),
                 "at least 0 and less than 1");
        }
    }
    /// The same for images that are not whole outputs.
    void check_sides(std::int64_t height, std::int64_t width) const {
        if (height % down != 0 || width % down != 0) {
            fail(where, std::to_string(width) + " x " + std::to_string(height) + " pixels",
                 "sides that are multiples of " + std::to_string(down),
                 "pad_to_multiple helps");
        }
    }
};

namespace detail {

/// value times factor, without what is behind the point: Python's int(value * factor).
[[nodiscard]] inline std::int64_t truncated_product(std::int64_t value, double factor) {
    return static_cast<std::int64_t>(static_cast<double>(value) * factor);
}

/// `count` weights of 1: no fading.
[[nodiscard]] inline std::vector<double> no_ramp(std::int64_t count) {
    return std::vector<double>(static_cast<std::size_t>(count), 1.0);
}

} // namespace detail

/// The tiles of diffusers' AutoencoderTiny, in reading order: a tile begins every
/// tile - overlap, whether or not the one before has reached the edge already, and is blended
/// over what is there. Along each side the weights rise from 0 to 1 over the overlap,
///   m[k] = min(k / (overlap up / down - 1), 1)
/// and are 1 on the outer side of a tile at the image's border; both sides' are multiplied.
/// Throws Error for sizes that cannot work: a ramp of one pixel would be a division by zero.
/// Parity: AutoencoderTiny._tiled_encode and _tiled_decode; they write 4 and 3 channels,
/// whatever the network has; here the network decides.
template <class Device, class Run>
[[nodiscard]] Tensor<Device> blended_tiles(const Tensor<Device>& x, const TileSizes& sizes,
                                           const Run& run) {
    const auto [N, C, H, W] = nchw(x, sizes.where);
    sizes.check_tile();
    sizes.check_sides(H, W);
    sizes.check_overlap();
    const auto tile = sizes.tile;
    const auto overlap = detail::truncated_product(tile, sizes.overlap_factor);
    const auto step = tile - overlap;
    if ((H > step || W > step) && overlap * sizes.up <= sizes.down) {
        fail(sizes.where,
             "an overlap of " + std::to_string(overlap) + " in tiles of " +
                 std::to_string(tile),
             "more than one pixel of the output",
             "choose larger tiles or a larger tile_overlap_factor");
    }
    const auto height = sizes.output(H), width = sizes.output(W);
    const auto ones = detail::no_ramp(std::min(sizes.output(tile), std::max(height, width)));
    auto ramp = ones;
    const auto ratio = static_cast<double>(sizes.up) / static_cast<double>(sizes.down);
    const auto last = static_cast<double>(overlap) * ratio - 1;
    for (std::size_t k = 0; k < ramp.size() && static_cast<double>(k) < last; ++k) {
        ramp[k] = static_cast<double>(k) / last;
    }
    const auto weights = [&](std::int64_t first, const Range& at) {
        return std::span<const double>(first == 0 ? ones : ramp)
            .first(static_cast<std::size_t>(at.size()));
    };
    Tensor<Device> y;
    for (std::int64_t i = 0; i < H; i += step) {
        for (std::int64_t j = 0; j < W; j += step) {
            const Range rows{i, std::min(i + tile, H)}, columns{j, std::min(j + tile, W)};
            const auto part = run(cut(x, {{0, N}, rows, columns}));
            if (y.numel() == 0) y = Tensor<Device>({N, part.dim(1), height, width});
            const auto down = sizes.output(rows), across = sizes.output(columns);
            // What no tile has reached before has the weight 1, so y needs no zeros.
            blend(y, {{0, N}, down, across}, part, weights(i, down), weights(j, across));
        }
    }
    return y;
}

namespace detail {

/// From one ramped tile to the next, how far the ramp goes, and what of a tile is kept.
struct RampedSizes {
    std::int64_t step, extent, limit;
};

/// Throws Error where diffusers' own result would be of a wrong size, or none.
[[nodiscard]] inline RampedSizes ramped_sizes(const TileSizes& sizes, std::int64_t height,
                                              std::int64_t width) {
    for (const auto tile : {sizes.tile, sizes.output_tile}) {
        if (tile >= 1 && tile <= 65536) continue;
        fail(sizes.where, "tiles of " + std::to_string(tile), "1 to 65536");
    }
    sizes.check_overlap();
    const auto step = truncated_product(sizes.tile, 1 - sizes.overlap_factor);
    const auto extent = truncated_product(sizes.output_tile, sizes.overlap_factor);
    const auto limit = sizes.output_tile - extent;
    if (step < 1 || limit * sizes.down != step * sizes.up) {
        fail(sizes.where,
             "tiles of " + std::to_string(sizes.tile) + " every " + std::to_string(step) +
                 " that give " + std::to_string(limit) + " each",
             std::to_string(sizes.up) + " for every " + std::to_string(sizes.down),
             "choose tile sizes and a tile_overlap_factor whose products are whole numbers");
    }
    for (const auto side : {height, width}) {
        const auto rest = side % step;
        if (rest == 0 || rest >= sizes.down) continue;
        fail(sizes.where, "a last tile of " + std::to_string(rest),
             "at least " + std::to_string(sizes.down), "pad_to_multiple helps");
    }
    return {step, extent, limit};
}

/// The first rows (axis 2) or columns (axis 3) of `tile`, faded in over the last ones of
/// `before`, which is as long as the fade or shorter:
///   tile[k] = (1 - k / e) before[size - e + k] + (k / e) tile[k],   k < e
template <class Device>
void fade_in(Tensor<Device>& tile, const Tensor<Device>& before, std::size_t axis) {
    const auto side = [&](const Tensor<Device>& x) { return x.dim(axis == 2 ? 2 : 3); };
    const auto size = side(before), e = std::min(size, side(tile));
    std::vector<double> fade;
    for (std::int64_t k = 0; k < e; ++k) {
        fade.push_back(1 - static_cast<double>(k) / static_cast<double>(e));
    }
    auto at = whole_window(tile), from = whole_window(before);
    (axis == 2 ? at.rows : at.columns) = {0, e};
    (axis == 2 ? from.rows : from.columns) = {size - e, size};
    const auto ones = no_ramp(axis == 2 ? at.columns.size() : at.rows.size());
    blend(tile, at, cut(before, from), axis == 2 ? fade : ones, axis == 2 ? ones : fade);
}

} // namespace detail

/// The tiles of diffusers' AutoencoderKL, in reading order, with slivers at the edges where a
/// side ends soon behind a tile's beginning. With t the tile, o what is to come of it, and f
/// the overlap's factor, each product without what is behind the point:
///   a tile begins every t (1 - f);  the ramp is e = o f;  o - e of an output are kept
/// A tile is faded in over the one above it, then over the one to the left; both of these were
/// faded in themselves, so at corners the order matters. Only their last e rows and columns
/// are in memory.
/// Throws Error for sizes that cannot work. Parity: AutoencoderKL._tiled_encode (on moments)
/// and tiled_decode; there is tiling only where larger_than_tile() holds.
template <class Device, class Run>
[[nodiscard]] Tensor<Device> ramped_tiles(const Tensor<Device>& x, const TileSizes& sizes,
                                          const Run& run) {
    const auto [N, C, H, W] = nchw(x, sizes.where);
    const auto [step, extent, limit] = detail::ramped_sizes(sizes, H, W);
    const auto tile = sizes.tile;
    const auto ending = [e = extent](std::int64_t side) {
        return Range{std::max<std::int64_t>(side - e, 0), side};
    };
    Tensor<Device> y;
    std::vector<Tensor<Device>> above; // the last rows of each tile in the row above
    for (std::int64_t i = 0; i < H; i += step) {
        Tensor<Device> left; // the last columns of the tile before
        for (std::int64_t j = 0; j < W; j += step) {
            const Range rows{i, std::min(i + tile, H)}, columns{j, std::min(j + tile, W)};
            auto part = run(cut(x, {{0, N}, rows, columns}));
            const auto column = static_cast<std::size_t>(j / step);
            const auto all = whole_window(part);
            if (extent > 0) {
                if (i > 0) detail::fade_in(part, above[column], 2);
                if (j > 0) detail::fade_in(part, left, 3);
                if (i == 0) above.emplace_back();
                above[column] = cut(part, {all.images, ending(part.dim(2)), all.columns});
                left = cut(part, {all.images, all.rows, ending(part.dim(3))});
            }
            if (y.numel() == 0) {
                y = Tensor<Device>({N, part.dim(1), sizes.output(H), sizes.output(W)});
            }
            const auto kept_rows = std::min(limit, part.dim(2));
            const auto kept_columns = std::min(limit, part.dim(3));
            const auto top = sizes.output(i), first = sizes.output(j);
            paste(y, {{0, N}, {top, top + kept_rows}, {first, first + kept_columns}}, part,
                  {{0, N}, {0, kept_rows}, {0, kept_columns}});
        }
    }
    return y;
}

/// Whether an image is larger than a tile, one way or the other.
template <class Device>
[[nodiscard]] bool larger_than_tile(const Tensor<Device>& x, const TileSizes& sizes) {
    const auto all = whole_window(x);
    return all.rows.end > sizes.tile || all.columns.end > sizes.tile;
}

} // namespace latent
