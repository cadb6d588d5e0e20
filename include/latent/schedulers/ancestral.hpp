#pragma once

#include "latent/schedulers/timestep_spacing.hpp"

#include <cmath>

/// Ancestral steps: further down than asked for, and back up with new noise.

namespace latent {

/// From one sigma to a smaller one: down without noise, then up by a deviation of it.
struct AncestralStep {
    double down = 0, up = 0;
};

///   up^2 = to^2 (from^2 - to^2) / from^2,   down^2 = to^2 - up^2
/// In exact numbers down is to^2 / from. The difference cancels where `from` is much larger, so
/// each operation is rounded to float32 as diffusers' is; where that gets below 0, which there
/// ends in NaN, down is to^2 / from.
[[nodiscard]] inline AncestralStep ancestral_step(double from, double to) {
    const auto rounded = detail::to_float32;
    if (to == 0) return {};
    const auto from2 = rounded(from * from), to2 = rounded(to * to);
    const auto product = rounded(to2 * rounded(from2 - to2));
    const auto up = rounded(std::sqrt(rounded(product / from2)));
    const auto down2 = rounded(to2 - rounded(up * up));
    return {down2 >= 0 ? rounded(std::sqrt(down2)) : to2 / from, up};
}

} // namespace latent
