#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/deis_multistep.hpp>

using namespace latent;
using namespace latent::test;

static_assert(Scheduler<DEISMultistepScheduler<Meta>, Meta>);

namespace {

using Deis = DEISMultistepScheduler<Cpu<float>>;
using DeisConfig = DEISMultistepSchedulerConfig;

} // namespace

TEST_CASE("DEISMultistep walks as diffusers does", "[schedulers]") {
    // Up to 3e-6 in a flow, whose first step is from alpha near 0: the sample and its noise, of
    // nearly the same size, are then multiplied by a hundred and subtracted. Else below 1e-6.
    const auto report = check_trajectories<Deis>();
    CHECK(report.cases >= 20);
}

TEST_CASE("DEISMultistep gives the numbers that diffusers publishes", "[schedulers]") {
    // huggingface/diffusers, tests/schedulers/test_scheduler_deis.py, named as there:
    // test_full_loop_with_noise; the others publish means, of 768 numbers.
    CHECK(std::abs(sum_of_loop(Deis(), {.begin = 8}) - 315.3016) < 1e-2);
    // test_full_loop_no_noise, test_full_loop_with_v_prediction
    CHECK(std::abs(sum_of_loop(Deis()) / 768 - 0.23916) < 1e-3);
    const auto v = with<DeisConfig>([](DeisConfig& c) { c.prediction_type = "v_prediction"; });
    CHECK(std::abs(sum_of_loop(Deis(v)) / 768 - 0.091) < 1e-3);
}

TEST_CASE("DEISMultistep refuses what makes no solver", "[schedulers]") {
    const auto refuses = [](auto change, std::string_view part) {
        const auto message = message_of([&] { (void)Deis(with<DeisConfig>(change)); });
        INFO(message);
        CHECK(message.find(part) != std::string::npos);
    };
    refuses([](DeisConfig& c) { c.solver_order = 4; }, "solver_order: got 4");
    refuses([](DeisConfig& c) { c.solver_type = "rho"; }, "solver_type: got 'rho'");
    refuses([](DeisConfig& c) { c.algorithm_type = "ddim"; }, "algorithm_type: got 'ddim'");
    refuses([](DeisConfig& c) { c.beta_schedule = "cosine"; }, "beta_schedule: got 'cosine'");
    Deis scheduler;
    CHECK(message_of([&] { scheduler.set_timesteps(0); }).find("num_inference_steps") == 0);
    CHECK(message_of([&] { scheduler.set_timesteps(5, 0.5); }).find("mu") == 0);
}

TEST_CASE("DEISMultistep works in the sample's memory", "[schedulers]") {
    check_devices<DEISMultistepScheduler>();
}
