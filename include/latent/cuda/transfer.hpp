#pragma once

#include "latent/cuda/device.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

/// Tensors from the processor to the GPU and back. The numbers are rounded there, to nearest.

namespace latent {

namespace detail {

template <class S>
[[nodiscard]] void* memory(const Tensor<Cuda<S>>& x) {
    return x.storage().memory();
}
template <class S>
[[nodiscard]] kernels::Stream* stream(const Tensor<Cuda<S>>& x) {
    return x.storage().stream();
}

} // namespace detail

/// x = the values, in x's precision; returns when they are there.
template <class S>
void upload(Tensor<Cuda<S>>& x, std::span<const float> values) {
    auto* stream = detail::stream(x);
    if constexpr (std::is_same_v<S, float>) {
        kernels::copy_to_device(detail::memory(x), values.data(), values.size_bytes(), stream);
        kernels::synchronize(stream);
    } else {
        Tensor<Cuda<float>> exact(x.shape());
        upload(exact, values);
        kernels::convert(kernels::Scalar::f32, detail::memory(exact), Cuda<S>::kind,
                         detail::memory(x), x.numel(), stream);
        kernels::synchronize(stream);
    }
}

/// The values = x, as floats; returns when they are there.
template <class S>
void download(const Tensor<Cuda<S>>& x, std::span<float> values) {
    auto* stream = detail::stream(x);
    if constexpr (std::is_same_v<S, float>) {
        kernels::copy_to_host(values.data(), detail::memory(x), values.size_bytes(), stream);
        kernels::synchronize(stream);
    } else {
        const Tensor<Cuda<float>> exact(x.shape());
        kernels::convert(Cuda<S>::kind, detail::memory(x), kernels::Scalar::f32,
                         detail::memory(exact), x.numel(), stream);
        download(exact, values);
    }
}

/// The same tensor on another device: to<Cuda<Half>>(x), to<Cpu<float>>(y). Returns when it is
/// there. Parity: x.to("cuda", torch.float16), x.float().cpu().
template <class To, class S>
    requires(!To::on_host)
[[nodiscard]] Tensor<To> to(const Tensor<Cpu<S>>& x) {
    Tensor<To> y(x.shape());
    const std::vector<float> values(x.values().begin(), x.values().end());
    upload(y, std::span<const float>(values));
    return y;
}
template <class To, class S>
    requires(To::on_host)
[[nodiscard]] Tensor<To> to(const Tensor<Cuda<S>>& x) {
    Tensor<To> y(x.shape());
    if constexpr (std::is_same_v<typename To::scalar, float>) {
        download(x, y.values());
    } else {
        std::vector<float> values(static_cast<std::size_t>(x.numel()));
        download(x, std::span<float>(values));
        std::ranges::copy(values, y.data());
    }
    return y;
}

} // namespace latent
