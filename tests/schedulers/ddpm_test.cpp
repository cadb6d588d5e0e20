#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/ddpm.hpp>

using namespace latent;
using namespace latent::test;

template struct latent::DDPMScheduler<Meta>;
template struct latent::DDPMScheduler<Cpu<double>>;
static_assert(Scheduler<DDPMScheduler<Meta>, Meta>);

TEST_CASE("DDPM walks as diffusers does", "[schedulers]") {
    using S = DDPMScheduler<Cpu<float>>;
    const auto report = check_trajectories<S>();
    CHECK(report.cases >= 22);
}

// diffusers, tests/schedulers/test_scheduler_ddpm.py
TEST_CASE("DDPM has diffusers' published sums", "[schedulers]") {
    using S = DDPMScheduler<Cpu<float>>;
    S scheduler; // test_full_loop_no_noise, test_full_loop_with_v_prediction
    check_sums(full_loop(scheduler), 258.9606, 0.3372);
    S v(with<DDPMSchedulerConfig>([](auto& c) { c.prediction_type = "v_prediction"; }));
    check_sums(full_loop(v), 202.0296, 0.2631);
    // test_full_loop_with_noise
    check_sums(full_loop(scheduler, {.begin = 998}), 387.9466, 0.5051);
}

TEST_CASE("DDPM draws the noise of each variance", "[schedulers]") {
    // diffusers has no numbers for fixed_large_log: it is NaN there.
    const auto walk = [](const char* type) {
        DDPMScheduler<Cpu<float>> scheduler(
            with<DDPMSchedulerConfig>([&](auto& c) { c.variance_type = type; }));
        scheduler.set_timesteps(5);
        return full_loop(scheduler);
    };
    const auto large = walk("fixed_large"), logarithm = walk("fixed_large_log");
    CHECK(std::ranges::equal(large.values(), logarithm.values()));

    DDPMScheduler<Meta> shapes(
        with<DDPMSchedulerConfig>([](auto& c) { c.variance_type = "learned"; }));
    Generator generator(0);
    const auto y =
        shapes.step(Tensor<Meta>({2, 6, 4, 4}), 999, Tensor<Meta>({2, 3, 4, 4}), generator);
    CHECK(y.shape() == Shape{2, 3, 4, 4});
}

TEST_CASE("DDPM says what is wrong", "[schedulers]") {
    DDPMScheduler<Cpu<float>> scheduler;
    const auto custom = [&](std::vector<double> timesteps) {
        return message_of([&] { scheduler.set_custom_timesteps(timesteps); });
    };
    CHECK(contains(message_of([&] { scheduler.set_timesteps(0); }), "num_inference_steps"));
    CHECK(contains(custom({100, 87, 50, 51, 0}), "a descending order"));
    CHECK(contains(custom({1000}), "0 to 999"));
    CHECK(contains(custom({}), "timesteps: got none"));
    const auto refused = [](auto set) {
        return message_of([&] { DDPMScheduler<Cpu<float>>(with<DDPMSchedulerConfig>(set)); });
    };
    CHECK(contains(refused([](auto& c) { c.variance_type = "other"; }), "or learned_range"));
    CHECK(contains(refused([](auto& c) { c.prediction_type = "noise"; }), "v_prediction"));
    DDPMScheduler<Cpu<float>> learned(
        with<DDPMSchedulerConfig>([](auto& c) { c.variance_type = "learned"; }));
    Generator generator(0);
    CHECK(contains(
        message_of([&] { (void)learned.step(dummy_sample(), 999, dummy_sample(), generator); }),
        "twice the channels"));
}
