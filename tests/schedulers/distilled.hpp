/// What the tests of LCM and TCD share.
#pragma once

#include "schedulers/trajectories.hpp"

#include <latent/schedulers/distilled.hpp>

namespace latent::test {

/// Begins a run as a case says, which may say what timesteps are chosen from.
template <class S>
void begin_distilled(S& scheduler, const SchedulerCase& c) {
    DistilledTimesteps of;
    if (c.json.contains("set")) {
        const auto& set = c.json["set"];
        of.strength = set.value("strength", 1.0);
        if (set.contains("original_inference_steps"))
            of.original_inference_steps = set["original_inference_steps"].get<std::int64_t>();
    }
    if (c.json.contains("timesteps"))
        scheduler.set_custom_timesteps(c.json["timesteps"].get<std::vector<double>>(),
                                       of.strength);
    else
        scheduler.set_timesteps(c.json["steps"].get<std::int64_t>(), of);
}

/// Errors of wrong calls.
template <class S>
void check_distilled_errors() {
    S scheduler;
    const auto set = [&](std::int64_t steps, const DistilledTimesteps& of = {}) {
        return message_of([&] { scheduler.set_timesteps(steps, of); });
    };
    CHECK(contains(set(0), "num_inference_steps: got 0, expected 1 to 50"));
    CHECK(contains(set(51), "1 to 50"));
    CHECK(contains(set(26, {.original_inference_steps = {}, .strength = 0.5}), "1 to 25"));
    CHECK(contains(set(4, {.original_inference_steps = {}, .strength = 0}), "strength"));
    CHECK(contains(set(4, {.original_inference_steps = 2, .strength = 1}), "1 to 2"));
    const auto custom = [&](std::vector<double> timesteps) {
        return message_of([&] { scheduler.set_custom_timesteps(timesteps); });
    };
    CHECK(contains(custom({100, 87, 50, 51, 0}), "a descending order"));
    CHECK(contains(custom({1000}), "0 to 999"));

    decltype(scheduler.config) config;
    config.original_inference_steps = 1001;
    CHECK(contains(message_of([&] { S{config}; }), "original_inference_steps: got 1001"));
    config = {};
    config.prediction_type = "noise";
    CHECK(contains(message_of([&] { S{config}; }), "epsilon, sample or v_prediction"));
}

} // namespace latent::test
