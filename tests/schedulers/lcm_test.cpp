#include "schedulers/distilled.hpp"
#include "schedulers/dummy.hpp"

#include <latent/schedulers/lcm.hpp>

using namespace latent;
using namespace latent::test;

template struct latent::LCMScheduler<Meta>;
template struct latent::LCMScheduler<Cpu<double>>;
static_assert(Scheduler<LCMScheduler<Meta>, Meta>);

TEST_CASE("LCM walks as diffusers does", "[schedulers]") {
    using S = LCMScheduler<Cpu<float>>;
    const auto report = check_trajectories<S>(usual_step, begin_distilled<S>);
    CHECK(report.cases >= 16);
}

// diffusers, tests/schedulers/test_scheduler_lcm.py
TEST_CASE("LCM has diffusers' published sums", "[schedulers]") {
    LCMScheduler<Cpu<float>> scheduler;
    scheduler.set_timesteps(1); // test_full_loop_onestep
    check_sums(full_loop(scheduler), 18.7097, 0.0244);
    scheduler.set_timesteps(10); // test_full_loop_multistep
    check_sums(full_loop(scheduler), 197.7616, 0.2575);
}

TEST_CASE("LCM says what is wrong", "[schedulers]") {
    check_distilled_errors<LCMScheduler<Cpu<float>>>();
}
