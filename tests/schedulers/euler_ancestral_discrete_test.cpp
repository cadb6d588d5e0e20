#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/euler_ancestral_discrete.hpp>

using namespace latent;
using namespace latent::test;

using AncestralConfig = EulerAncestralDiscreteSchedulerConfig;
using EulerAncestral = EulerAncestralDiscreteScheduler<Cpu<float>>;
static_assert(Scheduler<EulerAncestralDiscreteScheduler<Meta>, Meta>);

// At most 7e-7, but for zero_snr, 6.8e-6: diffusers' own rounding of x + (x - D) / sigma
// (down - sigma) at sigma = 4096.
TEST_CASE("EulerAncestralDiscrete walks as diffusers does", "[schedulers]") {
    const auto report = check_trajectories<EulerAncestral>();
    CHECK(report.cases >= 10);
}

// tests/schedulers/test_scheduler_euler_ancestral.py: test_full_loop_no_noise and
// test_full_loop_with_v_prediction.
TEST_CASE("EulerAncestralDiscrete has diffusers' published sums", "[schedulers]") {
    AncestralConfig config;
    config.num_train_timesteps = 1100;
    {
        EulerAncestral scheduler(config);
        const auto sum = sum_of_loop(scheduler);
        CHECK(std::abs(sum - 152.3192) <= 1e-2);
        CHECK(std::abs(sum / 768 - 0.1983) <= 1e-3);
    }
    config.prediction_type = "v_prediction";
    EulerAncestral scheduler(config);
    const auto sum = sum_of_loop(scheduler);
    CHECK(std::abs(sum - 108.4439) <= 1e-2);
    CHECK(std::abs(sum / 768 - 0.1412) <= 1e-3);
}

TEST_CASE("EulerAncestralDiscrete says what is wrong", "[schedulers]") {
    AncestralConfig config;
    config.prediction_type = "noise";
    CHECK_THROWS_AS(EulerAncestral(config), Error);
    config = {};
    config.timestep_spacing = "even";
    CHECK_THROWS_AS(EulerAncestral(config), Error);
    EulerAncestral scheduler;
    CHECK_THROWS_AS(scheduler.set_timesteps(0), Error);
    CHECK_THROWS_AS(scheduler.set_timesteps(1001), Error);
    scheduler.set_timesteps(5);
    CHECK_THROWS_AS(scheduler.scale_model_input(dummy_sample(), 3.5), Error);
}
