#pragma once

#include "block.hpp"

#include <cmath>

/// Chapter 3 of the emulator: CUDA's words, as far as Latent says them. It bears the name of
/// CUDA's own header, so that kernels find the one or the other by the include path alone.
/// What CUDA reports as an error code is thrown as cuda_emulation::Error, in words.

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)

struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};

enum cudaError_t { cudaSuccess, cudaErrorMemoryAllocation };
enum cudaMemcpyKind {
    cudaMemcpyHostToDevice,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDeviceToDevice
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
struct cudaDeviceProp {
    char name[256];
    int major, minor, multiProcessorCount;
    std::size_t totalGlobalMem;
};

struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    std::size_t dynamicSmemBytes = 0;
    struct cuda_emulation_stream* stream = nullptr;
};

/// What it was asked for and has not done yet.
struct cuda_emulation_stream {
    std::vector<std::function<void()>> waiting;

    void ask(std::function<void()> work) {
        waiting.push_back(std::move(work));
        if (cuda_emulation::settings.copies == cuda_emulation::Copies::early) finish();
    }
    void finish() {
        for (const auto& work : std::exchange(waiting, {})) work();
    }
};
using cudaStream_t = cuda_emulation_stream*;

namespace cuda_emulation {

/// The device's memory: what is allocated, and where.
struct Memory {
    std::map<std::uintptr_t, std::size_t> pieces;
    std::size_t limit = std::size_t{8} << 30, held = 0;
};
inline Memory memory;
inline std::set<cudaStream_t> streams;
inline std::map<const void*, std::size_t> allowed_shared; ///< by kernel
inline std::vector<std::deque<Fiber>> idle_fibers;        ///< a block's each

inline void run_grid(Launch& launch) {
    std::uint64_t next = 0;
    std::exception_ptr error;
    std::vector<std::deque<Fiber>> used;
    const auto work = [&] {
        const Unwatched unwatched;
        std::unique_lock lock(mutex);
        blockDim = launch.block, gridDim = launch.grid;
        while (next < launch.grid.count() && !error) {
            const auto number = next++;
            const bool reverse = settings.order == Order::reverse;
            blockIdx = launch.grid.at(reverse ? launch.grid.count() - 1 - number : number);
            if (idle_fibers.empty()) idle_fibers.emplace_back();
            auto fibers = std::move(idle_fibers.back());
            idle_fibers.pop_back();
            lock.unlock();
            const auto own =
                Block(launch, settings.seed + static_cast<unsigned>(number)).run(fibers);
            lock.lock();
            if (own) error = own;
            // To ThreadSanitizer two blocks of a launch are different threads.
            if (!own) (thread_sanitizer ? used : idle_fibers).push_back(std::move(fibers));
        }
    };
    {
        const std::lock_guard lock(mutex);
        counts = {};
        launch.pieces = memory.pieces;
    }
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < std::min<std::uint64_t>(settings.workers, launch.grid.count());
         ++i)
        workers.emplace_back(work);
    for (auto& worker : workers) worker.join();
    const std::lock_guard lock(mutex);
    for (auto& fibers : used) idle_fibers.push_back(std::move(fibers));
    acquire(&launch.end);
    if (error) std::rethrow_exception(error);
}

/// Says that a thread touches memory; throws where there is none.
inline void note_global(const void* where, unsigned bytes) {
    const Unwatched unwatched;
    const auto address = reinterpret_cast<std::uintptr_t>(where);
    const auto text = [=] { return std::to_string(bytes) + " bytes"; };
    if (address % bytes != 0) Block::fail("global memory: misaligned for " + text());
    if (!Block::current->launch().has(address, bytes))
        Block::fail("global memory: " + text() + " outside of what is allocated");
    if (settings.count) Block::current->note(false, address, bytes);
}
inline void note_shared(const void* where, unsigned bytes) {
    if (!settings.count) return;
    const Unwatched unwatched;
    Block::current->note(true, reinterpret_cast<std::uintptr_t>(where), bytes);
}

} // namespace cuda_emulation

// --- For kernels -----------------------------------------------------------------------------

inline void __syncthreads(int line = __builtin_LINE()) {
    cuda_emulation::Block::current->barrier(line);
}
inline void __syncwarp(unsigned mask = ~0U) {
    int nothing = 0;
    const auto no_more = [](const auto&) {};
    cuda_emulation::Block::current->in_warp("__syncwarp", mask, nothing, no_more, true);
}

/// The value of the lane `from`. (A shuffle does not order what lanes do in memory.)
template <class T>
[[nodiscard]] T __shfl_sync(unsigned mask, T value, int from,
                            const char* operation = "__shfl_sync") {
    struct Slot {
        T brought, taken;
        int from;
    } slot{value, value, from};
    cuda_emulation::Block::current->in_warp(operation, mask, slot, [](const auto& slots) {
        const auto of = [&](int lane) { return static_cast<Slot*>(slots[lane & 31]); };
        for (int lane = 0; lane < 32; ++lane) of(lane)->taken = of(of(lane)->from)->brought;
    });
    return slot.taken;
}
template <class T>
[[nodiscard]] T __shfl_xor_sync(unsigned mask, T value, int by) {
    const auto lane = static_cast<int>(cuda_emulation::Block::current->self().number % 32);
    return __shfl_sync(mask, value, lane ^ by, "__shfl_xor_sync");
}

inline float rsqrtf(float x) { return 1 / std::sqrt(x); }

// --- For the host ----------------------------------------------------------------------------

inline const char* cudaGetErrorString(cudaError_t error) {
    return error == cudaErrorMemoryAllocation ? "out of memory" : "no error";
}
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
inline cudaError_t cudaDriverGetVersion(int* version) { return *version = 1, cudaSuccess; }
inline cudaError_t cudaSetDevice(int) { return cudaSuccess; }
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* about, int) {
    const auto& profile = cuda_emulation::settings.profile;
    *about = {"emulated",         profile.architecture / 10, profile.architecture % 10,
              profile.processors, cuda_emulation::memory.limit};
    return cudaSuccess;
}
inline cudaError_t cudaMalloc(void** where, std::size_t bytes) {
    const std::lock_guard lock(cuda_emulation::mutex);
    auto& memory = cuda_emulation::memory;
    if (memory.held + bytes > memory.limit) return cudaErrorMemoryAllocation;
    *where = ::operator new(bytes, std::align_val_t(256));
    std::memset(*where, 0xFF, bytes); // NaN
    memory.pieces[reinterpret_cast<std::uintptr_t>(*where)] = bytes;
    memory.held += bytes;
    return cudaSuccess;
}
/// It waits for all that streams were asked for, as CUDA's does.
inline cudaError_t cudaFree(void* where) {
    for (auto* stream : cuda_emulation::streams) stream->finish();
    if (!where) return cudaSuccess;
    const std::lock_guard lock(cuda_emulation::mutex);
    auto& memory = cuda_emulation::memory;
    const auto piece = memory.pieces.find(reinterpret_cast<std::uintptr_t>(where));
    if (piece == memory.pieces.end())
        throw cuda_emulation::Error("cudaFree: of what was not allocated");
    memory.held -= piece->second;
    memory.pieces.erase(piece);
    ::operator delete(where, std::align_val_t(256));
    return cudaSuccess;
}
inline cudaError_t cudaStreamCreate(cudaStream_t* stream) {
    cuda_emulation::streams.insert(*stream = new cuda_emulation_stream);
    return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    return stream->finish(), cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    cuda_emulation::streams.erase(stream);
    delete stream;
    return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes,
                                   cudaMemcpyKind, cudaStream_t stream) {
    stream->ask([=] { std::memcpy(to, from, bytes); });
    return cudaSuccess;
}
template <class... P>
cudaError_t cudaFuncSetAttribute(void (*kernel)(P...), cudaFuncAttribute, int bytes) {
    cuda_emulation::allowed_shared[reinterpret_cast<const void*>(kernel)] =
        static_cast<std::size_t>(bytes);
    return cudaSuccess;
}
template <class... P>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* how, void (*kernel)(P...),
                               P... arguments) {
    using namespace cuda_emulation;
    const dim3 grid = how->gridDim, block = how->blockDim;
    const std::size_t shared = how->dynamicSmemBytes;
    if (block.count() == 0 || block.count() > 1024 || grid.count() == 0 || grid.y > 65535 ||
        grid.z > 65535)
        throw Error("launch: bad sizes of a grid or a block");
    const auto allowed = allowed_shared.find(reinterpret_cast<const void*>(kernel));
    const auto most = std::min(settings.profile.shared_bytes,
                               allowed == allowed_shared.end() ? 48 << 10 : allowed->second);
    if (shared > most) {
        throw Error("launch: " + std::to_string(shared) +
                    " bytes of shared memory, expected at most " + std::to_string(most));
    }
    how->stream->ask([=] {
        Launch launch{grid, block, shared, [&] { kernel(arguments...); }, {}};
        run_grid(launch);
    });
    return cudaSuccess;
}
