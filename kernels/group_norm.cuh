#pragma once

#include "activation.cuh"

/// Group normalisation in two launches: the statistics of pieces of each group, then every
/// block puts its group's pieces together and normalises one of them.
///   y = after((x - mean) / sqrt(variance + eps) weight + bias)
/// A group's channels lie together in memory: one run of numbers. One block to a group would
/// leave most of a large GPU idle, hence the pieces. A piece's mean comes first, then its
/// squares around that mean; pieces are put together by the formula of Chan, Golub and
/// LeVeque 1983.

namespace latent::kernels {

inline constexpr int norm_threads = 256;

/// So many pieces to a group: of at least 64 numbers a thread, and not more than a block puts
/// together in passing.
[[nodiscard]] inline std::int64_t norm_pieces(std::int64_t run) {
    constexpr std::int64_t most = 64;
    const auto wanted = (run + 64 * norm_threads - 1) / (64 * norm_threads);
    return wanted < most ? wanted : most;
}

template <class T>
struct GroupNormArguments {
    std::int64_t run;   ///< numbers of a group: channels of it times pixels
    std::int64_t piece; ///< and of a piece, but for the last one
    std::int64_t pixels;
    int groups, channels, pieces;
    float eps;
    const T *x, *weight, *bias;
    Activation after;
    T* y;
    float2* moments; ///< [images, groups, pieces]: mean, sum of squares around it
};

struct NormShared {
    Shared<float, 1, norm_threads / 32> places;
};

/// Grid: pieces, groups, images.
template <class T>
struct NormPiece {
    std::int64_t first, count; ///< of the group's numbers
    const T* x;                ///< the group's

    __device__ explicit NormPiece(const GroupNormArguments<T>& a)
        : first(static_cast<std::int64_t>(blockIdx.x) * a.piece),
          count(a.run - first < a.piece ? a.run - first : a.piece),
          x(a.x + (static_cast<std::int64_t>(blockIdx.z) * a.groups + blockIdx.y) * a.run) {}
};

template <class T>
__global__ void __launch_bounds__(norm_threads) group_norm_moments(GroupNormArguments<T> a) {
    auto& s = shared_storage<NormShared>();
    const NormPiece<T> piece(a);
    float sum = 0;
    for (auto i = piece.first + threadIdx.x; i < piece.first + piece.count; i += norm_threads)
        sum += load(piece.x + i);
    const float mean = block_sum(sum, s.places) / static_cast<float>(piece.count);
    float squares = 0;
    for (auto i = piece.first + threadIdx.x; i < piece.first + piece.count; i += norm_threads) {
        const float distance = load(piece.x + i) - mean;
        squares = fmaf(distance, distance, squares);
    }
    squares = block_sum(squares, s.places);
    if (threadIdx.x == 0) {
        auto* to = a.moments +
                   (static_cast<std::int64_t>(blockIdx.z) * a.groups + blockIdx.y) * a.pieces +
                   blockIdx.x;
        store(&to->x, mean);
        store(&to->y, squares);
    }
}

template <class T>
__global__ void __launch_bounds__(norm_threads) group_norm_apply(GroupNormArguments<T> a) {
    const NormPiece<T> piece(a);
    const auto group = static_cast<std::int64_t>(blockIdx.z) * a.groups + blockIdx.y;
    float mean = 0, squares = 0, many = 0;
    for (int i = 0; i < a.pieces; ++i) {
        const auto* from = a.moments + group * a.pieces + i;
        const auto rest = a.run - i * a.piece;
        const auto more = static_cast<float>(rest < a.piece ? rest : a.piece);
        const float distance = load(&from->x) - mean, all = many + more;
        mean += distance * (more / all);
        squares += load(&from->y) + distance * distance * (many * more / all);
        many = all;
    }
    const float factor = rsqrtf(squares / many + a.eps);
    const auto first_channel = static_cast<std::int64_t>(blockIdx.y) * (a.channels / a.groups);
    for (auto i = piece.first + threadIdx.x; i < piece.first + piece.count; i += norm_threads) {
        const auto channel = first_channel + i / a.pixels;
        const float x = (load(piece.x + i) - mean) * factor;
        store(a.y + group * a.run + i,
              activate(a.after, fmaf(x, load(a.weight + channel), load(a.bias + channel))));
    }
}

} // namespace latent::kernels
