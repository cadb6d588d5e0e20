#pragma once

#include <algorithm>
#include <cstddef>
#include <map>

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

} // namespace latent
