#pragma once

#include "4_register_tile.hpp"

#include "latent/tensor/parallel.hpp"

/// Rung 5: threads. No tile touches another's output, so any thread may take any tile, and the
/// result has the same bits however many there are. Each thread has columns of its own.

namespace ladder {

[[nodiscard]] inline Image threads(const Image& x, const Image& packed, std::int64_t K) {
    const auto tiles = (x.dim(2) * x.dim(3) + 47) / 48, items = x.dim(0) * tiles;
    Image y({x.dim(0), K, x.dim(2), x.dim(3)});
    std::vector<std::vector<float>> columns(
        static_cast<std::size_t>(latent::worker_count(items)));
    latent::parallel_for(items, [&](std::int64_t item, int worker) {
        tile(x, packed, item / tiles, item % tiles * 48,
             columns[static_cast<std::size_t>(worker)], y);
    });
    return y;
}

} // namespace ladder
