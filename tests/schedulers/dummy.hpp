/// What the tests of diffusers walk with: a sample, and a network that is one line
/// (tests/schedulers/test_schedulers.py there). Sums of whole runs are published in its tests.
/// And what the tests of many schedulers share.
#pragma once

#include "support/catch.hpp"

#include <latent/ops/arithmetic.hpp>
#include <latent/schedulers/scheduler.hpp>

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

/// How a loop over dummy_model goes.
struct Loop {
    std::size_t begin = 0;  ///< the first step; of a later one the sample has noise added
    std::uint64_t seed = 0; ///< torch.manual_seed
    bool scales_the_sample =
        true; ///< by scale_model_input, as in most tests there; else a copy
};

/// The sample behind it; `step(out, t, x)` makes a step.
template <class S, class Step>
[[nodiscard]] Tensor<Cpu<float>> full_loop(S& scheduler, const Loop& loop, const Step& step) {
    const auto timesteps = scheduler.timesteps;
    auto x = scale(dummy_sample(), scheduler.init_noise_sigma());
    if constexpr (requires { scheduler.add_noise(x.clone(), x, 0.0); }) {
        if (loop.begin > 0)
            x = scheduler.add_noise(std::move(x), dummy_noise(), timesteps[loop.begin]);
    }
    for (auto i = loop.begin; i < timesteps.size(); ++i) {
        const auto t = timesteps[i];
        auto input = scheduler.scale_model_input(x.clone(), t);
        const auto out = dummy_model(input, t);
        if (loop.scales_the_sample) x = std::move(input);
        x = step(out, t, std::move(x));
    }
    return x;
}
template <class S>
[[nodiscard]] Tensor<Cpu<float>> full_loop(S& scheduler, const Loop& loop = {}) {
    Generator generator(loop.seed);
    return full_loop(scheduler, loop,
                     [&](const Tensor<Cpu<float>>& out, double t, Tensor<Cpu<float>> x) {
                         return scheduler.step(out, t, std::move(x), generator);
                     });
}

/// The sum of |x|.
[[nodiscard]] inline double absolute_sum(const Tensor<Cpu<float>>& x) {
    double sum = 0;
    for (const auto value : x.values()) sum += std::abs(static_cast<double>(value));
    return sum;
}
/// The same of a loop of ten steps.
template <class S>
[[nodiscard]] double sum_of_loop(S&& scheduler, const Loop& loop = {}) {
    scheduler.set_timesteps(10);
    return absolute_sum(full_loop(scheduler, loop));
}

/// sum |x| and mean |x| are the published ones, as near as diffusers' tests ask.
inline void check_sums(const Tensor<Cpu<float>>& x, double sum, double mean,
                       double tolerance = 1e-2) {
    const auto got = absolute_sum(x);
    INFO("sum " << got << ", published " << sum);
    CHECK(std::abs(got - sum) < tolerance);
    CHECK(std::abs(got / static_cast<double>(x.numel()) - mean) < 1e-3);
}

/// A config with some of its fields changed.
template <class Config>
[[nodiscard]] Config with(auto change) {
    Config config;
    change(config);
    return config;
}

/// Steps on a device without data and in double; a step's result is in the sample's memory.
template <template <class> class S>
void check_devices() {
    const Shape shape{2, 3, 4, 5};
    Generator generator(0);
    S<Meta> shapes;
    shapes.set_timesteps(3);
    Tensor<Meta> nothing(shape);
    for (const auto t : shapes.timesteps)
        nothing = shapes.step(Tensor<Meta>(shape), t, std::move(nothing), generator);
    CHECK(nothing.shape() == shape);

    S<Cpu<double>> scheduler;
    scheduler.set_timesteps(3);
    auto x = generator.randn<Cpu<double>>(shape);
    const auto* const memory = x.data();
    for (const auto t : scheduler.timesteps) {
        const auto out = scaled(x, 0.5);
        x = scheduler.step(out, t, std::move(x), generator);
    }
    CHECK(x.data() == memory);
    CHECK(std::isfinite(x.data()[0]));
}

} // namespace latent::test
