#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/lms_discrete.hpp>

using namespace latent;
using namespace latent::test;

using LMSConfig = LMSDiscreteSchedulerConfig;
using LMS = LMSDiscreteScheduler<Cpu<float>>;
static_assert(Scheduler<LMSDiscreteScheduler<Meta>, Meta>);

TEST_CASE("LMSDiscrete walks as diffusers does", "[schedulers]") {
    const auto report = check_trajectories<LMS>([](LMS& scheduler, const SchedulerCase& c,
                                                   const Tensor<Cpu<float>>& out, double t,
                                                   Tensor<Cpu<float>> x, Generator& noise) {
        return scheduler.step(out, t, std::move(x), noise,
                              {.order = static_cast<std::int64_t>(c.number("order", 4))});
    });
    CHECK(report.cases >= 16);
}

// tests/schedulers/test_scheduler_lms.py: test_full_loop_no_noise,
// test_full_loop_with_v_prediction and test_full_loop_device_karras_sigmas.
TEST_CASE("LMSDiscrete has diffusers' published sums", "[schedulers]") {
    LMSConfig config;
    config.num_train_timesteps = 1100;
    const auto sum_of = [](const LMSConfig& chosen) {
        LMS scheduler(chosen);
        return sum_of_loop(scheduler);
    };
    const auto sum = sum_of(config);
    CHECK(std::abs(sum - 1006.388) <= 1e-2);
    CHECK(std::abs(sum / 768 - 1.31) <= 1e-3);
    auto other = config;
    other.prediction_type = "v_prediction";
    CHECK(std::abs(sum_of(other) - 0.0017) <= 1e-4);
    other = config;
    other.use_karras_sigmas = true;
    CHECK(std::abs(sum_of(other) - 3812.9927) <= 1e-2);
}

TEST_CASE("LMSDiscrete says what is wrong", "[schedulers]") {
    LMSConfig config;
    config.prediction_type = "noise";
    CHECK_THROWS_AS(LMS(config), Error);
    config = {};
    config.use_exponential_sigmas = config.use_beta_sigmas = true;
    CHECK_THROWS_AS(LMS(config), Error);
    LMS scheduler;
    const auto x = dummy_sample();
    CHECK_THROWS_AS(scheduler.step(x, 999, x.clone(), {.order = 0}), Error);
    CHECK_THROWS_AS(scheduler.step(x, 999, x.clone(), {.order = 5}), Error);
    CHECK_THROWS_AS(scheduler.set_timesteps(0), Error);
    CHECK_THROWS_AS(scheduler.set_timesteps(1001), Error);
}
