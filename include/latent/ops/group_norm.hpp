#pragma once

#include "latent/ops/activation.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/parallel.hpp"

#include <cmath>
#include <cstdint>
#include <string>

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

/// The mean and the variance of `count` values. A first mean, of short float sums that are
/// added up in double, is close; the mean of the distances from it, which are small, corrects
/// it.
template <class S>
[[nodiscard]] std::array<double, 2> moments(const S* x, std::int64_t count) {
    constexpr std::int64_t block = 256;
    const auto mean_of = [&](auto&& term) {
        double sum = 0;
        for (std::int64_t first = 0; first < count; first += block) {
            sum +=
                static_cast<double>(term(as_array(x + first, std::min(block, count - first))));
        }
        return sum / static_cast<double>(count);
    };
    const auto center = static_cast<S>(mean_of([](const auto& run) { return run.sum(); }));
    const auto shift = mean_of([=](const auto& run) { return (run - center).sum(); });
    const auto spread = mean_of([=](const auto& run) { return (run - center).square().sum(); });
    return {static_cast<double>(center) + shift, spread - shift * shift};
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

/// Group normalisation, with `after` applied to the result on the way out.
///   x [N, C, H, W], weight [C], bias [C]  ->  y [N, C, H, W];  C divisible by groups
/// Each group is normalised to mean 0 and variance 1 over its channels and pixels, then scaled
/// and shifted channel by channel. Statistics are kept in double.
/// Source: Wu and He 2018, arXiv:1803.08494; parity: torch.nn.functional.group_norm.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> group_norm(const Tensor<Cpu<S>>& x, const Tensor<Cpu<S>>& weight,
                                        const Tensor<Cpu<S>>& bias, std::int64_t groups,
                                        double eps, Activation after = Activation::none) {
    detail::check_group_norm(x, weight, bias, groups);
    Tensor<Cpu<S>> y(x.shape());
    const auto [N, C, H, W] = nchw(x, "group_norm");
    const auto pixels = H * W, members = C / groups;
    parallel_for(N * groups, [&, C = C](std::int64_t group, int) {
        const auto first = group * members * pixels;
        const auto [mean, variance] = detail::moments(x.data() + first, members * pixels);
        const auto center = static_cast<S>(mean);
        const auto inverse = 1 / std::sqrt(variance + eps);
        for (std::int64_t member = 0; member < members; ++member) {
            const auto c = group * members % C + member;
            // (x - mean) * inverse * weight + bias. The mean is subtracted from x itself, not
            // from the product, where large numbers would cancel; what its rounding lost is in
            // `offset`.
            const auto factor = inverse * static_cast<double>(weight.data()[c]);
            const auto offset = static_cast<double>(bias.data()[c]) -
                                (mean - static_cast<double>(center)) * factor;
            S* to = y.data() + first + member * pixels;
            detail::as_array(to, pixels) =
                (detail::as_array(x.data() + first + member * pixels, pixels) - center) *
                    static_cast<S>(factor) +
                static_cast<S>(offset);
            detail::activate_run(after, to, pixels);
        }
    });
    return y;
}

[[nodiscard]] inline Tensor<Meta> group_norm(const Tensor<Meta>& x, const Tensor<Meta>& weight,
                                             const Tensor<Meta>& bias, std::int64_t groups,
                                             double, Activation = Activation::none) {
    detail::check_group_norm(x, weight, bias, groups);
    return Tensor<Meta>(x.shape());
}

} // namespace latent
