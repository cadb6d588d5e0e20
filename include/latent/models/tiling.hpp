#pragma once

#include "latent/models/receptive_field.hpp"
#include "latent/ops/window.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Large inputs in parts, so that the activations of one part alone are in memory at a time:
/// a batch image by image, an image tile by tile. `run` is the network: a function from a
/// tensor [N, C, H, W] to one whose sides are in a fixed proportion to its input's. Whatever
/// the tiles, a trace inside of `run` hears of each part in turn.

namespace latent {

/// How tiles are put together.
enum class Tiling {
    blended, ///< as diffusers does: a small overlap, blended over; seams may show
    exact    ///< an overlap of the receptive field, cut off again; the bits of the whole image
};

/// Each image of a batch on its own. The bits are those of the whole batch.
/// Parity: use_slicing of diffusers.
template <class Device, class Run>
[[nodiscard]] Tensor<Device> sliced(const Tensor<Device>& x, const Run& run) {
    const auto all = whole_window(x);
    if (all.images.size() <= 1) return run(x);
    Tensor<Device> y;
    for (std::int64_t n = 0; n < all.images.end; ++n) {
        const Range image{n, n + 1};
        const auto part = run(cut(x, {image, all.rows, all.columns}));
        if (n == 0) {
            y = Tensor<Device>({all.images.end, part.dim(1), part.dim(2), part.dim(3)});
        }
        paste(y, {image, {0, y.dim(2)}, {0, y.dim(3)}}, part, whole_window(part));
    }
    return y;
}

/// The output tile by tile, each computed from all that it depends on: `field` is what `run`
/// sees. Outputs are tiles of `tile` x `tile`, smaller ones at the right and the lower edge;
/// inputs are larger by the receptive field, and end at the image's borders.
/// The result has the bits of run(x). Throws Error for a tile below 1.
template <class Device, class Run>
[[nodiscard]] Tensor<Device> exact_tiles(const Tensor<Device>& x, const ReceptiveField& field,
                                         std::int64_t tile, const Run& run) {
    const auto images = whole_window(x).images;
    if (tile < 1) fail("exact_tiles", std::to_string(tile), "a tile of at least 1 x 1");
    const auto height = field.output_size(x.dim(2)), width = field.output_size(x.dim(3));
    if (tile >= height && tile >= width) return run(x);
    Tensor<Device> y;
    for (std::int64_t top = 0; top < height; top += tile) {
        for (std::int64_t left = 0; left < width; left += tile) {
            const Range rows{top, std::min(top + tile, height)};
            const Range columns{left, std::min(left + tile, width)};
            const auto rows_seen = field.tile_of(rows, x.dim(2));
            const auto columns_seen = field.tile_of(columns, x.dim(3));
            const auto part = run(cut(x, {images, rows_seen, columns_seen}));
            // Where the tile's first output stands in that of the part.
            const auto down = top - field.output_at(rows_seen.begin);
            const auto across = left - field.output_at(columns_seen.begin);
            if (y.numel() == 0) y = Tensor<Device>({images.end, part.dim(1), height, width});
            paste(y, {images, rows, columns}, part,
                  {images, {down, down + rows.size()}, {across, across + columns.size()}});
        }
    }
    return y;
}

/// The latents of an exact tile of that many pixels. Throws Error for a number of pixels that
/// is no multiple of the factor.
[[nodiscard]] inline std::int64_t latents_of_tile(std::string_view where, std::int64_t pixels,
                                                  std::int64_t factor) {
    if (pixels < 1 || pixels % factor != 0) {
        fail(where, std::to_string(pixels) + " pixels",
             "a positive multiple of " + std::to_string(factor) +
                 ", this network's pixels for a latent");
    }
    return pixels / factor;
}

/// The sizes of diffusers' tiles. The output's side is `up` / `down` times the input's.
struct BlendedTiling {
    std::string_view where; ///< begins an Error
    std::int64_t tile = 0;  ///< of the input, each way
    double overlap_factor = 0.125;
    std::int64_t up = 1, down = 1;

    [[nodiscard]] std::int64_t overlap() const {
        return static_cast<std::int64_t>(static_cast<double>(tile) * overlap_factor);
    }
    /// From one tile's beginning to the next one's.
    [[nodiscard]] std::int64_t step() const { return tile - overlap(); }

    /// The first `count` weights along one side of an output tile: a ramp from 0 to 1 over the
    /// overlap,
    ///   m[k] = min(k / (overlap up / down - 1), 1)
    [[nodiscard]] std::vector<double> mask(std::int64_t count) const {
        const auto ratio = static_cast<double>(up) / static_cast<double>(down);
        const auto last = static_cast<double>(overlap()) * ratio - 1;
        std::vector<double> weights(static_cast<std::size_t>(count), 1.0);
        for (std::size_t k = 0; k < weights.size() && static_cast<double>(k) < last; ++k) {
            weights[k] = static_cast<double>(k) / last;
        }
        return weights;
    }

    /// Throws Error for sizes that cannot work.
    void check(std::int64_t height, std::int64_t width) const {
        if (tile < 1 || tile > 65536 || tile % down != 0) {
            fail(where, "tiles of " + std::to_string(tile),
                 "1 to 65536, a multiple of " + std::to_string(down));
        }
        if (height % down != 0 || width % down != 0) {
            fail(where, std::to_string(width) + " x " + std::to_string(height) + " pixels",
                 "sides that are multiples of " + std::to_string(down),
                 "pad_to_multiple helps");
        }
        if (!(overlap_factor >= 0 && overlap_factor < 1)) {
            fail(where, "tile_overlap_factor " + std::to_string(overlap_factor),
                 "at least 0 and less than 1");
        }
        // A ramp over one pixel or none would be a division by zero.
        if ((height > step() || width > step()) && overlap() * up <= down) {
            fail(where,
                 "an overlap of " + std::to_string(overlap()) + " in tiles of " +
                     std::to_string(tile),
                 "more than one pixel of the output",
                 "choose larger tiles or a larger tile_overlap_factor");
        }
    }
};

/// diffusers' tiles, in reading order. Tiles begin every step() pixels, whether or not the one
/// before has reached the edge already; each is blended over what is there with the product of
/// the two masks, that of an edge tile being 1 along its outer side.
/// Close to run(x), and not equal: near its borders a tile sees zeros where the image goes on.
/// Parity: AutoencoderTiny._tiled_encode and _tiled_decode; they write 4 and 3 channels,
/// whatever the network has; here the network decides.
template <class Device, class Run>
[[nodiscard]] Tensor<Device> blended_tiles(const Tensor<Device>& x, const BlendedTiling& tiling,
                                           const Run& run) {
    const auto [N, C, H, W] = nchw(x, tiling.where);
    tiling.check(H, W);
    const auto tile = tiling.tile, up = tiling.up, down = tiling.down;
    const auto height = H * up / down, width = W * up / down;
    const auto ramp = tiling.mask(std::min(tile * up / down, std::max(height, width)));
    const std::vector<double> ones(ramp.size(), 1.0);
    const auto place = [&](std::int64_t first, std::int64_t end) {
        return Range{first * up / down, std::min((first + tile) * up / down, end)};
    };
    const auto weights = [&](std::int64_t first, const Range& at) {
        const auto& mask = first == 0 ? ones : ramp;
        return std::span<const double>(mask).first(static_cast<std::size_t>(at.size()));
    };
    Tensor<Device> y;
    for (std::int64_t i = 0; i < H; i += tiling.step()) {
        for (std::int64_t j = 0; j < W; j += tiling.step()) {
            const auto part =
                run(cut(x, {{0, N}, {i, std::min(i + tile, H)}, {j, std::min(j + tile, W)}}));
            if (y.numel() == 0) y = Tensor<Device>({N, part.dim(1), height, width});
            const auto rows = place(i, height), columns = place(j, width);
            // What no tile has reached before has the weight 1, so y needs no zeros.
            blend(y, {{0, N}, rows, columns}, part, weights(i, rows), weights(j, columns));
        }
    }
    return y;
}

} // namespace latent
