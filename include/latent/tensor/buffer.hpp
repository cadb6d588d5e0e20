#pragma once

#include "latent/tensor/huge_pages.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

namespace latent {

/// The unit of memory: every buffer starts at a multiple of 64 bytes, whatever the compiler's
/// flags.
struct alignas(64) CacheLine {
    std::byte bytes[64];
};

/// Frees what make_buffer allocates.
struct FreeLines {
    std::size_t bytes = 0;
    void operator()(CacheLine* lines) const { free_bytes(lines, bytes, alignof(CacheLine)); }
};

/// A block of uninitialised memory that belongs to one tensor.
struct Buffer {
    std::unique_ptr<CacheLine[], FreeLines> lines;
    std::size_t count = 0;

    [[nodiscard]] std::size_t size_bytes() const { return count * sizeof(CacheLine); }
};

[[nodiscard]] inline Buffer make_buffer(std::size_t bytes) {
    const auto count = (bytes + sizeof(CacheLine) - 1) / sizeof(CacheLine);
    const auto size = std::max<std::size_t>(count, 1) * sizeof(CacheLine);
    auto* lines = static_cast<CacheLine*>(allocate_bytes(size, alignof(CacheLine)));
    return {std::unique_ptr<CacheLine[], FreeLines>(lines, {size}), count};
}

/// What stands behind the first `kept` bytes, a multiple of huge_page, as a buffer of its own:
/// all of it behind 0, and nothing where there is no more, or memory that cannot be parted.
[[nodiscard]] inline Buffer split(Buffer& buffer, std::size_t kept) {
    if (kept == 0) return std::exchange(buffer, Buffer());
    const auto whole = movable_bytes(buffer.size_bytes());
    if (whole <= kept) return {};
    CacheLine* lines = buffer.lines.release();
    const auto count = kept / sizeof(CacheLine);
    buffer = {{lines, {kept}}, count};
    return {{lines + count, {whole - kept}}, whole / sizeof(CacheLine) - count};
}

/// The pages of `from` become pages of `to`, whose first `untouched` bytes have none yet. Those
/// that find no place, or cannot move, are freed.
inline void give_pages(Buffer from, Buffer& to, std::size_t& untouched) {
    for (auto left = movable_bytes(from.size_bytes()); left > 0 && untouched > 0;) {
        left -= huge_page;
        auto page = split(from, left);
        untouched -= huge_page;
        if (!detail::move_page(page.lines.get(),
                               to.lines.get() + untouched / sizeof(CacheLine))) {
            return;
        }
        (void)page.lines.release(); // it is part of `to` now
    }
}

} // namespace latent
