#pragma once

#include "latent/cuda/elementwise.hpp"
#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/sde_ve.hpp"

/// What schedulers ask of a GPU besides weighted sums.

namespace latent {

/// A quantile needs all numbers of an image in order: that is done on the processor.
template <class S>
void threshold(Tensor<Cuda<S>>& original, const Thresholding& how) {
    auto here = to<Cpu<float>>(original);
    threshold(here, how);
    upload(original, std::span<const float>(here.values()));
}

/// Of ScoreSdeVe's corrections, likewise.
template <class S>
[[nodiscard]] double mean_norm(const Tensor<Cuda<S>>& x) {
    return mean_norm(to<Cpu<float>>(x));
}

} // namespace latent
