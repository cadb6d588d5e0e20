#pragma once

#include "latent/models/tile_blending.hpp"
#include "latent/ops/window.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Our own answer to the seams of tiles, for networks that have no exact tiles: no slivers, an
/// overlap that adapts, and a fade without a kink.

namespace latent {

/// 6 t^5 - 15 t^4 + 10 t^3: from 0 to 1 with no slope and no curvature at either end.
/// Source: Perlin 2002, Improving Noise.
[[nodiscard]] constexpr double smootherstep(double t) {
    return t * t * t * (t * (t * 6 - 15) + 10);
}

/// Tiles of one size along a side of `size`: the fewest that overlap by `overlap` or more,
/// spread evenly. A side that is no longer than a tile is one tile.
[[nodiscard]] inline std::vector<Range> even_tiles(std::int64_t size, std::int64_t tile,
                                                   std::int64_t overlap) {
    if (size <= tile) return {{0, size}};
    const auto room = size - tile, step = tile - overlap;
    const auto gaps = (room + step - 1) / step;
    std::vector<Range> tiles;
    for (std::int64_t k = 0; k <= gaps; ++k) {
        tiles.push_back({k * room / gaps, k * room / gaps + tile});
    }
    return tiles;
}

/// The weights of tiles[i] along that side, each pixel being `up` outputs: smootherstep over
/// all that the tile before it covers, then 1.
[[nodiscard]] inline std::vector<double> smooth_ramp(const std::vector<Range>& tiles,
                                                     std::size_t i, std::int64_t up = 1) {
    auto weights = detail::no_ramp(tiles[i].size() * up);
    const auto shared = i == 0 ? 0 : (tiles[i - 1].end - tiles[i].begin) * up;
    for (std::int64_t k = 0; k < shared; ++k) {
        weights[static_cast<std::size_t>(k)] =
            smootherstep((static_cast<double>(k) + 0.5) / static_cast<double>(shared));
    }
    return weights;
}

/// Tiles of one size, none of them a sliver: the overlap adapts, and is overlap_factor of a
/// tile or more. They fade into each other without a kink (smootherstep), those of a row first,
/// then the rows; so a pixel's weights are products of one for its row and one for its column,
/// and sum to 1. When encoding, tiles begin at whole latents.
/// Throws Error for sizes that cannot work.
template <class Device, class Run>
[[nodiscard]] Tensor<Device> smooth_tiles(const Tensor<Device>& x, const TileSizes& sizes,
                                          const Run& run) {
    const auto [N, C, H, W] = nchw(x, sizes.where);
    sizes.check_tile();
    sizes.check_sides(H, W);
    sizes.check_overlap();
    // In latents, be they the output or the input.
    const auto down = sizes.down, up = sizes.up, tile = sizes.tile / down;
    const auto overlap =
        static_cast<std::int64_t>(std::ceil(static_cast<double>(tile) * sizes.overlap_factor));
    if (overlap >= tile) {
        fail(sizes.where, "tiles of " + std::to_string(sizes.tile) + " that overlap wholly",
             "an overlap that is smaller",
             "choose larger tiles or a smaller tile_overlap_factor");
    }
    const auto rows = even_tiles(H / down, tile, overlap);
    const auto columns = even_tiles(W / down, tile, overlap);
    const auto times = [](const Range& range, std::int64_t factor) {
        return Range{range.begin * factor, range.end * factor};
    };
    const Range width{0, sizes.output(W)};
    Tensor<Device> y;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Tensor<Device> strip; // a row of tiles
        const Range height{0, rows[i].size() * up};
        for (std::size_t j = 0; j < columns.size(); ++j) {
            const auto part =
                run(cut(x, {{0, N}, times(rows[i], down), times(columns[j], down)}));
            if (j == 0) strip = Tensor<Device>({N, part.dim(1), height.end, width.end});
            blend(strip, {{0, N}, height, times(columns[j], up)}, part,
                  detail::no_ramp(height.end), smooth_ramp(columns, j, up));
        }
        if (rows.size() == 1) return strip;
        if (i == 0) y = Tensor<Device>({N, strip.dim(1), sizes.output(H), width.end});
        blend(y, {{0, N}, times(rows[i], up), width}, strip, smooth_ramp(rows, i, up),
              detail::no_ramp(width.end));
    }
    return y;
}

} // namespace latent
