#pragma once

#include "latent/schedulers/noise_schedule.hpp"
#include "latent/schedulers/timestep_spacing.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Noise as a standard deviation: sigma = sqrt((1 - abar) / abar), for x_0 + sigma noise.
/// And the ways to spread the sigmas of a run.

namespace latent {

/// The sigmas of training, by timestep, each float32. Throws Error where one is infinite.
[[nodiscard]] inline std::vector<double> sigmas_of(const std::vector<float>& alphas_cumprod) {
    std::vector<double> sigmas;
    for (const auto abar : alphas_cumprod) {
        if (abar == 0) {
            fail("trained_betas", "1: nothing is left of the image", "less than 1",
                 "a sigma is finite; rescale_betas_zero_snr comes as near as can be");
        }
        sigmas.push_back(static_cast<double>(std::sqrt((1 - abar) / abar)));
    }
    return sigmas;
}

namespace detail {

/// numpy.interp(at, 0 ... size - 1, values).
[[nodiscard]] inline double interpolated(double at, const std::vector<double>& values) {
    const auto end = static_cast<double>(values.size() - 1);
    if (at <= 0) return values.front();
    if (at >= end) return values.back();
    const auto low = static_cast<std::size_t>(at);
    const auto slope = values[low + 1] - values[low];
    return slope * (at - static_cast<double>(low)) + values[low];
}

/// The inverse of the regularised incomplete beta function with a = b: the quantile of the
/// beta distribution. By bisection of the integral, which a continued fraction gives.
[[nodiscard]] inline double beta_quantile(double share, double a, double b) {
    const auto fraction = [](double x, double p, double q) {
        // Lentz's method. Source: Press et al., Numerical Recipes, section 6.4.
        constexpr double tiny = 1e-300;
        double c = 1, d = 1 - (p + q) * x / (p + 1);
        d = 1 / (std::abs(d) < tiny ? tiny : d);
        double h = d;
        for (int m = 1; m < 400; ++m) {
            const auto turn = [&](double numerator) {
                d = 1 + numerator * d, c = 1 + numerator / c;
                d = 1 / (std::abs(d) < tiny ? tiny : d);
                c = std::abs(c) < tiny ? tiny : c;
                h *= d * c;
            };
            turn(m * (q - m) * x / ((p + 2 * m - 1) * (p + 2 * m)));
            turn(-(p + m) * (p + q + m) * x / ((p + 2 * m) * (p + 2 * m + 1)));
            if (std::abs(d * c - 1) < 1e-16) break;
        }
        return h;
    };
    const auto log_beta = std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b);
    const auto distribution = [&](double x) {
        if (x <= 0) return 0.0;
        if (x >= 1) return 1.0;
        const auto front = std::exp(a * std::log(x) + b * std::log1p(-x) - log_beta);
        return x < (a + 1) / (a + b + 2) ? front * fraction(x, a, b) / a
                                         : 1 - front * fraction(1 - x, b, a) / b;
    };
    if (share <= 0) return 0;
    if (share >= 1) return 1;
    double low = 0, high = 1;
    for (int i = 0; i < 200 && low < high; ++i) {
        const auto middle = (low + high) / 2;
        if (middle == low || middle == high) break;
        (distribution(middle) < share ? low : high) = middle;
    }
    return (low + high) / 2;
}

} // namespace detail

/// The sigma at a place from 0, max, to 1, min, when they are spread by their rho-th root.
/// Source: Karras et al. 2022, arXiv:2206.00364, equation 5.
[[nodiscard]] inline double karras_sigma(double place, double min, double max, double rho) {
    const auto low = std::pow(min, 1 / rho), high = std::pow(max, 1 / rho);
    return std::pow(high + place * (low - high), rho);
}

/// n sigmas from max to min, spread by their 1/7th power.
[[nodiscard]] inline std::vector<double> karras_sigmas(double min, double max, std::int64_t n,
                                                       double rho = 7) {
    auto sigmas = detail::spread(0, 1, n);
    for (auto& sigma : sigmas) sigma = karras_sigma(sigma, min, max, rho);
    return sigmas;
}

/// n sigmas from max to min, evenly by their logarithm.
[[nodiscard]] inline std::vector<double> exponential_sigmas(double min, double max,
                                                            std::int64_t n) {
    auto sigmas = detail::spread(std::log(max), std::log(min), n);
    for (auto& sigma : sigmas) sigma = std::exp(sigma);
    return sigmas;
}

/// n sigmas from max to min, spread by the quantiles of a beta distribution: close to each
/// other at both ends. Source: Lee et al. 2024, arXiv:2407.12173.
[[nodiscard]] inline std::vector<double> beta_sigmas(double min, double max, std::int64_t n,
                                                     double alpha = 0.6, double beta = 0.6) {
    auto sigmas = detail::spread(0, 1, n);
    for (auto& sigma : sigmas)
        sigma = min + detail::beta_quantile(1 - sigma, alpha, beta) * (max - min);
    return sigmas;
}

/// The fields that choose one of these; none of them: the training's sigmas.
struct SigmaSpacing {
    bool use_karras_sigmas = false;
    bool use_exponential_sigmas = false;
    bool use_beta_sigmas = false;

    [[nodiscard]] bool spaced() const {
        return use_karras_sigmas || use_exponential_sigmas || use_beta_sigmas;
    }
    /// n sigmas from max to min. Throws Error where two ways are chosen.
    [[nodiscard]] std::vector<double> sigmas(double min, double max, std::int64_t n) const {
        return use_karras_sigmas        ? karras_sigmas(min, max, n)
               : use_exponential_sigmas ? exponential_sigmas(min, max, n)
                                        : beta_sigmas(min, max, n);
    }
    void check() const {
        const auto chosen =
            int{use_karras_sigmas} + int{use_exponential_sigmas} + int{use_beta_sigmas};
        if (chosen <= 1) return;
        fail("use_karras_sigmas, use_exponential_sigmas, use_beta_sigmas",
             std::to_string(chosen) + " of them", "one at most");
    }
};

template <class Config, class F>
void sigma_fields(Config& config, F&& f) {
    f("use_karras_sigmas", config.use_karras_sigmas);
    f("use_exponential_sigmas", config.use_exponential_sigmas);
    f("use_beta_sigmas", config.use_beta_sigmas);
}

/// The timestep of a sigma, between those of training where it must be: linear in ln sigma,
/// reckoned in double, or in float where torch has a tensor of the sigmas.
template <class Real = double>
[[nodiscard]] double timestep_of_sigma(double sigma,
                                       const std::vector<double>& training_sigmas) {
    const auto log_of = [&](std::size_t i) {
        return static_cast<Real>(static_cast<float>(std::log(training_sigmas[i]))); // numpy's
    };
    const auto log_sigma = std::log(std::max(static_cast<Real>(sigma), Real(1e-10)));
    // The last one that is not larger, of all but the last: halving, since sigmas ascend.
    std::size_t low = 0, high = training_sigmas.size() - 1;
    while (high - low > 1) {
        const auto middle = low + (high - low) / 2;
        (log_of(middle) <= log_sigma ? low : high) = middle;
    }
    const auto weight = std::clamp((log_of(low) - log_sigma) / (log_of(low) - log_of(low + 1)),
                                   Real{0}, Real{1});
    return static_cast<double>((1 - weight) * static_cast<Real>(low) +
                               weight * static_cast<Real>(low + 1));
}

/// Each as a float32 has it.
inline void round_to_float32(std::vector<double>& numbers) {
    for (auto& x : numbers) x = detail::to_float32(x);
}

/// The training's sigmas at these timesteps. Where a run spreads others between the first and
/// the last of them: those, and the timesteps become theirs.
[[nodiscard]] inline std::vector<double> sigmas_at(std::vector<double>& timesteps,
                                                   const std::vector<double>& training,
                                                   const SigmaSpacing& spacing = {}) {
    std::vector<double> sigmas;
    for (const auto t : timesteps) sigmas.push_back(detail::interpolated(t, training));
    if (!spacing.spaced()) return sigmas;
    sigmas = spacing.sigmas(sigmas.back(), sigmas.front(),
                            static_cast<std::int64_t>(timesteps.size()));
    std::ranges::transform(sigmas, timesteps.begin(),
                           [&](double sigma) { return timestep_of_sigma(sigma, training); });
    return sigmas;
}

/// abar of the schedulers that count in sigmas: where nothing would be left of the image at the
/// last timestep, so little that sigma is finite.
template <class Config>
[[nodiscard]] std::vector<float> sigma_alphas_cumprod(const Config& config) {
    auto betas = betas_of(config);
    if (!config.rescale_betas_zero_snr) return alphas_cumprod_of(betas);
    auto products = alphas_cumprod_of(rescale_zero_terminal_snr(betas));
    products.back() = 0x1p-24F;
    return products;
}

/// The deviation of the first sample: sigma itself, or that of x_0 + sigma noise.
[[nodiscard]] inline double sigma_of_start(std::string_view timestep_spacing,
                                           const std::vector<double>& sigmas) {
    const auto most = *std::ranges::max_element(sigmas);
    if (timestep_spacing != "leading") return most;
    return std::sqrt(most * most + 1);
}

/// Throws Error where the ends of spaced sigmas, which a config may say, are in no order.
template <class Config>
void check_sigma_ends(const Config& config, double lowest, double highest) {
    if (lowest < highest || !config.spaced()) return;
    if (!config.sigma_min && !config.sigma_max) return; // a run of one step
    fail("sigma_min, sigma_max", std::to_string(lowest) + ", " + std::to_string(highest),
         "the first below the second",
         "the training's take the place of one that is not given");
}

/// Throws Error for custom sigmas that do not descend to 0 at least.
inline void check_sigmas(const std::vector<double>& sigmas) {
    if (sigmas.size() < 2)
        fail("sigmas", std::to_string(sigmas.size()),
             "two at least: where a step begins and ends");
    for (std::size_t i = 0; i < sigmas.size(); ++i) {
        if (!(sigmas[i] >= 0 && std::isfinite(sigmas[i])))
            fail("sigmas", std::to_string(sigmas[i]), "numbers of at least 0");
        if (i > 0 && sigmas[i - 1] <= sigmas[i]) {
            fail("sigmas",
                 std::to_string(sigmas[i]) + " behind " + std::to_string(sigmas[i - 1]),
                 "a descending order");
        }
    }
}

/// Throws Error: what is given would be replaced.
inline void refuse_spaced(std::string_view what, bool spaced) {
    if (!spaced) return;
    fail(what, "custom ones beside use_karras_sigmas or the like", "one of the two",
         "a config without them takes custom timesteps");
}

} // namespace latent
