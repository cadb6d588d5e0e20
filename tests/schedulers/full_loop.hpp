/// Whole loops of a dummy model, whose sums diffusers' own tests publish.
#pragma once

#include "schedulers/dummy.hpp"
#include "support/catch.hpp"

#include <latent/schedulers/scheduler.hpp>

#include <cmath>
#include <cstddef>
#include <utility>

namespace latent::test {

/// A config with some of its fields changed.
template <class Config>
[[nodiscard]] Config with(auto change) {
    Config config;
    change(config);
    return config;
}

/// sum |x| behind n steps of dummy_model; or behind those from number `first` on, of a sample
/// that has dummy_noise() added.
template <class S>
[[nodiscard]] double full_loop(S scheduler, std::int64_t n = 10, std::size_t first = 0,
                               std::uint64_t seed = 0) {
    scheduler.set_timesteps(n);
    Generator generator(seed);
    auto x = dummy_sample();
    if (first > 0)
        x = scheduler.add_noise(std::move(x), dummy_noise(), scheduler.timesteps[first]);
    for (auto i = first; i < scheduler.timesteps.size(); ++i) {
        const auto t = scheduler.timesteps[i];
        const auto out = dummy_model(x, t);
        x = scheduler.step(out, t, std::move(x), generator);
    }
    double sum = 0;
    for (const auto value : x.values()) sum += std::abs(static_cast<double>(value));
    return sum;
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
