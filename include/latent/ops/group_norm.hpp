#pragma once

#include "latent/ops/activation.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/parallel.hpp"
#include "latent/tensor/simd.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
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

/// Sums of `count` values and of their squares, each less `center`. Rows of vectors are summed
/// in float, in a fixed order that does not depend on where in memory they stand, and those
/// sums added up in double.
template <class S>
[[nodiscard]] std::array<double, 2> sums_around(S center, const S* x, std::int64_t count) {
    using V = Simd<S>;
    constexpr std::int64_t run = 16 * V::width; // rounding errors grow with a sum's length
    const auto middle = V::broadcast(center);
    std::array<double, 2> sums{};
    std::array<S, static_cast<std::size_t>(V::width)> lanes;
    const auto add_lanes = [&](V vector, double& sum) {
        vector.store(lanes.data());
        for (const auto lane : lanes) sum += static_cast<double>(lane);
    };
    std::int64_t first = 0;
    for (; first + run <= count; first += run) {
        auto sum = V::broadcast(0), squares = V::broadcast(0);
        for (std::int64_t i = first; i < first + run; i += V::width) {
            const auto distance = V::load(x + i) - middle;
            sum = sum + distance;
            squares = multiply_add(distance, distance, squares);
        }
        add_lanes(sum, sums[0]);
        add_lanes(squares, sums[1]);
    }
    for (; first < count; ++first) {
        const auto distance = static_cast<double>(x[first] - center);
        sums[0] += distance;
        sums[1] += distance * distance;
    }
    return sums;
}

/// The mean and the variance of `count` values. A first mean is close; the mean of the
/// distances from it, which are small, corrects it.
template <class S>
[[nodiscard]] std::array<double, 2> moments(const S* x, std::int64_t count) {
    const auto size = static_cast<double>(count);
    const auto center = static_cast<S>(sums_around(S{0}, x, count)[0] / size);
    auto [sum, squares] = sums_around(center, x, count);
    if (!std::isfinite(squares)) { // beyond 1e19 the squares leave float, if not the values
        sum = squares = 0;
        for (std::int64_t i = 0; i < count; ++i) {
            const auto distance = static_cast<double>(x[i]) - static_cast<double>(center);
            sum += distance;
            squares += distance * distance;
        }
    }
    const auto shift = sum / size;
    return {static_cast<double>(center) + shift, std::max(squares / size - shift * shift, 0.0)};
}

/// to = (from - center) factor + offset, for a run of values. What is left of the last vector
/// is computed as one, too: so a value has the same bits wherever it stands.
template <class S>
void normalise_run(const S* from, S center, S factor, S offset, S* to, std::int64_t count) {
    using V = Simd<S>;
    const auto normalise = [c = V::broadcast(center), f = V::broadcast(factor),
                            o = V::broadcast(offset)](const S* in) {
        return multiply_add(V::load(in) - c, f, o);
    };
    std::int64_t i = 0;
    for (; i + V::width <= count; i += V::width) normalise(from + i).store(to + i);
    if (i == count) return;
    std::array<S, static_cast<std::size_t>(V::width)> rest{};
    std::copy_n(from + i, count - i, rest.data());
    normalise(rest.data()).store(rest.data());
    std::copy_n(rest.data(), count - i, to + i);
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
/// and shifted channel by channel. Statistics are kept in double. An image has the same bits
/// alone and in a batch.
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
            const auto at = first + member * pixels;
            S* to = y.data() + at;
            detail::normalise_run(x.data() + at, center, static_cast<S>(factor),
                                  static_cast<S>(offset), to, pixels);
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
