#pragma once

#include "latent/ops/norm_coefficients.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/parallel.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace latent {

namespace detail {

template <class Device>
void check_group_norm(const Tensor<Device>& x, const Tensor<Device>& weight,
                      const Tensor<Device>& bias, std::int64_t groups) {
    const auto channels = nchw(x, "group_norm")[1];
    if (groups < 1 || channels % groups != 0) {
        fail("group_norm",
             std::to_string(channels) + " channels in " + std::to_string(groups) + " groups",
             "a number of channels divisible by the number of groups");
    }
    if (weight.shape() != Shape{channels} || bias.shape() != Shape{channels}) {
        fail("group_norm", to_string(weight.shape()) + " and " + to_string(bias.shape()),
             "weight and bias of shape " + to_string(Shape{channels}));
    }
}

} // namespace detail

namespace reference {

/// The definition:  y = (x - mean) / sqrt(variance + eps) * weight[c] + bias[c],
/// mean and (biased) variance over the channels of a group and all pixels of one image.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> group_norm(const Tensor<Cpu<S>>& x, const Tensor<Cpu<S>>& weight,
                                        const Tensor<Cpu<S>>& bias, std::int64_t groups,
                                        double eps) {
    detail::check_group_norm(x, weight, bias, groups);
    Tensor<Cpu<S>> y(x.shape());
    const auto [N, C, H, W] = nchw(x, "group_norm");
    const auto pixels = H * W, size = C / groups * pixels;
    for (std::int64_t group = 0; group < N * groups; ++group) {
        const S* from = x.data() + group * size;
        double mean = 0, variance = 0;
        for (std::int64_t i = 0; i < size; ++i) mean += static_cast<double>(from[i]);
        mean /= static_cast<double>(size);
        for (std::int64_t i = 0; i < size; ++i) {
            const auto distance = static_cast<double>(from[i]) - mean;
            variance += distance * distance;
        }
        variance /= static_cast<double>(size);
        for (std::int64_t i = 0; i < size; ++i) {
            const auto c = group % groups * (C / groups) + i / pixels;
            const auto normal =
                (static_cast<double>(from[i]) - mean) / std::sqrt(variance + eps);
            y.data()[group * size + i] =
                static_cast<S>(normal * static_cast<double>(weight.data()[c]) +
                               static_cast<double>(bias.data()[c]));
        }
    }
    return y;
}

} // namespace reference

/// The mean and the spread of each channel of each image, gathered row by row: the same bits
/// whether an image comes whole or in strips.
/// Source: Chan, Golub and LeVeque 1983, "Algorithms for Computing the Sample Variance".
class GroupMoments {
public:
    GroupMoments(std::int64_t images, std::int64_t channels)
        : channels_(channels), moments_(static_cast<std::size_t>(images * channels)) {}

    /// The next rows [N, C, R, W], from the top of the images to their end.
    template <class S>
    void add(const Tensor<Cpu<S>>& rows) {
        const auto [N, C, R, W] = nchw(rows, "group_norm");
        if (C != channels_ || N * C != std::ssize(moments_)) {
            fail("group_norm", to_string(rows.shape()),
                 "rows of " + std::to_string(std::ssize(moments_) / channels_) +
                     " images with " + std::to_string(channels_) + " channels");
        }
        const auto& simd = detail::kernels<S>();
        parallel_for(N * C, [&, R = R, W = W](std::int64_t plane, int) {
            auto& all = moments_[static_cast<std::size_t>(plane)];
            for (std::int64_t row = 0; row < R; ++row) {
                const auto [mean, squares] =
                    simd.row_moments(rows.data() + (plane * R + row) * W, W);
                all = all.joined({static_cast<double>(W), mean, squares});
            }
        });
    }
    void add(const Tensor<Meta>&) {}

    /// The norm of `groups` groups, with weight [C] and bias [C].
    template <class S>
    [[nodiscard]] NormCoefficients<Cpu<S>> coefficients(const Tensor<Cpu<S>>& weight,
                                                        const Tensor<Cpu<S>>& bias,
                                                        std::int64_t groups, double eps) const {
        const auto C = channels_, N = std::ssize(moments_) / C, members = C / groups;
        NormCoefficients<Cpu<S>> norm{Tensor<Cpu<S>>({N, C}), Tensor<Cpu<S>>({N, C}),
                                      Tensor<Cpu<S>>({N, C})};
        for (std::int64_t group = 0; group < N * groups; ++group) {
            Moments all;
            for (auto at = group * members; at < (group + 1) * members; ++at)
                all = all.joined(moments_[static_cast<std::size_t>(at)]);
            // (x - mean) * inverse * weight + bias. The mean is subtracted from x itself, not
            // from the product, where large numbers would cancel; what its rounding lost is in
            // `offset`.
            const auto center = static_cast<S>(all.mean);
            const auto inverse = 1 / std::sqrt(all.squares / all.count + eps);
            for (auto at = group * members; at < (group + 1) * members; ++at) {
                const auto factor = inverse * static_cast<double>(weight.data()[at % C]);
                const auto offset = static_cast<double>(bias.data()[at % C]) -
                                    (all.mean - static_cast<double>(center)) * factor;
                norm.center.data()[at] = center;
                norm.factor.data()[at] = static_cast<S>(factor);
                norm.offset.data()[at] = static_cast<S>(offset);
            }
        }
        return norm;
    }
    [[nodiscard]] NormCoefficients<Meta> coefficients(const Tensor<Meta>&, const Tensor<Meta>&,
                                                      std::int64_t, double) const {
        const Shape shape{std::ssize(moments_) / channels_, channels_};
        return {Tensor<Meta>(shape), Tensor<Meta>(shape), Tensor<Meta>(shape)};
    }

private:
    struct Moments {
        double count = 0, mean = 0, squares = 0; // squares of distances from the mean, summed

        [[nodiscard]] Moments joined(const Moments& more) const {
            const auto total = count + more.count, distance = more.mean - mean;
            return {total, mean + distance * (more.count / total),
                    squares + more.squares +
                        distance * distance * (count * more.count / total)};
        }
    };

    std::int64_t channels_;
    std::vector<Moments> moments_; // [N, C]
};

/// What the group norm of x is, for a step that applies it on its way:
///   norm(x) = (x - center) factor + offset
template <class Device>
    requires requires(GroupMoments moments, const Tensor<Device>& x) { moments.add(x); }
[[nodiscard]] NormCoefficients<Device>
group_norm_coefficients(const Tensor<Device>& x, const Tensor<Device>& weight,
                        const Tensor<Device>& bias, std::int64_t groups, double eps) {
    detail::check_group_norm(x, weight, bias, groups);
    GroupMoments moments(x.dim(0), x.dim(1));
    moments.add(x);
    return moments.coefficients(weight, bias, groups, eps);
}

/// Group normalisation, with `after` applied to the result on the way out.
///   x [N, C, H, W], weight [C], bias [C]  ->  y [N, C, H, W];  C divisible by groups
/// Each group is normalised to mean 0 and variance 1 over its channels and pixels, then scaled
/// and shifted channel by channel. Statistics are kept in double. An image has the same bits
/// alone and in a batch.
/// Source: Wu and He 2018, arXiv:1803.08494; parity: torch.nn.functional.group_norm.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> group_norm(const Tensor<Cpu<S>>& x, const Tensor<Cpu<S>>& weight,
                                        const Tensor<Cpu<S>>& bias, std::int64_t groups,
                                        double eps, Activation after = Activation::none) {
    return normalised(x, group_norm_coefficients(x, weight, bias, groups, eps), after);
}
[[nodiscard]] inline Tensor<Meta> group_norm(const Tensor<Meta>& x, const Tensor<Meta>& weight,
                                             const Tensor<Meta>& bias, std::int64_t groups,
                                             double eps, Activation after = Activation::none) {
    return normalised(x, group_norm_coefficients(x, weight, bias, groups, eps), after);
}

} // namespace latent
