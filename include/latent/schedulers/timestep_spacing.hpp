#pragma once

#include "latent/tensor/error.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Which of the training's timesteps a run visits, from the noisiest to 0.
/// Source: Lin et al. 2023, arXiv:2305.08891, table 2.

namespace latent {

namespace detail {

/// numpy's and torch's: halves go to the even neighbour.
[[nodiscard]] inline double round_half_even(double x) { return std::nearbyint(x); }

/// numpy.linspace(first, last, count) in double.
[[nodiscard]] inline std::vector<double> spread(double first, double last, std::int64_t count) {
    std::vector<double> x;
    const auto step = count > 1 ? (last - first) / static_cast<double>(count - 1) : 0;
    for (std::int64_t i = 0; i < count; ++i) x.push_back(static_cast<double>(i) * step + first);
    if (count > 1) x.back() = last;
    return x;
}

/// numpy.arange(first, last, step), which adds up what is left of `step` beside `first`.
[[nodiscard]] inline std::vector<double> arange(double first, double last, double step) {
    std::vector<double> x;
    const auto count = static_cast<std::int64_t>(std::ceil((last - first) / step));
    const double apart = (first + step) - first;
    for (std::int64_t i = 0; i < count; ++i)
        x.push_back(first + static_cast<double>(i) * apart);
    return x;
}

/// n timesteps from `last` down, `apart` from each other; numpy's -1 behind the last of them,
/// where its rounding leaves room for one, is no timestep.
[[nodiscard]] inline std::vector<double> trailing(double last, double apart, std::int64_t n) {
    auto t = arange(last, 0, -apart);
    if (std::ssize(t) > n) t.resize(static_cast<std::size_t>(n));
    for (auto& value : t) value = round_half_even(value) - 1;
    return t;
}

/// Throws Error where an offset moves a run's timesteps beyond the training's. A run of all of
/// them may be: the table's end stands for what is beyond it.
inline void check_offset(std::int64_t offset, double noisiest, std::int64_t n, std::int64_t T) {
    const auto beyond = static_cast<std::int64_t>(noisiest) - (T - 1);
    if (n == T || beyond <= 0) return;
    fail("steps_offset", std::to_string(offset),
         std::to_string(offset - beyond) + " at most, with " + std::to_string(n) + " steps");
}

[[nodiscard]] inline double to_float32(double x) {
    return static_cast<double>(static_cast<float>(x));
}

[[noreturn]] inline void fail_spacing(std::string_view name) {
    fail("timestep_spacing", "'" + std::string(name) + "'", "linspace, leading or trailing");
}

} // namespace detail

/// Throws Error unless a run of so many steps is possible.
inline void check_steps(std::int64_t num_inference_steps, std::int64_t num_train_timesteps) {
    if (num_inference_steps >= 1 && num_inference_steps <= num_train_timesteps) return;
    fail("num_inference_steps", std::to_string(num_inference_steps),
         "1 to the " + std::to_string(num_train_timesteps) + " of num_train_timesteps");
}

/// Throws Error unless custom timesteps descend, from below num_train_timesteps to 0 at least.
inline void check_timesteps(std::span<const double> timesteps,
                            std::int64_t num_train_timesteps) {
    if (timesteps.empty()) fail("timesteps", "none", "at least one");
    for (std::size_t i = 0; i < timesteps.size(); ++i) {
        const auto t = timesteps[i];
        if (!(t >= 0 && t < static_cast<double>(num_train_timesteps))) {
            fail("timesteps", std::to_string(t),
                 "0 to " + std::to_string(num_train_timesteps - 1));
        }
        if (i > 0 && timesteps[i - 1] <= t) {
            fail("timesteps", std::to_string(t) + " behind " + std::to_string(timesteps[i - 1]),
                 "a descending order");
        }
    }
}

/// linspace: both ends and what lies evenly between. leading: multiples of T / n, rounded down.
/// trailing: the same from the end. Descending; whole numbers unless `rounded` is false, which
/// leaves linspace's as they are. Throws Error for an unknown spacing, steps that cannot be, or
/// an offset that leads beyond the training.
/// Parity: set_timesteps of diffusers' schedulers, but for the timestep -1 that some numbers of
/// trailing steps (61, 103, 121 ... of 1000) end with there.
[[nodiscard]] inline std::vector<double> spaced_timesteps(std::string_view spacing,
                                                          std::int64_t num_inference_steps,
                                                          std::int64_t num_train_timesteps,
                                                          std::int64_t steps_offset,
                                                          bool rounded = true) {
    check_steps(num_inference_steps, num_train_timesteps);
    const auto n = num_inference_steps, T = num_train_timesteps;
    const auto train = static_cast<double>(T);
    std::vector<double> t;
    if (spacing == "linspace") {
        t = detail::spread(0, train - 1, n);
        if (rounded) std::ranges::transform(t, t.begin(), detail::round_half_even);
        std::ranges::reverse(t);
    } else if (spacing == "leading") {
        for (auto i = n - 1; i >= 0; --i)
            t.push_back(static_cast<double>(i * (T / n) + steps_offset));
        detail::check_offset(steps_offset, t.front(), n, T);
    } else if (spacing == "trailing") {
        t = detail::trailing(train, train / static_cast<double>(n), n);
    } else {
        detail::fail_spacing(spacing);
    }
    return t;
}

/// As the solvers of DPM's kind count them: one step more is spread out, and its 0 left out.
/// `last`: T, or less where the noisiest steps are clipped; a run may then have less of them.
[[nodiscard]] inline std::vector<double>
solver_timesteps(std::string_view spacing, std::int64_t num_inference_steps, std::int64_t last,
                 std::int64_t num_train_timesteps, std::int64_t steps_offset) {
    check_steps(num_inference_steps, num_train_timesteps);
    const auto n = num_inference_steps;
    std::vector<double> t;
    if (spacing == "linspace") {
        t = detail::spread(0, static_cast<double>(last - 1), n + 1);
        std::ranges::transform(t, t.begin(), detail::round_half_even);
        std::ranges::reverse(t);
        t.pop_back();
    } else if (spacing == "leading") {
        const auto ratio = last / (n + 1);
        for (auto i = n; i >= 1; --i)
            t.push_back(static_cast<double>(i * ratio + steps_offset));
        detail::check_offset(steps_offset, t.front(), n, num_train_timesteps);
    } else if (spacing == "trailing") {
        t = detail::trailing(static_cast<double>(last),
                             static_cast<double>(num_train_timesteps) / static_cast<double>(n),
                             n);
    } else {
        detail::fail_spacing(spacing);
    }
    return t;
}

} // namespace latent
