#pragma once

#include "tile_product.cuh"

/// y [rows, out_features] = x [rows, in_features] weight^T + bias.

namespace latent::kernels {

template <class T>
struct LinearArguments {
    int rows, in_features, out_features;
    const T *x, *weight, *bias;
    T* y;
};

template <class T>
__global__ void __launch_bounds__(tile_threads) linear_kernel(LinearArguments<T> a) {
    constexpr int per_thread = 8;
    auto& s = shared_storage<TileShared<per_thread>>();
    const int first_row = static_cast<int>(blockIdx.x) * tile_right;
    const int first_feature = static_cast<int>(blockIdx.y) * tile_left<per_thread>;
    const int row = first_row + static_cast<int>(threadIdx.x) % tile_right;

    const auto one = [&](int k, int feature) {
        if (k >= a.in_features || feature >= a.out_features) return 0.0F;
        return load(a.weight + static_cast<std::int64_t>(feature) * a.in_features + k);
    };
    const auto weight = [&](int k, int i) {
        const int first = first_feature + i;
        return float4{one(k, first), one(k, first + 1), one(k, first + 2), one(k, first + 3)};
    };
    const auto value = [&](int k) {
        if (k >= a.in_features || row >= a.rows) return 0.0F;
        return load(a.x + static_cast<std::int64_t>(row) * a.in_features + k);
    };
    float y[per_thread][8];
    tile_product<per_thread>(a.in_features, s, weight, value, y);

#pragma unroll
    for (int i = 0; i < per_thread; ++i) {
        const int feature = first_feature + left_of<per_thread>(i);
        if (feature >= a.out_features) continue;
        const float bias = a.bias ? load(a.bias + feature) : 0;
#pragma unroll
        for (int j = 0; j < 8; ++j) {
            const int at = first_row + right_of(j);
            if (at >= a.rows) continue;
            store(a.y + static_cast<std::int64_t>(at) * a.out_features + feature,
                  y[i][j] + bias);
        }
    }
}

} // namespace latent::kernels
