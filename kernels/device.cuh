#pragma once

#include "launch.hpp"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

/// What every kernel stands on: numbers in memory, arrays in shared memory, sums over a warp
/// and a block. nvcc compiles it for a GPU; any compiler of C++20 with tests/support/
/// cuda_emulation first on the include path compiles the same text for the emulator, which
/// wants to be told of every access.

namespace latent::kernels {

inline constexpr unsigned whole_warp = 0xFFFFFFFF;

#if defined(__CUDACC__)
__device__ inline void note_global(const void*, unsigned) {}
__device__ inline void note_shared(const void*, unsigned) {}
__device__ inline void require_index(int, int) {}

/// The block's shared memory, as a struct of the kernel's own.
template <class T>
__device__ T& shared_storage() {
    extern __shared__ __align__(1024) unsigned char bytes[];
    return *reinterpret_cast<T*>(bytes);
}
#else
using cuda_emulation::note_global, cuda_emulation::note_shared;

inline void require_index(int index, int size) {
    if (index >= 0 && index < size) return;
    cuda_emulation::Block::fail("shared array of " + std::to_string(size) + ": got index " +
                                std::to_string(index));
}

template <class T>
T& shared_storage() {
    auto& block = *cuda_emulation::Block::current;
    if (sizeof(T) > block.shared_bytes()) {
        block.fail("shared memory: " + std::to_string(block.shared_bytes()) +
                   " bytes were launched, the kernel needs " + std::to_string(sizeof(T)));
    }
    return *reinterpret_cast<T*>(block.shared());
}
#endif

// --- Numbers in memory -----------------------------------------------------------------------

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(__half x) { return __half2float(x); }
__device__ inline float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ inline void round_to(float& to, float x) { to = x; }
__device__ inline void round_to(__half& to, float x) { to = __float2half_rn(x); }
__device__ inline void round_to(__nv_bfloat16& to, float x) { to = __float2bfloat16_rn(x); }

/// Four neighbours in memory, read and written at once.
template <class T>
struct alignas(4 * sizeof(T)) Four {
    T at[4];
};

template <class T>
[[nodiscard]] __device__ float load(const T* from) {
    note_global(from, sizeof(T));
    return to_float(*from);
}
template <class T>
__device__ void store(T* to, float x) {
    note_global(to, sizeof(T));
    round_to(*to, x);
}
template <class T>
[[nodiscard]] __device__ float4 load_four(const T* from) {
    note_global(from, 4 * sizeof(T));
    const auto x = *reinterpret_cast<const Four<T>*>(from);
    return {to_float(x.at[0]), to_float(x.at[1]), to_float(x.at[2]), to_float(x.at[3])};
}

template <class T>
__device__ void store_four(T* to, const float4& x) {
    note_global(to, 4 * sizeof(T));
    Four<T> y;
    round_to(y.at[0], x.x), round_to(y.at[1], x.y);
    round_to(y.at[2], x.z), round_to(y.at[3], x.w);
    *reinterpret_cast<Four<T>*>(to) = y;
}

// --- Arrays in shared memory -----------------------------------------------------------------

template <class T, int Rows, int Columns>
class Shared {
public:
    [[nodiscard]] __device__ T& operator()(int row, int column) {
        require_index(row, Rows);
        require_index(column, Columns);
        note_shared(&values_[row][column], sizeof(T));
        return values_[row][column];
    }
    /// Four neighbours; `column` is a multiple of 4, and so is Columns.
    [[nodiscard]] __device__ float4& four(int row, int column) {
        static_assert(sizeof(T) == 4 && Columns % 4 == 0);
        require_index(row, Rows);
        require_index(column + 3, Columns);
        note_shared(&values_[row][column], sizeof(float4));
        return *reinterpret_cast<float4*>(&values_[row][column]);
    }

private:
    alignas(16) T values_[Rows][Columns];
};

// --- Sums over many threads ------------------------------------------------------------------

/// Of the values that the lanes of a warp bring; all of them have it.
__device__ inline float warp_sum(float x) {
    for (int by = 16; by > 0; by /= 2) x += __shfl_xor_sync(whole_warp, x, by);
    return x;
}

/// Of the values that the threads of a block bring; all of them have it. `places` is used again
/// only behind another barrier.
template <int Warps>
__device__ float block_sum(float x, Shared<float, 1, Warps>& places) {
    x = warp_sum(x);
    if (threadIdx.x % 32 == 0) places(0, static_cast<int>(threadIdx.x / 32)) = x;
    __syncthreads();
    float sum = 0;
    for (int warp = 0; warp < Warps; ++warp) sum += places(0, warp);
    __syncthreads();
    return sum;
}

} // namespace latent::kernels
