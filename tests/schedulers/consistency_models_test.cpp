#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/consistency_models.hpp>

using namespace latent;
using namespace latent::test;

using CMConfig = CMStochasticIterativeSchedulerConfig;
using CM = CMStochasticIterativeScheduler<Cpu<float>>;
static_assert(Scheduler<CMStochasticIterativeScheduler<Meta>, Meta>);

TEST_CASE("CMStochasticIterative walks as diffusers does", "[schedulers]") {
    const auto report = check_trajectories<CM>();
    CHECK(report.cases >= 6);
}

// tests/schedulers/test_scheduler_consistency_model.py: test_full_loop_no_noise_onestep and
// test_full_loop_no_noise_multistep.
TEST_CASE("CMStochasticIterative has diffusers' published sums", "[schedulers]") {
    CMConfig config;
    config.num_train_timesteps = 201;
    CM scheduler(config);
    scheduler.set_timesteps(1);
    auto sum = absolute_sum(full_loop(scheduler, {.scales_the_sample = false}));
    CHECK(std::abs(sum - 192.7614) <= 1e-2);
    CHECK(std::abs(sum / 768 - 0.2510) <= 1e-3);
    scheduler.set_custom_timesteps({106, 0});
    sum = absolute_sum(full_loop(scheduler, {.scales_the_sample = false}));
    CHECK(std::abs(sum - 347.6357) <= 1e-2);
    CHECK(std::abs(sum / 768 - 0.4527) <= 1e-3);
}

TEST_CASE("CMStochasticIterative says what is wrong", "[schedulers]") {
    CMConfig config;
    config.num_train_timesteps = 1;
    CHECK_THROWS_AS(CM(config), Error);
    config = {};
    config.sigma_max = 0.001;
    CHECK_THROWS_AS(CM(config), Error);
    CM scheduler;
    CHECK_THROWS_AS(scheduler.set_custom_timesteps({0, 22}), Error);
    CHECK_THROWS_AS(scheduler.set_custom_timesteps({40, 0}), Error);
    CHECK_THROWS_AS(scheduler.set_timesteps(0), Error);
    CHECK_THROWS_AS(scheduler.set_timesteps(1001), Error);
}
