#pragma once

#include "launch.hpp"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <string>

/// How a kernel is launched: the one way.

namespace latent::kernels {

inline void check(cudaError_t error, const std::string& call) {
    if (error == cudaSuccess) return;
    (void)cudaGetLastError(); // so that the next call does not report it again
    throw Error(call + ": " + cudaGetErrorString(error));
}

[[nodiscard]] inline cudaStream_t cuda_stream(Stream* stream) {
    return reinterpret_cast<cudaStream_t>(stream);
}

[[nodiscard]] constexpr unsigned blocks(std::int64_t count, std::int64_t each) {
    return static_cast<unsigned>((count + each - 1) / each);
}

template <class... P, class... A>
void launch(const char* name, void (*kernel)(P...), dim3 grid, unsigned threads,
            std::size_t shared_bytes, Stream* stream, A... arguments) {
    if (!stream) return;
    if (shared_bytes > std::size_t{48} << 10) {
        check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   static_cast<int>(shared_bytes)),
              std::string(name) + ": cudaFuncSetAttribute");
    }
    cudaLaunchConfig_t how{};
    how.gridDim = grid;
    how.blockDim = dim3(threads);
    how.dynamicSmemBytes = shared_bytes;
    how.stream = cuda_stream(stream);
    check(cudaLaunchKernelEx(&how, kernel, static_cast<P>(arguments)...),
          std::string(name) + ": cudaLaunchKernelEx");
}

/// Calls run with a null pointer of the type that `scalar` names.
template <class Run>
void with_type(Scalar scalar, const Run& run) {
    switch (scalar) {
    case Scalar::f32:
        return run(static_cast<float*>(nullptr));
    case Scalar::f16:
        return run(static_cast<__half*>(nullptr));
    case Scalar::bf16:
        return run(static_cast<__nv_bfloat16*>(nullptr));
    }
}

} // namespace latent::kernels
