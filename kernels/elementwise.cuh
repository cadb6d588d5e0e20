#pragma once

#include "activation.cuh"

/// What looks at one number of each operand, and what only moves numbers. A thread to a number;
/// where there are more than a grid is wide, each takes several.

namespace latent::kernels {

inline constexpr int element_threads = 256;

/// Calls body(i) for the thread's share of 0 .. count - 1.
template <class Body>
__device__ void for_elements(std::int64_t count, const Body& body) {
    const auto all = static_cast<std::int64_t>(gridDim.x) * element_threads;
    for (auto i = static_cast<std::int64_t>(blockIdx.x) * element_threads + threadIdx.x;
         i < count; i += all) {
        body(i);
    }
}

[[nodiscard]] __device__ inline float apply(const Map& map, float x, float other) {
    switch (map.what) {
    case Elementwise::add:
        return x + other;
    case Elementwise::multiply:
        return x * other;
    case Elementwise::scale:
        return fmaf(x, map.a, map.b);
    case Elementwise::tanh:
        return tanhf(x);
    case Elementwise::exp:
        return expf(x);
    case Elementwise::sqrt:
        return sqrtf(x);
    case Elementwise::clamp:
        return x < map.a ? map.a : x > map.b ? map.b : x; // NaN stays NaN
    case Elementwise::activation:
        return activate(map.activation, x);
    case Elementwise::leaky_relu:
        return x < 0 ? map.a * x : x;
    }
    return x;
}

template <class T>
__global__ void __launch_bounds__(element_threads)
    map_kernel(Map map, const T* x, const T* other, T* y) {
    for_elements(map.count, [&](std::int64_t i) {
        store(y + i, apply(map, load(x + i), other ? load(other + i) : 0));
    });
}

template <class T>
__global__ void __launch_bounds__(element_threads) combine_kernel(Combine a) {
    for_elements(a.count, [&](std::int64_t i) {
        float p = 0, y = 0;
        for (int k = 0; k < a.terms; ++k) {
            const float x = load(static_cast<const T*>(a.term[k].x) + i);
            // A factor of 0 leaves out what may be no number.
            if (a.term[k].to_p != 0) p = fmaf(a.term[k].to_p, x, p);
            if (a.term[k].to_y != 0) y = fmaf(a.term[k].to_y, x, y);
        }
        p = p < -a.limit ? -a.limit : p > a.limit ? a.limit : p; // NaN stays NaN
        store(static_cast<T*>(a.p) + i, p);
        store(static_cast<T*>(a.y) + i, a.p_to_y != 0 ? fmaf(a.p_to_y, p, y) : y);
    });
}

template <class From, class To>
__global__ void __launch_bounds__(element_threads)
    convert_kernel(const From* x, To* y, std::int64_t count) {
    for_elements(count, [&](std::int64_t i) { store(y + i, load(x + i)); });
}

template <class T>
__global__ void __launch_bounds__(element_threads)
    upsample_kernel(const T* x, std::int64_t planes, std::int64_t height, std::int64_t width,
                    std::int64_t factor, T* y) {
    const auto across = width * factor, plane = height * factor * across;
    for_elements(planes * plane, [&](std::int64_t i) {
        const auto row = i % plane / across / factor, column = i % across / factor;
        store(y + i, load(x + (i / plane * height + row) * width + column));
    });
}

/// A tile of 32 x 32 goes through shared memory, so that both sides are read and written along
/// their rows. Grid: columns, rows, planes.
struct TransposeShared {
    Shared<float, 32, 33> tile; // 33: columns of it meet 32 banks
};
template <class T>
__global__ void __launch_bounds__(element_threads)
    transpose_kernel(const T* x, std::int64_t rows, std::int64_t columns,
                     std::int64_t y_columns, T* y) {
    auto& s = shared_storage<TransposeShared>();
    const int lane = static_cast<int>(threadIdx.x % 32),
              warp = static_cast<int>(threadIdx.x / 32);
    const auto first_column = static_cast<std::int64_t>(blockIdx.x) * 32;
    const auto first_row = static_cast<std::int64_t>(blockIdx.y) * 32;
    const auto plane = static_cast<std::int64_t>(blockIdx.z);
    for (int i = warp; i < 32; i += element_threads / 32) {
        const bool inside = first_row + i < rows && first_column + lane < columns;
        s.tile(i, lane) =
            inside ? load(x + (plane * rows + first_row + i) * columns + first_column + lane)
                   : 0;
    }
    __syncthreads();
    for (int i = warp; i < 32; i += element_threads / 32) {
        if (first_column + i >= columns || first_row + lane >= y_columns) continue;
        store(y + (plane * columns + first_column + i) * y_columns + first_row + lane,
              s.tile(lane, i));
    }
}

} // namespace latent::kernels
