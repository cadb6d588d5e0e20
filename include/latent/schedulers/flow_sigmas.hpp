#pragma once

#include "latent/schedulers/timestep_spacing.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Schedules of straight paths, x = (1 - sigma) x_0 + sigma noise: sigma goes from 1 to 0, and
/// is pushed towards 1 for larger images, where it takes more noise to hide as much.
/// Source: Esser et al. 2024, arXiv:2403.03206, section 5.3.2.

namespace latent {

/// Evenly from 1 to 1 / T, n + 1 of them; the last one is left to the caller.
[[nodiscard]] inline std::vector<double> even_flow_sigmas(std::int64_t n,
                                                          std::int64_t num_train_timesteps) {
    return detail::spread(1, 1 / static_cast<double>(num_train_timesteps), n + 1);
}

/// shift sigma / (1 + (shift - 1) sigma)
[[nodiscard]] inline double shifted_sigma(double shift, double sigma) {
    return shift * sigma / (1 + (shift - 1) * sigma);
}

/// The same with shift = e^mu (exponential), or mu (linear).
[[nodiscard]] inline double time_shifted_sigma(std::string_view type, double mu, double sigma) {
    const auto shift = type == "linear" ? mu : std::exp(mu);
    return shift / (shift + (1 / sigma - 1));
}

/// Throws Error for a mu that is no shift: e^mu, or mu itself, is to be above 0 and finite.
inline void check_mu(std::string_view type, double mu) {
    const auto shift = type == "linear" ? mu : std::exp(mu);
    if (shift > 0 && std::isfinite(shift)) return;
    fail("mu", std::to_string(mu),
         type == "linear" ? "a number above 0" : "a number whose exponential is finite",
         "it is near 1 for images of usual sizes");
}

/// Stretched away from 1, so that the last one is `terminal`.
inline void stretch_to_terminal(std::vector<double>& sigmas, double terminal) {
    if (sigmas.back() == 1) fail("shift_terminal", "sigma = 1 alone", "two steps at least");
    const auto factor = (1 - sigmas.back()) / (1 - terminal);
    for (auto& sigma : sigmas) sigma = 1 - (1 - sigma) / factor;
}

/// Throws Error unless custom sigmas, or timesteps, descend from `most` at most, to 0 at least.
inline void check_flow(std::string_view what, const std::vector<double>& chosen, double most) {
    if (chosen.empty()) fail(what, "none", "at least one");
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        const auto value = chosen[i];
        if (!(value >= 0 && value <= most))
            fail(what, std::to_string(value), "0 to " + std::to_string(most));
        if (i > 0 && chosen[i - 1] <= value)
            fail(what, std::to_string(value) + " behind " + std::to_string(chosen[i - 1]),
                 "a descending order");
    }
}

} // namespace latent
