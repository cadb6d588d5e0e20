#include "schedulers/distilled.hpp"
#include "schedulers/dummy.hpp"

#include <latent/schedulers/tcd.hpp>

using namespace latent;
using namespace latent::test;

template struct latent::TCDScheduler<Meta>;
template struct latent::TCDScheduler<Cpu<double>>;
static_assert(Scheduler<TCDScheduler<Meta>, Meta>);

TEST_CASE("TCD walks as diffusers does", "[schedulers]") {
    using S = TCDScheduler<Cpu<float>>;
    const auto report = check_trajectories<S>(
        [](S& scheduler, const SchedulerCase& c, const Tensor<Cpu<float>>& out, double t,
           Tensor<Cpu<float>> x, Generator& noise) {
            return scheduler.step(out, t, std::move(x), noise, {.eta = c.number("eta", 0.3)});
        },
        begin_distilled<S>);
    CHECK(report.cases >= 15);
}

// diffusers, tests/schedulers/test_scheduler_tcd.py
TEST_CASE("TCD has diffusers' published sums", "[schedulers]") {
    TCDScheduler<Cpu<float>> scheduler;
    Generator generator(0);
    const auto loop = [&](std::int64_t steps) {
        scheduler.set_timesteps(steps);
        return full_loop(scheduler, {},
                         [&](const Tensor<Cpu<float>>& out, double t, Tensor<Cpu<float>> x) {
                             return scheduler.step(out, t, std::move(x), generator, {.eta = 0});
                         });
    };
    check_sums(loop(1), 29.8715, 0.0389, 1e-3);   // test_full_loop_onestep_deter
    check_sums(loop(10), 181.2040, 0.2359, 1e-3); // test_full_loop_multistep_deter
}

TEST_CASE("TCD says what is wrong", "[schedulers]") {
    check_distilled_errors<TCDScheduler<Cpu<float>>>();
    TCDScheduler<Cpu<float>> scheduler;
    Generator generator(0);
    CHECK(contains(message_of([&] {
                       (void)scheduler.step(dummy_sample(), 999, dummy_sample(), generator,
                                            {.eta = 1.5});
                   }),
                   "eta: got 1.5"));
}
