#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/ipndm.hpp>

using namespace latent;
using namespace latent::test;

static_assert(Scheduler<IPNDMScheduler<Meta>, Meta>);

namespace {

using Ipndm = IPNDMScheduler<Cpu<float>>;
using IpndmConfig = IPNDMSchedulerConfig;

} // namespace

TEST_CASE("IPNDM walks as diffusers does", "[schedulers]") {
    const auto report = check_trajectories<Ipndm>();
    CHECK(report.cases >= 3);
}

TEST_CASE("IPNDM gives the number that diffusers publishes", "[schedulers]") {
    // huggingface/diffusers, tests/schedulers/test_scheduler_ipndm.py, test_full_loop_no_noise:
    // ten steps, twice, the second time with what is known from the first.
    Ipndm scheduler;
    scheduler.set_timesteps(10);
    Generator unused(0);
    auto x = dummy_sample();
    for (int round = 0; round < 2; ++round) {
        scheduler.set_begin_index(0);
        for (const auto t : scheduler.timesteps) {
            const auto out = dummy_model(x, t);
            x = scheduler.step(out, t, std::move(x), unused);
        }
    }
    double sum = 0;
    for (const auto value : x.values()) sum += std::abs(static_cast<double>(value));
    CHECK(std::abs(sum / 768 - 2540529) < 10);
}

TEST_CASE("IPNDM refuses what makes no schedule", "[schedulers]") {
    Ipndm scheduler;
    CHECK(message_of([&] { scheduler.set_timesteps(0); }).find("num_inference_steps") == 0);
    CHECK(message_of([&] { scheduler.set_timesteps(1001); }).find("num_inference_steps") == 0);
    CHECK(message_of([&] {
              (void)Ipndm(with<IpndmConfig>([](IpndmConfig& c) { c.trained_betas = {0.5}; }));
          }).find("trained_betas: got 1") == 0);
}

TEST_CASE("IPNDM works in the sample's memory", "[schedulers]") {
    check_devices<IPNDMScheduler>();
}
