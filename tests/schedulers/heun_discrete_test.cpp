#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/heun_discrete.hpp>

using namespace latent;
using namespace latent::test;

using HeunConfig = HeunDiscreteSchedulerConfig;
using Heun = HeunDiscreteScheduler<Cpu<float>>;
static_assert(Scheduler<HeunDiscreteScheduler<Meta>, Meta>);

// At most 1.4e-6, but for use_beta_sigmas, 3.5e-6: so far is this run from the same one of
// diffusers in double. Its float32 takes x - (x - sigma out), where ours has the output alone.
TEST_CASE("HeunDiscrete walks as diffusers does", "[schedulers]") {
    const auto report = check_trajectories<Heun>(
        [](Heun& scheduler, const SchedulerCase&, const Tensor<Cpu<float>>& out, double t,
           Tensor<Cpu<float>> x, Generator&) { return scheduler.step(out, t, std::move(x)); });
    CHECK(report.cases >= 17);
}

// tests/schedulers/test_scheduler_heun.py: test_full_loop_no_noise,
// test_full_loop_with_v_prediction and test_full_loop_device_karras_sigmas.
TEST_CASE("HeunDiscrete has diffusers' published sums", "[schedulers]") {
    HeunConfig config;
    config.num_train_timesteps = 1100, config.beta_start = 0.0001, config.beta_end = 0.02;
    const auto sum_of = [](const HeunConfig& chosen) {
        Heun scheduler(chosen);
        return sum_of_loop(scheduler);
    };
    const auto sum = sum_of(config);
    CHECK(std::abs(sum - 0.1233) <= 1e-3);
    CHECK(std::abs(sum / 768 - 0.0002) <= 1e-4);
    auto other = config;
    other.prediction_type = "v_prediction";
    CHECK(std::abs(sum_of(other) - 4.6934e-07) <= 1e-7);
    other = config;
    other.use_karras_sigmas = true;
    CHECK(std::abs(sum_of(other) - 0.00015) <= 1e-5);
}

TEST_CASE("HeunDiscrete says what is wrong", "[schedulers]") {
    HeunConfig config;
    config.prediction_type = "noise";
    CHECK_THROWS_AS(Heun(config), Error);
    config = {};
    config.use_karras_sigmas = config.use_beta_sigmas = true;
    CHECK_THROWS_AS(Heun(config), Error);
    config.use_beta_sigmas = false;
    Heun karras(config);
    CHECK_THROWS_AS(karras.set_custom_timesteps({900, 3}), Error);
    Heun scheduler;
    CHECK_THROWS_AS(scheduler.set_timesteps(0), Error);
    CHECK_THROWS_AS(scheduler.set_timesteps(1001), Error);
    CHECK_THROWS_AS(scheduler.set_custom_timesteps({3, 900}), Error);
    CHECK_THROWS_AS(scheduler.set_custom_timesteps({1000, 3}), Error);
}
