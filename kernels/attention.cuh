#pragma once

#include "device.cuh"

#include <cmath>

/// y = softmax(q k^T / sqrt(head_dim)) v without a matrix of all pairs: a block takes 32
/// queries and goes over the keys, 32 at a time. The largest score so far, and the sum of the
/// exponentials, are mended as it goes ("online softmax").
/// Source: Milakov and Gimelshein 2018, arXiv:1805.02867; Dao et al. 2022, arXiv:2205.14135.

namespace latent::kernels {

inline constexpr int attention_threads = 256, attention_rows = 32;
inline constexpr int attention_most = 512; ///< channels of a head

template <class T>
struct AttentionArguments {
    int tokens, keys, channels, head_dim;
    float scale;
    const T *q, *k, *v;
    T* y;
};

struct AttentionShared {
    // A piece of the queries and of the keys, 32 channels wide; a column more, so that the
    // lanes of a warp meet 32 banks.
    Shared<float, attention_rows, 33> q, k;
    Shared<float, attention_rows, attention_rows>
        weights;                                 ///< [query, key]: exp(score - largest)
    Shared<float, 1, attention_rows> mend, sums; ///< of each query
};

/// Grid: blocks of queries, heads, images.
template <class T>
__global__ void __launch_bounds__(attention_threads, 1)
    attention_kernel(AttentionArguments<T> a) {
    constexpr int own_rows = attention_rows / (attention_threads / 32); // a warp's queries: 4
    constexpr int own_columns = attention_most / attention_threads; // a thread's channels: 2
    auto& s = shared_storage<AttentionShared>();
    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
    const int first_query = static_cast<int>(blockIdx.x) * attention_rows;
    const auto image = static_cast<std::int64_t>(blockIdx.z);
    const int head = static_cast<int>(blockIdx.y) * a.head_dim;
    const T* q = a.q + (image * a.tokens + first_query) * a.channels + head;
    const T* k = a.k + image * a.keys * a.channels + head;
    const T* v = a.v + image * a.keys * a.channels + head;

    float y[attention_rows][own_columns] = {};
    float largest[own_rows], sum[own_rows];
#pragma unroll
    for (int i = 0; i < own_rows; ++i) largest[i] = -INFINITY, sum[i] = 0;

    for (int first_key = 0; first_key < a.keys; first_key += attention_rows) {
        // Scores of the warp's four queries with the lane's key.
        float score[own_rows] = {};
        for (int first = 0; first < a.head_dim; first += 32) {
            __syncthreads(); // what was read from q and k is read
            for (int row = warp; row < attention_rows; row += attention_threads / 32) {
                const bool inside = first + lane < a.head_dim;
                const auto at = static_cast<std::int64_t>(row) * a.channels + first + lane;
                s.q(row, lane) = inside && first_query + row < a.tokens ? load(q + at) : 0;
                s.k(row, lane) =
                    inside && first_key + row < a.keys
                        ? load(k + static_cast<std::int64_t>(first_key) * a.channels + at)
                        : 0;
            }
            __syncthreads();
            for (int c = 0; c < 32; ++c) {
                const float key = s.k(lane, c);
#pragma unroll
                for (int i = 0; i < own_rows; ++i)
                    score[i] = fmaf(s.q(own_rows * warp + i, c), key, score[i]);
            }
        }
#pragma unroll
        for (int i = 0; i < own_rows; ++i) {
            const int query = own_rows * warp + i;
            const float own = first_key + lane < a.keys ? score[i] * a.scale : -INFINITY;
            float most = own;
            for (int by = 16; by > 0; by /= 2)
                most = fmaxf(most, __shfl_xor_sync(whole_warp, most, by));
            most = fmaxf(most, largest[i]);
            const float mend = expf(largest[i] - most), weight = expf(own - most);
            sum[i] = fmaf(sum[i], mend, warp_sum(weight));
            largest[i] = most;
            s.weights(query, lane) = weight;
            if (lane == 0) s.mend(0, query) = mend;
        }
        __syncthreads();
        // Every query's sum of these values, in the thread's channels.
        float more[attention_rows][own_columns] = {};
        const int keys =
            a.keys - first_key < attention_rows ? a.keys - first_key : attention_rows;
        for (int key = 0; key < keys; ++key) {
            float value[own_columns];
#pragma unroll
            for (int c = 0; c < own_columns; ++c) {
                const int at = thread + c * attention_threads;
                value[c] =
                    at < a.head_dim
                        ? load(v + static_cast<std::int64_t>(first_key + key) * a.channels + at)
                        : 0;
            }
#pragma unroll
            for (int row = 0; row < attention_rows; ++row) {
                const float weight = s.weights(row, key);
#pragma unroll
                for (int c = 0; c < own_columns; ++c)
                    more[row][c] = fmaf(weight, value[c], more[row][c]);
            }
        }
#pragma unroll
        for (int row = 0; row < attention_rows; ++row) {
            const float mend = s.mend(0, row);
#pragma unroll
            for (int c = 0; c < own_columns; ++c)
                y[row][c] = fmaf(y[row][c], mend, more[row][c]);
        }
    }
#pragma unroll
    for (int i = 0; i < own_rows; ++i) {
        if (lane == 0) s.sums(0, own_rows * warp + i) = sum[i];
    }
    __syncthreads();
#pragma unroll
    for (int row = 0; row < attention_rows; ++row) {
        if (first_query + row >= a.tokens) break;
#pragma unroll
        for (int c = 0; c < own_columns; ++c) {
            const int at = thread + c * attention_threads;
            if (at >= a.head_dim) continue;
            store(a.y + (image * a.tokens + first_query + row) * a.channels + head + at,
                  y[row][c] / s.sums(0, row));
        }
    }
}

} // namespace latent::kernels
