#pragma once

#include "latent/models/receptive_field.hpp"
#include "latent/models/smooth_tiles.hpp"
#include "latent/models/tile_blending.hpp"
#include "latent/ops/window.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

/// Large inputs in parts, so that the activations of one part alone are in memory at a time:
/// a batch image by image, an image tile by tile. `run` is the network: a function from a
/// tensor [N, C, H, W] to one whose sides are in a fixed proportion to its input's. Whatever
/// the tiles, a trace inside of `run` hears of each part in turn.

namespace latent {

/// How tiles are put together.
enum class Tiling {
    blended, ///< as diffusers' AutoencoderTiny does: a small overlap, blended over
    ramped,  ///< as diffusers' AutoencoderKL does: linear ramps, and slivers at the edges
    smooth,  ///< tiles of one size, faded without a kink
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

/// How an image goes through a network.
struct Parts {
    bool slicing = false;           ///< the images of a batch one after the other
    std::optional<Tiling> tiling{}; ///< none: the whole image at once
    TileSizes tiles{};              ///< read where there is tiling
};

/// run(x), in the parts asked for: first images, then tiles of each.
/// `receptive_field` gives what `run` sees, and is called for exact tiles alone; where a
/// network has none it throws an Error with the reason.
template <class Device, class Run, class Field>
[[nodiscard]] Tensor<Device> in_parts(const Tensor<Device>& x, const Parts& parts,
                                      const Run& run, const Field& receptive_field) {
    const auto& tiles = parts.tiles;
    const auto in_tiles = [&](const Tensor<Device>& image) {
        if (parts.tiling == Tiling::blended) return blended_tiles(image, tiles, run);
        if (parts.tiling == Tiling::smooth) return smooth_tiles(image, tiles, run);
        if (parts.tiling == Tiling::ramped && larger_than_tile(image, tiles)) {
            return ramped_tiles(image, tiles, run);
        }
        if (parts.tiling == Tiling::exact) {
            tiles.check_tile();
            return exact_tiles(image, receptive_field(), tiles.output(tiles.tile), run);
        }
        return run(image);
    };
    return parts.slicing ? sliced(x, in_tiles) : in_tiles(x);
}

} // namespace latent
