#pragma once

#include "latent/cuda/transfer.hpp"
#include "latent/ops/activation_kind.hpp"
#include "latent/ops/channels.hpp"
#include "latent/ops/combine.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

/// ops/activation.hpp, leaky_relu.hpp, arithmetic.hpp, combine.hpp and channels.hpp on a GPU.

namespace latent {

namespace detail {

/// In x's memory, or in y's.
template <class S>
void run_map(kernels::Map map, const Tensor<Cuda<S>>& x, const Tensor<Cuda<S>>* other,
             const Tensor<Cuda<S>>& y) {
    map.scalar = Cuda<S>::kind, map.count = x.numel();
    map.x = memory(x), map.other = other ? memory(*other) : nullptr, map.y = memory(y);
    if (map.count > 0) kernels::map(map, stream(x));
}
template <class S>
[[nodiscard]] Tensor<Cuda<S>> mapped(const kernels::Map& map, Tensor<Cuda<S>> x) {
    run_map<S>(map, x, nullptr, x);
    return x;
}

} // namespace detail

template <class S>
[[nodiscard]] Tensor<Cuda<S>> activation(Activation kind, Tensor<Cuda<S>> x) {
    return detail::mapped({.what = kernels::Elementwise::activation,
                           .activation = static_cast<kernels::Activation>(kind)},
                          std::move(x));
}
template <class S>
[[nodiscard]] Tensor<Cuda<S>> leaky_relu(Tensor<Cuda<S>> x, double negative_slope = 0.01) {
    return detail::mapped(
        {.what = kernels::Elementwise::leaky_relu, .a = static_cast<float>(negative_slope)},
        std::move(x));
}
template <class S>
[[nodiscard]] Tensor<Cuda<S>> add(Tensor<Cuda<S>> x, const Tensor<Cuda<S>>& y) {
    require_same_shape("add", x, y);
    detail::run_map<S>({.what = kernels::Elementwise::add}, x, &y, x);
    return x;
}
template <class S>
[[nodiscard]] Tensor<Cuda<S>> multiply(Tensor<Cuda<S>> x, const Tensor<Cuda<S>>& y) {
    require_same_shape("multiply", x, y);
    detail::run_map<S>({.what = kernels::Elementwise::multiply}, x, &y, x);
    return x;
}
template <class S>
[[nodiscard]] Tensor<Cuda<S>> scale(Tensor<Cuda<S>> x, double factor, double offset = 0) {
    return detail::mapped({.what = kernels::Elementwise::scale,
                           .a = static_cast<float>(factor),
                           .b = static_cast<float>(offset)},
                          std::move(x));
}
template <class S>
[[nodiscard]] Tensor<Cuda<S>> scaled(const Tensor<Cuda<S>>& x, double factor,
                                     double offset = 0) {
    Tensor<Cuda<S>> y(x.shape());
    detail::run_map<S>({.what = kernels::Elementwise::scale,
                        .a = static_cast<float>(factor),
                        .b = static_cast<float>(offset)},
                       x, nullptr, y);
    return y;
}
template <class S>
[[nodiscard]] Tensor<Cuda<S>> tanh(Tensor<Cuda<S>> x) {
    return detail::mapped({.what = kernels::Elementwise::tanh}, std::move(x));
}
template <class S>
[[nodiscard]] Tensor<Cuda<S>> exp(Tensor<Cuda<S>> x) {
    return detail::mapped({.what = kernels::Elementwise::exp}, std::move(x));
}
template <class S>
[[nodiscard]] Tensor<Cuda<S>> sqrt(Tensor<Cuda<S>> x) {
    return detail::mapped({.what = kernels::Elementwise::sqrt}, std::move(x));
}
template <class S>
[[nodiscard]] Tensor<Cuda<S>> clamp(Tensor<Cuda<S>> x, double low, double high) {
    return detail::mapped({.what = kernels::Elementwise::clamp,
                           .a = static_cast<float>(low),
                           .b = static_cast<float>(high)},
                          std::move(x));
}

template <class S>
void combine(Tensor<Cuda<S>>& p, Tensor<Cuda<S>>& y,
             std::span<const CombineTerm<Cuda<S>>> terms, double p_to_y,
             double limit = std::numeric_limits<double>::infinity()) {
    detail::check_combine(p, y, terms);
    kernels::Combine what{.scalar = Cuda<S>::kind,
                          .count = y.numel(),
                          .terms = static_cast<int>(terms.size()),
                          .term = {},
                          .p_to_y = static_cast<float>(p_to_y),
                          .limit = static_cast<float>(limit),
                          .p = detail::memory(p),
                          .y = detail::memory(y)};
    for (std::size_t i = 0; i < terms.size(); ++i) {
        what.term[i] = {detail::memory(*terms[i].x), static_cast<float>(terms[i].to_p),
                        static_cast<float>(terms[i].to_y)};
    }
    if (what.count > 0) kernels::combine(what, detail::stream(y));
}

template <class S>
[[nodiscard]] Tensor<Cuda<S>> add_per_channel(Tensor<Cuda<S>> x,
                                              const Tensor<Cuda<S>>& offsets) {
    detail::check_channel_offsets(x, offsets);
    kernels::scale_planes(Cuda<S>::kind, offsets.numel(), x.dim(2) * x.dim(3), offsets.numel(),
                          detail::memory(x), nullptr, detail::memory(offsets),
                          detail::memory(x), detail::stream(x));
    return x;
}
template <class S>
[[nodiscard]] Tensor<Cuda<S>> scale_per_channel(Tensor<Cuda<S>> x,
                                                std::span<const double> factors,
                                                std::span<const double> offsets) {
    detail::check_channel_numbers(x, factors, offsets);
    const auto there = [&](std::span<const double> numbers) {
        Tensor<Cuda<S>> y({x.dim(1)});
        const std::vector<float> values(numbers.begin(), numbers.end());
        upload(y, std::span<const float>(values));
        return y;
    };
    const auto m = there(factors), b = there(offsets);
    kernels::scale_planes(Cuda<S>::kind, x.dim(0) * x.dim(1), x.dim(2) * x.dim(3), x.dim(1),
                          detail::memory(x), detail::memory(m), detail::memory(b),
                          detail::memory(x), detail::stream(x));
    return x;
}

} // namespace latent
