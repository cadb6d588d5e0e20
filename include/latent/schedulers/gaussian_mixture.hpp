#pragma once

#include "latent/schedulers/noise_level.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A distribution whose perfect network is known in closed form, so that samplers can be looked
/// at without one that was trained.

namespace latent {

/// A mixture of round Gaussians in any dimension:
///   x_0 ~ sum_k w_k N(m_k, s_k^2)
/// Its noised samples x = a x_0 + b noise are a mixture again, with deviations
/// v_k^2 = a^2 s_k^2 + b^2, and of the k-th part
///   E[x_0 | x, k] = m_k + a s_k^2 / v_k^2 (x - a m_k),   p(k | x) ~ w_k N(x; a m_k, v_k^2)
/// The sum of both over k is E[x_0 | x]: what a network learns that predicts x_0.
/// Tensors are [N, D, 1, 1], a point a row. Source: Bishop 2006, section 2.3 and 9.2.
struct GaussianMixture {
    struct Part {
        std::vector<double> mean;
        double deviation = 1, weight = 1; ///< weights are relative to each other
    };
    std::vector<Part> parts;

    /// So many equal parts, evenly on a circle.
    [[nodiscard]] static GaussianMixture ring(std::size_t count = 8, double radius = 0.7,
                                              double deviation = 0.06) {
        GaussianMixture mixture;
        for (std::size_t k = 0; k < count; ++k) {
            const auto angle =
                2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(count);
            mixture.parts.push_back(
                {{radius * std::cos(angle), radius * std::sin(angle)}, deviation, 1});
        }
        return mixture;
    }

    [[nodiscard]] std::size_t dimension() const { return parts.at(0).mean.size(); }

    /// In each direction.
    [[nodiscard]] std::vector<double> mean() const {
        return average([](const Part& part, std::size_t d) { return part.mean[d]; });
    }
    [[nodiscard]] std::vector<double> variance() const {
        const auto center = mean();
        return average([&](const Part& part, std::size_t d) {
            const auto away = part.mean[d] - center[d];
            return part.deviation * part.deviation + away * away;
        });
    }

    /// n points of it.
    template <class Device>
    [[nodiscard]] Tensor<Device> sample(std::int64_t n, Generator& generator) const {
        using Scalar = typename Device::scalar;
        const auto D = dimension();
        auto x = generator.randn<Device>({n, static_cast<std::int64_t>(D), 1, 1});
        const auto places = generator.rand<Device>({n});
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
            auto left = static_cast<double>(places.data()[i]) * total_weight();
            std::size_t k = 0;
            while (k + 1 < parts.size() && left >= parts[k].weight) left -= parts[k++].weight;
            for (std::size_t d = 0; d < D; ++d) {
                auto& value = x.data()[i * D + d];
                value = static_cast<Scalar>(parts[k].mean[d] +
                                            parts[k].deviation * static_cast<double>(value));
            }
        }
        return x;
    }

    /// E[x_0 | x], for x = x_0 + sigma noise.
    template <class Device>
    [[nodiscard]] Tensor<Device> denoised(const Tensor<Device>& x, double sigma) const {
        return denoised(x, NoiseLevel{1, sigma});
    }
    /// The same for x = signal x_0 + deviation noise.
    template <class Device>
    [[nodiscard]] Tensor<Device> denoised(const Tensor<Device>& x,
                                          const NoiseLevel& level) const {
        const auto D = dimension();
        if (x.shape().rank() < 2 || x.numel() != x.dim(0) * static_cast<std::int64_t>(D))
            fail("GaussianMixture", to_string(x.shape()), "[N, " + std::to_string(D) + "]");
        Tensor<Device> y(x.shape());
        std::vector<double> point(D), best(D);
        for (std::int64_t i = 0; i < x.dim(0); ++i) {
            const auto* const row = x.data() + static_cast<std::size_t>(i) * D;
            std::transform(row, row + D, point.begin(),
                           [](auto value) { return static_cast<double>(value); });
            denoise(point, level, best);
            std::ranges::transform(
                best, y.data() + static_cast<std::size_t>(i) * D,
                [](double value) { return static_cast<typename Device::scalar>(value); });
        }
        return y;
    }

    /// Where the probability flow takes x to, at sigma 0: what a consistency model learns to
    /// leap to. By Heun's method, `steps` evenly in ln sigma. Source: arXiv:2303.01469.
    template <class Device>
    [[nodiscard]] Tensor<Device> endpoint(const Tensor<Device>& x, const NoiseLevel& level,
                                          int steps = 60) const {
        constexpr double least = 1e-3;
        auto y = detail::noised(x.clone(), 1 / std::max(level.signal, 1e-6), x, 0);
        auto sigma = level.deviation / std::max(level.signal, 1e-6);
        const auto ratio = std::pow(std::min(1.0, least / sigma), 1.0 / steps);
        for (int i = 0; i < steps && sigma > least; ++i) {
            // y' = y + r (y - D(y)), with r = (sigma' - sigma) / sigma; then with both slopes.
            const auto r = ratio - 1, back = (1 - 1 / ratio) / 2;
            const auto first = denoised(y, sigma);
            auto ahead = y.clone();
            detail::weigh<Device>(ahead, {{&ahead, 0, 1 + r}, {&first, 0, -r}});
            const auto second = denoised(ahead, sigma * ratio);
            detail::weigh<Device>(y, {{&y, 0, 1 + r / 2},
                                      {&first, 0, -r / 2},
                                      {&ahead, 0, back},
                                      {&second, 0, -back}});
            sigma *= ratio;
        }
        return denoised(y, sigma);
    }

    /// What a perfect network says of x: its epsilon, sample, v_prediction or flow_prediction
    /// (noise - x_0). Throws Error for another type.
    template <class Device>
    [[nodiscard]] Tensor<Device> output(std::string_view type, const Tensor<Device>& x,
                                        const NoiseLevel& level) const {
        return output(type, x, level, denoised(x, level));
    }
    /// The same where x_0 is taken for this.
    template <class Device>
    [[nodiscard]] static Tensor<Device> output(std::string_view type, const Tensor<Device>& x,
                                               const NoiseLevel& level,
                                               Tensor<Device> original) {
        const auto& [signal, deviation, flow] = level;
        // noise = (x - signal x_0) / deviation; v is said of a sample of variance 1.
        const auto size = std::hypot(signal, deviation);
        double of_noise = 1, of_original = 0;
        if (type == "sample" || type == "original_sample") {
            return original;
        } else if (type == "v_prediction") {
            of_noise = signal / size, of_original = -deviation / size;
        } else if (type == "flow" || type == "flow_prediction") {
            of_original = -1;
        } else if (type != "epsilon") {
            fail_name("prediction_type", type, "epsilon, sample, v_prediction or flow");
        }
        detail::weigh<Device>(original,
                              {{&x, 0, of_noise / deviation},
                               {&original, 0, of_original - of_noise * signal / deviation}});
        return original;
    }

private:
    [[nodiscard]] double total_weight() const {
        double sum = 0;
        for (const auto& part : parts) sum += part.weight;
        return sum;
    }
    template <class F>
    [[nodiscard]] std::vector<double> average(const F& of) const {
        std::vector<double> y(dimension());
        for (const auto& part : parts)
            for (std::size_t d = 0; d < y.size(); ++d) y[d] += part.weight * of(part, d);
        for (auto& value : y) value /= total_weight();
        return y;
    }
    void denoise(const std::vector<double>& x, const NoiseLevel& level,
                 std::vector<double>& y) const {
        const auto a = level.signal, b = level.deviation;
        if (b == 0) {
            std::ranges::transform(x, y.begin(), [a](double value) { return value / a; });
            return;
        }
        std::ranges::fill(y, 0.0);
        double sum = 0, most = 0; // e^most is divided out, so that nothing overflows
        for (bool first = true; const auto& part : parts) {
            const auto v = a * a * part.deviation * part.deviation + b * b;
            double squares = 0;
            for (std::size_t d = 0; d < x.size(); ++d)
                squares += (x[d] - a * part.mean[d]) * (x[d] - a * part.mean[d]);
            const auto log = std::log(part.weight) - squares / (2 * v) -
                             static_cast<double>(x.size()) / 2 * std::log(v);
            if (std::exchange(first, false)) most = log;
            const auto fade = std::exp(std::min(0.0, most - log));
            const auto share = std::exp(std::min(0.0, log - most));
            most = std::max(most, log);
            sum = sum * fade + share;
            const auto pull = a * part.deviation * part.deviation / v;
            for (std::size_t d = 0; d < x.size(); ++d) {
                y[d] = y[d] * fade + share * (part.mean[d] + pull * (x[d] - a * part.mean[d]));
            }
        }
        for (auto& value : y) value /= sum;
    }
};

/// Where a run of a scheduler begins: n points of noise, or of the data where it is inverse.
template <class Device, class S>
[[nodiscard]] Tensor<Device> exact_start(const S& scheduler, const GaussianMixture& data,
                                         std::int64_t n, Generator& generator) {
    if constexpr (is_inverse<S>) return data.sample<Device>(n, generator);
    auto x = generator.randn<Device>({n, static_cast<std::int64_t>(data.dimension()), 1, 1});
    const auto size = static_cast<double>(scheduler.init_noise_sigma());
    detail::weigh<Device>(x, {{&x, 0, size}});
    return x;
}

/// What the perfect network of the kind that a scheduler was made for says in call number i.
/// Throws Error where it has no noise level.
template <class Device, class S>
[[nodiscard]] Tensor<Device> exact_output(S& scheduler, const GaussianMixture& data,
                                          std::size_t i, const Tensor<Device>& x) {
    const auto level = noise_level<Device>(scheduler, i);
    if (!level) fail(S::class_name, "no noise level", "a scheduler of a Gaussian process");
    if constexpr (S::class_name.starts_with("EDM")) {
        // Preconditioned: D = c_skip x + c_out F. Source: arXiv:2206.00364, table 1.
        const double own = scheduler.config.sigma_data, sigma = level->sigma();
        const auto both = own * own + sigma * sigma;
        const auto sign = prediction_type_of(scheduler) == "v_prediction" ? -1.0 : 1.0;
        const auto skip = own * own / both, scale = sign * sigma * own / std::sqrt(both);
        auto y = data.denoised(x, *level);
        detail::weigh<Device>(y, {{&y, 0, 1 / scale}, {&x, 0, -skip / scale}});
        return y;
    } else if constexpr (detail::is_one_of(S::class_name, {"LCMScheduler", "TCDScheduler",
                                                           "FlowMatchLCMScheduler"})) {
        return GaussianMixture::output(prediction_type_of(scheduler), x, *level,
                                       data.endpoint(x, *level));
    } else {
        return data.output(prediction_type_of(scheduler), x, *level);
    }
}

/// Call number i of a run with that network.
template <class Device, class S>
[[nodiscard]] Tensor<Device> exact_step(S& scheduler, const GaussianMixture& data,
                                        std::size_t i, Tensor<Device> x, Generator& generator) {
    const auto out = exact_output(scheduler, data, i, x);
    const double t = scheduler.timesteps[i];
    if constexpr (requires { &S::Options::prev_timestep; }) {
        typename S::Options options;
        if (i + 1 < scheduler.timesteps.size())
            options.prev_timestep = scheduler.timesteps[i + 1];
        return scheduler.step(out, t, std::move(x), generator, options);
    } else {
        return scheduler.step(out, t, std::move(x), generator);
    }
}

} // namespace latent
