#pragma once

#include "latent/cuda/device.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
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
    } else {
        std::vector<S> rounded(values.size());
        std::ranges::transform(values, rounded.begin(),
                               [](float value) { return S::nearest(value); });
        kernels::copy_to_device(detail::memory(x), rounded.data(), rounded.size() * sizeof(S),
                                stream);
        kernels::synchronize(stream);
    }
    kernels::synchronize(stream);
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
    std::vector<S> values(static_cast<std::size_t>(x.numel()));
    auto* stream = detail::stream(x);
    kernels::copy_to_host(values.data(), detail::memory(x), values.size() * sizeof(S), stream);
    kernels::synchronize(stream);
    Tensor<To> y(x.shape());
    std::ranges::transform(values, y.data(), [](S value) {
        return static_cast<typename To::scalar>(static_cast<float>(value));
    });
    return y;
}

} // namespace latent
