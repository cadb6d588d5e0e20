#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

/// Noise on classes: what becomes of one in a timestep. It is kept, becomes any one of all with
/// the same probability, or is masked, and stays so.
/// Source: Gu et al. 2021, arXiv:2111.14822, equations 7 and 8.

namespace latent {

/// By timestep, as logarithms, rounded to float32 as torch's.
struct ClassTransitions {
    std::vector<float> keep, change, mask;
};

/// From the shares that are kept and masked; what is left changes, to each class alike.
[[nodiscard]] inline ClassTransitions transitions(const std::vector<double>& kept,
                                                  const std::vector<double>& masked,
                                                  std::int64_t classes) {
    ClassTransitions y;
    for (std::size_t t = 0; t < kept.size(); ++t) {
        const auto other = (1 - kept[t] - masked[t]) / static_cast<double>(classes);
        y.keep.push_back(static_cast<float>(std::log(kept[t])));
        y.change.push_back(static_cast<float>(std::log(other)));
        y.mask.push_back(static_cast<float>(std::log(masked[t])));
    }
    return y;
}

/// The same of one timestep, from the shares up to each: kept by a step is what is left of what
/// was kept before it, and masked by it is what is missing of the unmasked.
[[nodiscard]] inline ClassTransitions transitions_once(const std::vector<double>& kept,
                                                       const std::vector<double>& masked,
                                                       std::int64_t classes) {
    std::vector<double> keep, mask;
    double kept_before = 1, unmasked_before = 1;
    for (std::size_t t = 0; t < kept.size(); ++t) {
        keep.push_back(kept[t] / kept_before);
        mask.push_back(1 - (1 - masked[t]) / unmasked_before);
        kept_before = kept[t], unmasked_before = 1 - masked[t];
    }
    return transitions(keep, mask, classes);
}

/// A share that changes evenly from the first of T timesteps to the last.
[[nodiscard]] inline std::vector<double> share_line(double first, double last, std::int64_t T) {
    std::vector<double> y;
    for (std::int64_t t = 0; t < T; ++t)
        y.push_back(static_cast<double>(t) / static_cast<double>(T - 1) * (last - first) +
                    first);
    return y;
}

namespace detail {

/// log(e^a + e^b)
template <class S>
[[nodiscard]] S log_add_exp(S a, S b) {
    const auto most = std::max(a, b);
    return std::isfinite(most) ? most + std::log1p(std::exp(-std::abs(a - b))) : most;
}

} // namespace detail

} // namespace latent
