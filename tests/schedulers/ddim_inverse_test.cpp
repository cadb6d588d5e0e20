#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/ddim.hpp>
#include <latent/schedulers/ddim_inverse.hpp>

using namespace latent;
using namespace latent::test;

template struct latent::DDIMInverseScheduler<Meta>;
template struct latent::DDIMInverseScheduler<Cpu<double>>;
static_assert(Scheduler<DDIMInverseScheduler<Meta>, Meta>);

TEST_CASE("DDIMInverse walks as diffusers does", "[schedulers]") {
    using S = DDIMInverseScheduler<Cpu<float>>;
    const auto report = check_trajectories<S>();
    CHECK(report.cases >= 13);
}

// diffusers, tests/schedulers/test_scheduler_ddim_inverse.py
TEST_CASE("DDIMInverse has diffusers' published sums", "[schedulers]") {
    const auto loop = [](auto set) {
        DDIMInverseScheduler<Cpu<float>> scheduler(with<DDIMInverseSchedulerConfig>(set));
        scheduler.set_timesteps(10);
        return full_loop(scheduler);
    };
    // test_full_loop_no_noise, _with_v_prediction, _with_set_alpha_to_one, _with_no_...
    check_sums(loop([](auto&) {}), 671.6816, 0.8746);
    check_sums(loop([](auto& c) { c.prediction_type = "v_prediction"; }), 1394.2185, 1.8154);
    check_sums(loop([](auto& c) { c.beta_start = 0.01; }), 539.9622, 0.7031);
    check_sums(loop([](auto& c) { c.beta_start = 0.01, c.set_alpha_to_one = false; }), 542.6722,
               0.7066);
}

TEST_CASE("DDIM takes back what DDIMInverse does", "[schedulers]") {
    // With one and the same noise all the way, both go along one line.
    DDIMInverseScheduler<Cpu<float>> there(
        with<DDIMInverseSchedulerConfig>([](auto& c) { c.clip_sample = false; }));
    DDIMSchedulerConfig config;
    config.clip_sample = false;
    DDIMScheduler<Cpu<float>> back(config);
    there.set_timesteps(10), back.set_timesteps(10);
    Generator generator(0);
    const auto noise = dummy_noise();
    auto x = dummy_sample();
    for (const auto t : there.timesteps) x = there.step(noise, t, std::move(x), generator);
    for (const auto t : back.timesteps) x = back.step(noise, t, std::move(x), generator);
    CHECK(closeness(x, dummy_sample()).relative <= 1e-5);
}

TEST_CASE("DDIMInverse says what is wrong", "[schedulers]") {
    DDIMInverseScheduler<Cpu<float>> scheduler;
    CHECK(contains(message_of([&] { scheduler.set_timesteps(0); }), "num_inference_steps"));
    CHECK(contains(message_of([&] { scheduler.set_timesteps(1001); }), "1 to the 1000"));
    const auto refused = [](auto set) {
        return message_of(
            [&] { DDIMInverseScheduler<Cpu<float>>(with<DDIMInverseSchedulerConfig>(set)); });
    };
    CHECK(contains(refused([](auto& c) { c.timestep_spacing = "linspace"; }),
                   "leading or trailing"));
    CHECK(contains(refused([](auto& c) { c.prediction_type = "noise"; }), "v_prediction"));
}
