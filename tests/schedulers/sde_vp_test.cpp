#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/sde_vp.hpp>

using namespace latent;
using namespace latent::test;

using SdeVpConfig = ScoreSdeVpSchedulerConfig;
using SdeVp = ScoreSdeVpScheduler<Cpu<float>>;
static_assert(Scheduler<ScoreSdeVpScheduler<Meta>, Meta>);

TEST_CASE("ScoreSdeVp walks as diffusers does", "[schedulers]") {
    const auto report = check_trajectories<SdeVp>(
        [](SdeVp& scheduler, const SchedulerCase&, const Tensor<Cpu<float>>& out, double t,
           Tensor<Cpu<float>> x,
           Generator& noise) { return scheduler.step_pred(out, t, std::move(x), noise); });
    CHECK(report.cases >= 3);
}

TEST_CASE("ScoreSdeVp's step and its mean differ by the noise", "[schedulers]") {
    SdeVp scheduler;
    scheduler.set_timesteps(4);
    Generator noise(3);
    const auto x = scheduler.step(dummy_sample(), 1, dummy_sample(), noise);
    auto y = scale(Generator(3).randn<Cpu<float>>(x.shape()), std::sqrt(20.0 / 4));
    y = add(std::move(y), scheduler.prev_sample_mean());
    CHECK(closeness<float, float>(x.values(), y.values()).relative <= 1e-6);
}

TEST_CASE("ScoreSdeVp says what is wrong", "[schedulers]") {
    SdeVpConfig config;
    config.beta_min = 30;
    CHECK_THROWS_AS(SdeVp(config), Error);
    SdeVp scheduler;
    CHECK_THROWS_AS(scheduler.set_timesteps(0), Error);
    CHECK_THROWS_AS(scheduler.set_timesteps(2001), Error);
    Generator none;
    CHECK_THROWS_AS(scheduler.step(dummy_sample(), 0, dummy_sample(), none), Error);
    CHECK_THROWS_AS(scheduler.step(dummy_sample(), 1.5, dummy_sample(), none), Error);
}
