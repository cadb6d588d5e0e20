#pragma once

#include "latent/schedulers/scheduler.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What a network says, and the clean image that it means.

namespace latent {

/// sample x_factor + output out_factor
struct Prediction {
    double sample = 0, output = 0;
};

[[noreturn]] inline void fail_prediction_type(std::string_view got) {
    fail_name("prediction_type", got, "epsilon, sample or v_prediction");
}

/// x_0 of x_t = sqrt(abar) x_0 + sqrt(1 - abar) epsilon, from what the network predicts:
///   epsilon        x_0 = (x_t - sqrt(1 - abar) out) / sqrt(abar)
///   sample         x_0 = out
///   v_prediction   x_0 = sqrt(abar) x_t - sqrt(1 - abar) out
/// Source: Salimans and Ho 2022, arXiv:2202.00512 (v).
[[nodiscard]] inline Prediction original_of(std::string_view prediction_type, float abar) {
    const auto signal = std::sqrt(abar), noise = std::sqrt(1 - abar);
    if (prediction_type == "epsilon") {
        if (signal == 0) {
            fail("prediction_type", "'epsilon' where all is noise", "sample or v_prediction",
                 "rescale_betas_zero_snr leaves nothing of the image at the last timestep");
        }
        return {1 / double{signal}, -double{noise} / double{signal}};
    }
    if (prediction_type == "sample") return {0, 1};
    if (prediction_type == "v_prediction") return {signal, -noise};
    fail_prediction_type(prediction_type);
}

/// The noise epsilon of the same.
[[nodiscard]] inline Prediction epsilon_of(std::string_view prediction_type, float abar) {
    const auto signal = std::sqrt(abar), noise = std::sqrt(1 - abar);
    if (prediction_type == "epsilon") return {0, 1};
    if (prediction_type == "sample") {
        if (noise == 0) {
            fail("prediction_type", "'sample' where nothing is noise",
                 "epsilon or v_prediction",
                 "an image says nothing of a noise that is not there");
        }
        return {1 / double{noise}, -double{signal} / double{noise}};
    }
    if (prediction_type == "v_prediction") return {noise, signal};
    fail_prediction_type(prediction_type);
}

/// x_0 of x = x_0 + sigma epsilon:
///   epsilon        x_0 = x - sigma out
///   v_prediction   x_0 = x / (sigma^2 + 1) - out sigma / sqrt(sigma^2 + 1)
///   sample         x_0 = out
[[nodiscard]] inline Prediction denoised_of(std::string_view prediction_type, double sigma) {
    if (prediction_type == "epsilon") return {1, -sigma};
    if (prediction_type == "v_prediction")
        return {1 / (sigma * sigma + 1), -sigma / std::sqrt(sigma * sigma + 1)};
    if (prediction_type == "sample" || prediction_type == "original_sample") return {0, 1};
    fail_prediction_type(prediction_type);
}

/// The fields that say how x_0 is kept in range.
struct Thresholding {
    bool thresholding = false;                 ///< by a quantile of each image
    double dynamic_thresholding_ratio = 0.995; ///< which one
    double sample_max_value = 1;               ///< the largest threshold
};

/// Each image x_0 of a batch: clamped to +-s and divided by s, with s the quantile of |x_0|,
/// 1 at least and sample_max_value at most.
/// Source: Saharia et al. 2022, arXiv:2205.11487, section 2.3; parity: _threshold_sample.
template <class S>
void threshold(Tensor<Cpu<S>>& original, const Thresholding& how) {
    const auto images = original.shape().rank() > 0 ? original.dim(0) : 1;
    const auto each = images > 0 ? original.numel() / images : 0;
    if (each == 0) return;
    std::vector<S> sizes(static_cast<std::size_t>(each));
    for (std::int64_t n = 0; n < images; ++n) {
        const auto image = original.values().subspan(static_cast<std::size_t>(n * each),
                                                     static_cast<std::size_t>(each));
        std::ranges::transform(image, sizes.begin(), [](S x) { return std::abs(x); });
        // torch.quantile: between the two neighbours, linearly.
        const auto place = how.dynamic_thresholding_ratio * static_cast<double>(each - 1);
        const auto low = static_cast<std::size_t>(place);
        std::ranges::nth_element(sizes, sizes.begin() + static_cast<std::ptrdiff_t>(low));
        const S below = sizes[low];
        const S above =
            low + 1 < sizes.size()
                ? *std::min_element(sizes.begin() + static_cast<std::ptrdiff_t>(low) + 1,
                                    sizes.end())
                : below;
        const auto weight = static_cast<S>(place - static_cast<double>(low));
        const auto quantile = below + weight * (above - below);
        // As torch.clamp does where the bounds cross: the upper one holds.
        const S limit =
            std::min(std::max(quantile, S{1}), static_cast<S>(how.sample_max_value));
        for (auto& x : image) x = std::clamp(x, -limit, limit) / limit;
    }
}
inline void threshold(Tensor<Meta>&, const Thresholding&) {}

template <class Config, class F>
void threshold_fields(Config& config, F&& f) {
    f("thresholding", config.thresholding);
    f("dynamic_thresholding_ratio", config.dynamic_thresholding_ratio);
    f("sample_max_value", config.sample_max_value);
}

/// How x_0 is kept in range: by a quantile, or else at +-clip.
struct Limits {
    const Thresholding& threshold;
    double clip = std::numeric_limits<double>::infinity();
};

/// The limits that a config has fields for.
template <class Config>
[[nodiscard]] Limits limits_of(const Config& config) {
    return {config, config.clip_sample ? config.clip_sample_range
                                       : std::numeric_limits<double>::infinity()};
}

/// x_0 of the last step, in a buffer that is used again.
template <class Device>
class OriginalBuffer {
public:
    [[nodiscard]] const Tensor<Device>& tensor() const { return original_; }

    /// x_0 = limited(original.sample x + original.output out)
    /// x   = rest.sample x + rest.output out + of_original x_0 + of_noise noise
    /// In one pass; in two where a quantile of x_0 is wanted.
    void step(Tensor<Device>& x, const Tensor<Device>& out, const Prediction& original,
              const Prediction& rest, double of_original, const Tensor<Device>* noise = nullptr,
              double of_noise = 0, const Limits& limits = {Thresholding{}}) {
        if (original_.shape() != x.shape()) original_ = Tensor<Device>(x.shape());
        const std::array<CombineTerm<Device>, 3> terms{{{&x, original.sample, rest.sample},
                                                        {&out, original.output, rest.output},
                                                        {noise, 0, of_noise}}};
        const auto used = std::span(terms).first(noise ? 3 : 2);
        if (!limits.threshold.thresholding) {
            combine(original_, x, used, of_original, limits.clip);
            return;
        }
        detail::weigh<Device>(original_,
                              {{&x, 0, original.sample}, {&out, 0, original.output}});
        threshold(original_, limits.threshold);
        detail::weigh<Device>(x, {{&x, 0, rest.sample},
                                  {&out, 0, rest.output},
                                  {&original_, 0, of_original},
                                  {noise ? noise : &out, 0, noise ? of_noise : 0}});
    }

private:
    Tensor<Device> original_;
};

/// abar of a timestep. Throws Error where it is none of the training's.
[[nodiscard]] inline float abar_at(const std::vector<float>& alphas_cumprod, double timestep) {
    const auto last = static_cast<double>(alphas_cumprod.size()) - 1;
    if (timestep >= 0 && timestep <= last && timestep == std::floor(timestep))
        return alphas_cumprod[static_cast<std::size_t>(timestep)];
    fail("timestep", std::to_string(timestep),
         "a whole number from 0 to " + std::to_string(alphas_cumprod.size() - 1));
}

/// The same; `outside` where a timestep lies in front of the first one.
[[nodiscard]] inline float abar_at(const std::vector<float>& alphas_cumprod, double timestep,
                                   float outside) {
    return timestep >= 0 ? abar_at(alphas_cumprod, timestep) : outside;
}

/// sqrt(abar) x_0 + sqrt(1 - abar) noise, in the memory of x_0.
template <class Device>
[[nodiscard]] Tensor<Device> noised_at(float abar, Tensor<Device> original,
                                       const Tensor<Device>& noise) {
    return detail::noised(std::move(original), std::sqrt(abar), noise, std::sqrt(1 - abar));
}

} // namespace latent
