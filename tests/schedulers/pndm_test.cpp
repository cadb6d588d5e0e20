#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/pndm.hpp>

using namespace latent;
using namespace latent::test;

template struct latent::PNDMScheduler<Meta>;
template struct latent::PNDMScheduler<Cpu<double>>;
static_assert(Scheduler<PNDMScheduler<Meta>, Meta>);

TEST_CASE("PNDM walks as diffusers does", "[schedulers]") {
    using S = PNDMScheduler<Cpu<float>>;
    const auto report = check_trajectories<S>();
    CHECK(report.cases >= 16);
}

// diffusers, tests/schedulers/test_scheduler_pndm.py
TEST_CASE("PNDM has diffusers' published sums", "[schedulers]") {
    const auto loop = [](auto set) {
        PNDMScheduler<Cpu<float>> scheduler(with<PNDMSchedulerConfig>(set));
        scheduler.set_timesteps(10);
        return full_loop(scheduler);
    };
    // test_full_loop_no_noise, _with_v_prediction, _with_set_alpha_to_one, _with_no_...
    check_sums(loop([](auto&) {}), 198.1318, 0.2580);
    check_sums(loop([](auto& c) { c.prediction_type = "v_prediction"; }), 67.3986, 0.0878);
    check_sums(loop([](auto& c) { c.beta_start = 0.01, c.set_alpha_to_one = true; }), 230.0399,
               0.2995);
    check_sums(loop([](auto& c) { c.beta_start = 0.01; }), 186.9482, 0.2434);
}

TEST_CASE("PNDM begins with four outputs a step", "[schedulers]") {
    PNDMScheduler<Cpu<float>> scheduler(
        with<PNDMSchedulerConfig>([](auto& c) { c.steps_offset = 1; }));
    scheduler.set_timesteps(10); // test_steps_offset
    CHECK(scheduler.timesteps == std::vector<double>{901, 851, 851, 801, 801, 751, 751, 701,
                                                     701, 651, 651, 601, 601, 501, 401, 301,
                                                     201, 101, 1});
    // A second run starts from nothing.
    PNDMScheduler<Cpu<float>> again;
    again.set_timesteps(5);
    const auto first = full_loop(again);
    again.set_timesteps(5);
    const auto second = full_loop(again);
    CHECK(std::ranges::equal(first.values(), second.values()));
}

TEST_CASE("PNDM says what is wrong", "[schedulers]") {
    PNDMScheduler<Cpu<float>> scheduler;
    for (const auto few : {1, 2, 3})
        CHECK(contains(message_of([&] { scheduler.set_timesteps(few); }), "at least 4"));
    CHECK(contains(message_of([&] { scheduler.set_timesteps(1001); }), "1 to the 1000"));
    scheduler.set_timesteps(5);
    (void)full_loop(scheduler);
    CHECK(contains(message_of([&] { (void)full_loop(scheduler); }), "a step beyond the last"));
    CHECK(contains(message_of([] {
                       PNDMScheduler<Cpu<float>>(with<PNDMSchedulerConfig>(
                           [](auto& c) { c.prediction_type = "sample"; }));
                   }),
                   "epsilon or v_prediction"));
}
