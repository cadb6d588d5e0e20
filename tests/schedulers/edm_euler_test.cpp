#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/edm_euler.hpp>

using namespace latent;
using namespace latent::test;

using EDMEulerConfig = EDMEulerSchedulerConfig;
using EDMEuler = EDMEulerScheduler<Cpu<float>>;
static_assert(Scheduler<EDMEulerScheduler<Meta>, Meta>);

// At most 4e-7, but for `sigmas`, 1.8e-6: diffusers' own rounding of x + (x - D) / sigma
// (next - sigma) from a sigma to one that is a hundredth of it.
TEST_CASE("EDMEuler walks as diffusers does", "[schedulers]") {
    const auto report = check_trajectories<EDMEuler>(
        [](EDMEuler& scheduler, const SchedulerCase& c, const Tensor<Cpu<float>>& out, double t,
           Tensor<Cpu<float>> x, Generator& noise) {
            return scheduler.step(out, t, std::move(x), noise,
                                  {.s_churn = c.number("s_churn", 0),
                                   .s_tmin = c.number("s_tmin", 0),
                                   .s_tmax = c.number("s_tmax", 1e9),
                                   .s_noise = c.number("s_noise", 1),
                                   .pred_original_sample = nullptr});
        });
    CHECK(report.cases >= 8);
}

// tests/schedulers/test_scheduler_edm_euler.py: test_full_loop_no_noise.
TEST_CASE("EDMEuler has diffusers' published sum", "[schedulers]") {
    EDMEulerConfig config;
    config.num_train_timesteps = 256;
    EDMEuler scheduler(config);
    const auto sum = sum_of_loop(scheduler, {.scales_the_sample = false});
    CHECK(std::abs(sum - 34.1855) <= 1e-3);
    CHECK(std::abs(sum / 768 - 0.044) <= 1e-3);
}

TEST_CASE("EDMEuler takes an x_0 in place of the output's", "[schedulers]") {
    EDMEuler a, b;
    const auto out = dummy_sample();
    Generator none;
    const auto t = a.timesteps.front();
    const auto expected = a.step(out, t, scale(dummy_sample(), 80), none);
    const auto original = a.pred_original_sample().clone();
    const auto got =
        b.step(out, t, scale(dummy_sample(), 80), none, {.pred_original_sample = &original});
    CHECK(closeness<float, float>(got.values(), expected.values()).relative == 0);
}

TEST_CASE("EDMEuler says what is wrong", "[schedulers]") {
    EDMEulerConfig config;
    config.prediction_type = "sample";
    CHECK_THROWS_AS(EDMEuler(config), Error);
    config = {};
    config.sigma_schedule = "linear";
    CHECK_THROWS_AS(EDMEuler(config), Error);
    config = {};
    config.final_sigmas_type = "one";
    CHECK_THROWS_AS(EDMEuler(config), Error);
    config = {};
    config.sigma_min = 90;
    CHECK_THROWS_AS(EDMEuler(config), Error);
    EDMEuler scheduler;
    CHECK_THROWS_AS(scheduler.set_sigmas({}), Error);
    CHECK_THROWS_AS(scheduler.set_sigmas({14, 3, 0}), Error);
    CHECK_THROWS_AS(scheduler.set_timesteps(0), Error);
    CHECK_THROWS_AS(scheduler.set_timesteps(1001), Error);
}
