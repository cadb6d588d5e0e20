#pragma once

#include <cstddef>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

/// Memory for large tensors, in pages of 2 MiB where the system has them: a convolution walks
/// through hundreds of channels at once, each a page of 4 KiB of its own, more than the
/// processor remembers the places of. (Beside io/system.hpp, what this library asks of the
/// operating system.)

namespace latent {

inline constexpr std::size_t huge_page = std::size_t{1} << 21;

/// At a multiple of `alignment`; freed by free_bytes with the same numbers.
[[nodiscard]] inline void* allocate_bytes(std::size_t bytes, std::size_t alignment) {
    if (bytes < huge_page) return ::operator new(bytes, std::align_val_t(alignment));
    const auto whole = (bytes + huge_page - 1) / huge_page * huge_page;
    void* memory = ::operator new(whole, std::align_val_t(huge_page));
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    (void)madvise(memory, whole, MADV_HUGEPAGE); // advice: without it, small pages do
#endif
    return memory;
}

inline void free_bytes(void* memory, std::size_t bytes, std::size_t alignment) {
    ::operator delete(memory, std::align_val_t(bytes < huge_page ? alignment : huge_page));
}

} // namespace latent
