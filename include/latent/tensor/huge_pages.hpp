#pragma once

#include "latent/tensor/compiler.hpp"

#include <cstddef>
#include <cstdint>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

/// Memory for large tensors, in pages of 2 MiB where the system has them: a convolution walks
/// through hundreds of channels at once, each a page of 4 KiB of its own, more than the
/// processor remembers the places of. On Linux it comes from the system and goes back to it:
/// malloc keeps what is freed, up to 32 MiB a piece, and a decode would hold a fifth more.
/// There pages move, too, from memory that is idle to memory that is wanted: the system would
/// fill each new page with zeros, 2 GiB in a decode that never holds more than 512 MiB.
/// (Beside io/system.hpp, what this library asks of the operating system.)

namespace latent {

inline constexpr std::size_t huge_page = std::size_t{1} << 21;

namespace detail {

[[nodiscard]] constexpr std::size_t whole_huge_pages(std::size_t bytes) {
    return (bytes + huge_page - 1) / huge_page * huge_page;
}

#if defined(__linux__)
// The sanitizer watches over new alone.
inline constexpr bool maps_memory = !compiler::address_sanitizer;

inline void advise_huge_pages([[maybe_unused]] void* memory,
                              [[maybe_unused]] std::size_t bytes) {
#if defined(MADV_HUGEPAGE)
    (void)madvise(memory, bytes, MADV_HUGEPAGE); // advice: without it, small pages do
#endif
}

/// `bytes` at a multiple of huge_page: more is asked for, and what is too much at both ends
/// given back.
[[nodiscard]] inline void* map_huge_pages(std::size_t bytes) {
    void* memory = mmap(nullptr, bytes + huge_page, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    auto* first = static_cast<std::byte*>(memory);
    const auto before =
        (huge_page - reinterpret_cast<std::uintptr_t>(first) % huge_page) % huge_page;
    if (before > 0) munmap(first, before);
    munmap(first + before + bytes, huge_page - before);
    advise_huge_pages(first + before, bytes);
    return first + before;
}
inline void unmap(void* memory, std::size_t bytes) { munmap(memory, bytes); }

/// A page takes the place of another, which was never touched; whether the system could.
[[nodiscard]] inline bool move_page([[maybe_unused]] void* from, [[maybe_unused]] void* to) {
#if defined(MREMAP_FIXED)
    constexpr int how = MREMAP_MAYMOVE | MREMAP_FIXED;
    if (mremap(from, huge_page, huge_page, how, to) != MAP_FAILED) return true;
    // It may have let go of the other page before it failed.
    constexpr int anew = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (mmap(to, huge_page, PROT_READ | PROT_WRITE, anew, -1, 0) == MAP_FAILED)
        throw std::bad_alloc();
    advise_huge_pages(to, huge_page);
#endif
    return false;
}
#else
inline constexpr bool maps_memory = false;

[[nodiscard]] inline void* map_huge_pages(std::size_t) { throw std::bad_alloc(); }
inline void unmap(void*, std::size_t) {}
[[nodiscard]] inline bool move_page(void*, void*) { return false; }
#endif

} // namespace detail

/// At a multiple of `alignment`, or of huge_page where it is that large; freed by free_bytes
/// with the same numbers.
[[nodiscard]] inline void* allocate_bytes(std::size_t bytes, std::size_t alignment) {
    if (bytes < huge_page) return ::operator new(bytes, std::align_val_t(alignment));
    const auto whole = detail::whole_huge_pages(bytes);
    if constexpr (detail::maps_memory) return detail::map_huge_pages(whole);
    return ::operator new(whole, std::align_val_t(huge_page));
}

inline void free_bytes(void* memory, std::size_t bytes, std::size_t alignment) {
    if (bytes < huge_page) return ::operator delete(memory, std::align_val_t(alignment));
    if constexpr (detail::maps_memory)
        return detail::unmap(memory, detail::whole_huge_pages(bytes));
    ::operator delete(memory, std::align_val_t(huge_page));
}

/// How many of allocate_bytes' `bytes` stand in pages that can be freed or moved one by one:
/// all of them, rounded up, or none.
[[nodiscard]] constexpr std::size_t movable_bytes(std::size_t bytes) {
    return detail::maps_memory && bytes >= huge_page ? detail::whole_huge_pages(bytes) : 0;
}

} // namespace latent
