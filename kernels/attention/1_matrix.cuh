#pragma once

#include "problem.cuh"

/// Rung 1: the definition, in three launches: all scores, their softmax, the sums of values.
/// The matrix [tokens, tokens] is written twice and read four times; for an image of 128 x 128
/// latents it is a gigabyte. And in two of the three launches, neighbouring threads read what
/// lies a row apart.

namespace ladder::attention::matrix {

__global__ void attention_scores(Problem p) {
    const int key = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int query = static_cast<int>(blockIdx.y);
    if (key >= p.tokens) return;
    float sum = 0;
    for (int c = 0; c < p.channels; ++c)
        sum = fmaf(load(p.q + p.row(query) + c), load(p.k + p.row(key) + c), sum);
    store(p.scratch + static_cast<std::int64_t>(query) * p.tokens + key, sum * p.scale());
}

__global__ void attention_softmax(Problem p) {
    const int query = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (query >= p.tokens) return;
    float* scores = p.scratch + static_cast<std::int64_t>(query) * p.tokens;
    float largest = -INFINITY, sum = 0;
    for (int key = 0; key < p.tokens; ++key) largest = fmaxf(largest, load(scores + key));
    for (int key = 0; key < p.tokens; ++key) sum += expf(load(scores + key) - largest);
    for (int key = 0; key < p.tokens; ++key)
        store(scores + key, expf(load(scores + key) - largest) / sum);
}

__global__ void attention_values(Problem p) {
    const int c = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int query = static_cast<int>(blockIdx.y);
    if (c >= p.channels) return;
    const float* weights = p.scratch + static_cast<std::int64_t>(query) * p.tokens;
    float sum = 0;
    for (int key = 0; key < p.tokens; ++key)
        sum = fmaf(load(weights + key), load(p.v + p.row(key) + c), sum);
    store(p.y + p.row(query) + c, sum);
}

[[nodiscard]] inline std::int64_t scratch_floats(const Problem& p) {
    return static_cast<std::int64_t>(p.tokens) * p.tokens;
}

inline void run(const Problem& p, Launcher& launch) {
    constexpr unsigned threads = 128;
    const auto queries = static_cast<unsigned>(p.tokens);
    launch(attention_scores, dim3(blocks(p.tokens, threads), queries), threads, 0, p);
    launch(attention_softmax, dim3(blocks(p.tokens, threads)), threads, 0, p);
    launch(attention_values, dim3(blocks(p.channels, threads), queries), threads, 0, p);
}

inline constexpr Rung<Problem> rung{"1_matrix", "the definition, through a matrix of all pairs",
                                    run, scratch_floats};

} // namespace ladder::attention::matrix
