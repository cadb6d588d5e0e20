#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/sde_ve.hpp>

using namespace latent;
using namespace latent::test;

using SdeVeConfig = ScoreSdeVeSchedulerConfig;
using SdeVe = ScoreSdeVeScheduler<Cpu<float>>;
static_assert(Scheduler<ScoreSdeVeScheduler<Meta>, Meta>);

TEST_CASE("ScoreSdeVe walks as diffusers does", "[schedulers]") {
    const auto report = check_trajectories<SdeVe>(
        [](SdeVe& scheduler, const SchedulerCase&, const Tensor<Cpu<float>>& out, double t,
           Tensor<Cpu<float>> x, Generator& noise, Generator& outputs) {
            auto score = out.clone();
            for (auto k = scheduler.config.correct_steps; k > 0; --k) {
                x = scheduler.step_correct(score, std::move(x), noise);
                score = outputs.randn<Cpu<float>>(out.shape());
            }
            return scheduler.step_pred(score, t, std::move(x), noise);
        });
    CHECK(report.cases >= 5);
}

// tests/schedulers/test_scheduler_score_sde_ve.py: test_full_loop_no_noise. The sigmas that it
// gives the model are the first of the 2000 that a new scheduler has.
TEST_CASE("ScoreSdeVe has diffusers' published sum", "[schedulers]") {
    const auto sigmas = SdeVe().sigmas;
    SdeVe scheduler;
    scheduler.set_timesteps(3);
    auto x = dummy_sample();
    Generator noise(0);
    for (std::size_t i = 0; i < 3; ++i) {
        auto score = dummy_model(x, sigmas[i]);
        x = scheduler.step_correct(score, std::move(x), noise);
        score = dummy_model(x, sigmas[i]);
        x = scheduler.step_pred(score, scheduler.timesteps[i], std::move(x), noise);
    }
    const auto sum = absolute_sum(x);
    CHECK(std::abs(sum / 14372758528.0 - 1) <= 1e-5);
    CHECK(std::abs(sum / 768 / 18714530.0 - 1) <= 1e-5);
}

TEST_CASE("ScoreSdeVe's step and its mean differ by the noise", "[schedulers]") {
    SdeVe scheduler;
    scheduler.set_timesteps(4);
    Generator noise(3);
    const auto x = scheduler.step(dummy_sample(), 1, dummy_sample(), noise);
    const auto s = scheduler.discrete_sigmas;
    const auto deviation = std::sqrt(s[3] * s[3] - s[2] * s[2]);
    auto y = scale(Generator(3).randn<Cpu<float>>(x.shape()), deviation);
    y = add(std::move(y), scheduler.prev_sample_mean());
    CHECK(closeness<float, float>(x.values(), y.values()).relative <= 1e-6);
}

TEST_CASE("ScoreSdeVe says what is wrong", "[schedulers]") {
    SdeVeConfig config;
    config.sigma_min = 2000;
    CHECK_THROWS_AS(SdeVe(config), Error);
    SdeVe scheduler;
    CHECK_THROWS_AS(scheduler.set_timesteps(0), Error);
    CHECK_THROWS_AS(scheduler.set_timesteps(2001), Error);
    Generator none;
    CHECK_THROWS_AS(scheduler.step_pred(dummy_sample(), 1.5, dummy_sample(), none), Error);
    CHECK_THROWS_AS(scheduler.add_noise(dummy_sample(), dummy_sample(), 2000), Error);
}
