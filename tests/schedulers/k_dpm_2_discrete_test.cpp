#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/k_dpm_2_discrete.hpp>

using namespace latent;
using namespace latent::test;

using KDPM2Config = KDPM2DiscreteSchedulerConfig;
using KDPM2 = KDPM2DiscreteScheduler<Cpu<float>>;
static_assert(Scheduler<KDPM2DiscreteScheduler<Meta>, Meta>);

TEST_CASE("KDPM2Discrete walks as diffusers does", "[schedulers]") {
    const auto report = check_trajectories<KDPM2>();
    CHECK(report.cases >= 12);
}

// tests/schedulers/test_scheduler_kdpm2_discrete.py: test_full_loop_no_noise and
// test_full_loop_with_v_prediction.
TEST_CASE("KDPM2Discrete has diffusers' published sums", "[schedulers]") {
    KDPM2Config config;
    config.num_train_timesteps = 1100, config.beta_start = 0.0001, config.beta_end = 0.02;
    const auto sum_of = [](const KDPM2Config& chosen) {
        KDPM2 scheduler(chosen);
        return sum_of_loop(scheduler);
    };
    const auto sum = sum_of(config);
    CHECK(std::abs(sum - 20.4125) <= 1e-2);
    CHECK(std::abs(sum / 768 - 0.0266) <= 1e-3);
    config.prediction_type = "v_prediction";
    CHECK(std::abs(sum_of(config) - 4.6934e-07) <= 1e-3);
}

TEST_CASE("KDPM2Discrete says what is wrong", "[schedulers]") {
    KDPM2Config config;
    config.prediction_type = "noise";
    CHECK_THROWS_AS(KDPM2(config), Error);
    config = {};
    config.timestep_spacing = "even";
    CHECK_THROWS_AS(KDPM2(config), Error);
    config = {};
    config.use_exponential_sigmas = config.use_beta_sigmas = true;
    CHECK_THROWS_AS(KDPM2(config), Error);
    KDPM2 scheduler;
    CHECK_THROWS_AS(scheduler.set_timesteps(0), Error);
    CHECK_THROWS_AS(scheduler.set_timesteps(1001), Error);
    // A step's second call needs the first.
    scheduler.set_timesteps(5);
    scheduler.set_begin_index(1);
    CHECK(contains(message_of([&] {
                       (void)scheduler.step(dummy_sample(), scheduler.timesteps[1],
                                            dummy_sample());
                   }),
                   "step: got call 1 to begin with, expected an even number"));
    scheduler.set_begin_index(2);
    (void)scheduler.step(dummy_sample(), scheduler.timesteps[2], dummy_sample());
}
