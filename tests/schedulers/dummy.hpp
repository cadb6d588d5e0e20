/// What the tests of diffusers walk with: a sample, and a network that is one line
/// (tests/schedulers/test_schedulers.py there). Sums of whole runs are published in its tests.
#pragma once

#include "support/catch.hpp"

#include <latent/ops/arithmetic.hpp>
#include <latent/tensor/random.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace latent::test {

/// dummy_sample_deter [4, 3, 8, 8]: 0/768, 1/768, ... with the image's index running fastest.
[[nodiscard]] inline Tensor<Cpu<float>> dummy_sample() {
    constexpr std::int64_t images = 4, pixels = 3 * 8 * 8;
    Tensor<Cpu<float>> x({images, 3, 8, 8});
    for (std::int64_t n = 0; n < images; ++n) {
        for (std::int64_t i = 0; i < pixels; ++i)
            x.data()[n * pixels + i] =
                static_cast<float>(i * images + n) / static_cast<float>(images * pixels);
    }
    return x;
}
/// dummy_noise_deter: the same, counted down from 767/768.
[[nodiscard]] inline Tensor<Cpu<float>> dummy_noise() {
    auto x = dummy_sample();
    for (auto& value : x.values()) value = 767.0F / 768.0F - value;
    return x;
}
/// dummy_model: x t / (t + 1).
[[nodiscard]] inline Tensor<Cpu<float>> dummy_model(const Tensor<Cpu<float>>& x,
                                                    double timestep) {
    const auto t = static_cast<float>(timestep);
    auto out = x.clone();
    for (auto& value : out.values()) value = value * t / (t + 1);
    return out;
}

/// A run from the timestep with this index to the end; `step(out, t, x)` makes a step.
template <class S, class Step>
[[nodiscard]] Tensor<Cpu<float>> full_loop(S& scheduler, Tensor<Cpu<float>> x,
                                           std::size_t begin, const Step& step) {
    const auto timesteps = scheduler.timesteps;
    for (auto i = begin; i < timesteps.size(); ++i) {
        const auto t = timesteps[i];
        const auto out = dummy_model(scheduler.scale_model_input(x.clone(), t), t);
        x = step(out, t, std::move(x));
    }
    return x;
}
/// One with the scheduler's own defaults and torch.manual_seed(0).
template <class S>
[[nodiscard]] Tensor<Cpu<float>> full_loop(S& scheduler, Tensor<Cpu<float>> x,
                                           std::size_t begin = 0) {
    Generator generator(0);
    return full_loop(scheduler, std::move(x), begin,
                     [&](const Tensor<Cpu<float>>& out, double t, Tensor<Cpu<float>> sample) {
                         return scheduler.step(out, t, std::move(sample), generator);
                     });
}

/// sum |x| and mean |x| are the published ones, as near as diffusers' tests ask.
inline void check_sums(const Tensor<Cpu<float>>& x, double sum, double mean,
                       double tolerance = 1e-2) {
    double got = 0;
    for (const auto value : x.values()) got += std::abs(double{value});
    INFO("sum " << got << ", published " << sum);
    CHECK(std::abs(got - sum) < tolerance);
    CHECK(std::abs(got / static_cast<double>(x.numel()) - mean) < 1e-3);
}

/// The sum of |x|.
[[nodiscard]] inline double absolute_sum(const Tensor<Cpu<float>>& x) {
    double sum = 0;
    for (const auto value : x.values()) sum += std::abs(static_cast<double>(value));
    return sum;
}

/// Whether a loop's sample becomes the scaled input, as in most of diffusers' tests, or stands
/// apart, as in a pipeline.
enum class ScaledInput { becomes_the_sample, apart };

/// diffusers' loop over all timesteps.
template <class S>
[[nodiscard]] Tensor<Cpu<float>> dummy_run(S& scheduler, ScaledInput scaled) {
    auto x = scale(dummy_sample(), scheduler.init_noise_sigma());
    Generator generator(0);
    const auto timesteps = scheduler.timesteps;
    for (const auto t : timesteps) {
        auto input = scheduler.scale_model_input(x.clone(), t);
        const auto out = dummy_model(input, t);
        if (scaled == ScaledInput::becomes_the_sample) x = std::move(input);
        x = scheduler.step(out, t, std::move(x), generator);
    }
    return x;
}
template <class S>
[[nodiscard]] Tensor<Cpu<float>>
dummy_loop(S& scheduler, std::int64_t steps,
           ScaledInput scaled = ScaledInput::becomes_the_sample) {
    scheduler.set_timesteps(steps);
    return dummy_run(scheduler, scaled);
}

} // namespace latent::test
