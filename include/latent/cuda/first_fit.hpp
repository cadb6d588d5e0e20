#pragma once

#include "latent/tensor/workspace.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <span>

namespace latent {

/// Places in one piece of memory: the first gap that is large enough. Nothing is touched; what
/// it hands out are offsets, multiples of 256.
class FirstFit {
public:
    [[nodiscard]] std::size_t take(std::size_t bytes) {
        const auto size = std::max<std::size_t>((bytes + 255) / 256 * 256, 256);
        std::size_t offset = 0;
        for (const auto& [first, taken] : used_) {
            if (first - offset >= size) break;
            offset = first + taken;
        }
        used_[offset] = size;
        extent_ = std::max(extent_, offset + size);
        return offset;
    }
    void give(std::size_t offset) { used_.erase(offset); }

    /// Where the farthest of all that were taken ended.
    [[nodiscard]] std::size_t extent() const { return extent_; }

private:
    std::map<std::size_t, std::size_t> used_;
    std::size_t extent_ = 0;
};

/// What a run needs of one piece of memory, from the order of its tensors: that of the same run
/// on Meta, RunReport::memory, whose numbers are 4 bytes each; here they are `scalar_bytes`.
[[nodiscard]] inline std::size_t planned_bytes(std::span<const MemoryEvent> events,
                                               std::size_t scalar_bytes) {
    FirstFit places;
    std::map<std::int64_t, std::size_t> offsets;
    for (const auto& [id, bytes, taken] : events) {
        if (taken) {
            offsets[id] = places.take(static_cast<std::size_t>(bytes) / 4 * scalar_bytes);
        } else {
            places.give(offsets[id]);
        }
    }
    return places.extent();
}

} // namespace latent
