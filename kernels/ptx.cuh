#pragma once

#include "device.cuh"

/// Instructions that C++ has no words for, each beside its twin for the emulator. Source: the
/// PTX ISA manual, whose names they bear.

namespace latent::kernels {

#if defined(__CUDACC__)

/// 16 bytes on their way from global to shared memory, zeros where they are not `valid`.
/// cp.async, which came with compute capability 8.0; before that, copied at once.
__device__ inline void cp_async_16(void* to, const void* from, bool valid) {
#if __CUDA_ARCH__ < 800
    *static_cast<float4*>(to) = valid ? *static_cast<const float4*>(from) : float4{};
#else
    const auto place = static_cast<unsigned>(__cvta_generic_to_shared(to));
    const int bytes = valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(place), "l"(from),
                 "r"(bytes)
                 : "memory");
#endif
}
/// Closes the thread's group of copies.
__device__ inline void cp_async_commit_group() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
/// Waits for the thread's groups but the N newest. Other threads' copies are there behind a
/// barrier.
template <int N>
__device__ inline void cp_async_wait_group() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
#endif
}

#else

inline void cp_async_16(void* to, const void* from, bool valid) {
    auto& block = *cuda_emulation::Block::current;
    if (cuda_emulation::settings.profile.architecture < 80)
        block.fail("cp.async: needs compute capability 8.0");
    const auto* first = static_cast<const std::byte*>(to);
    if (reinterpret_cast<std::uintptr_t>(to) % 16 != 0 || first < block.shared() ||
        first + 16 > block.shared() + block.shared_bytes()) {
        block.fail("cp.async: to what is not 16 aligned bytes of shared memory");
    }
    if (valid) note_global(from, 16);
    note_shared(to, 16);
    const cuda_emulation::Copy copy{to, from, 16, valid ? 16U : 0U};
    if (cuda_emulation::settings.copies == cuda_emulation::Copies::early) return copy.run();
    const cuda_emulation::Unwatched unwatched;
    block.self().copies.back().push_back(copy);
}
inline void cp_async_commit_group() {
    const cuda_emulation::Unwatched unwatched;
    cuda_emulation::Block::current->self().copies.emplace_back();
}
template <int N>
void cp_async_wait_group() {
    auto& groups = cuda_emulation::Block::current->self().copies;
    while (true) {
        std::vector<cuda_emulation::Copy> group;
        {
            const cuda_emulation::Unwatched unwatched;
            if (groups.size() <= N + 1) return;
            group = std::move(groups.front());
            groups.erase(groups.begin());
        }
        for (const auto& copy : group) copy.run();
    }
}

#endif

} // namespace latent::kernels
