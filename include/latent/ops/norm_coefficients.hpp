#pragma once

#include "latent/ops/activation.hpp"
#include "latent/tensor/devices.hpp"

#include <cstdint>
#include <string_view>

namespace latent {

/// A normalisation whose statistics are known, each of shape [N, C]:
///   norm(x)[n, c] = (x[n, c] - center[n, c]) factor[n, c] + offset[n, c]
template <class Device>
struct NormCoefficients {
    Tensor<Device> center, factor, offset;
};

namespace detail {

template <class Device>
void check_coefficients(std::string_view where, const Shape& x,
                        const NormCoefficients<Device>& norm) {
    const Shape expected{x[0], x[1]};
    for (const auto* part : {&norm.center, &norm.factor, &norm.offset}) {
        if (part->shape() == expected) continue;
        fail(where, to_string(part->shape()), "coefficients " + to_string(expected));
    }
}

template <class S>
[[nodiscard]] ImageNorm<S> image_norm(const NormCoefficients<Cpu<S>>& norm, Activation after) {
    return {norm.center.data(), norm.factor.data(), norm.offset.data(), after};
}

} // namespace detail

/// after(norm(x)).  x [N, C, H, W]  ->  y of the same shape, in x's memory
template <class S>
[[nodiscard]] Tensor<Cpu<S>> normalise(Tensor<Cpu<S>> x, const NormCoefficients<Cpu<S>>& norm,
                                       Activation after = Activation::none) {
    const auto [N, C, H, W] = nchw(x, "normalise");
    detail::check_coefficients("normalise", x.shape(), norm);
    const auto channels = detail::image_norm(norm, after);
    const auto& simd = detail::kernels<S>();
    parallel_for(N * C, [&, pixels = H * W](std::int64_t plane, int) {
        S* data = x.data() + plane * pixels;
        simd.normalise_run(data, channels.of(plane), data, pixels);
    });
    return x;
}
[[nodiscard]] inline Tensor<Meta> normalise(Tensor<Meta> x, const NormCoefficients<Meta>& norm,
                                            Activation = Activation::none) {
    (void)nchw(x, "normalise");
    detail::check_coefficients("normalise", x.shape(), norm);
    return x;
}

/// The same into a new tensor: x stays as it is.
template <class S>
[[nodiscard]] Tensor<Cpu<S>> normalised(const Tensor<Cpu<S>>& x,
                                        const NormCoefficients<Cpu<S>>& norm,
                                        Activation after = Activation::none) {
    const auto [N, C, H, W] = nchw(x, "normalised");
    detail::check_coefficients("normalised", x.shape(), norm);
    Tensor<Cpu<S>> y(x.shape());
    const auto channels = detail::image_norm(norm, after);
    const auto& simd = detail::kernels<S>();
    parallel_for(N * C, [&, pixels = H * W](std::int64_t plane, int) {
        simd.normalise_run(x.data() + plane * pixels, channels.of(plane),
                           y.data() + plane * pixels, pixels);
    });
    return y;
}
[[nodiscard]] inline Tensor<Meta> normalised(const Tensor<Meta>& x,
                                             const NormCoefficients<Meta>& norm,
                                             Activation = Activation::none) {
    (void)nchw(x, "normalised");
    detail::check_coefficients("normalised", x.shape(), norm);
    return Tensor<Meta>(x.shape());
}

} // namespace latent
