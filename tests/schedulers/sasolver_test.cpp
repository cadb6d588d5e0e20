#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/sasolver.hpp>

using namespace latent;
using namespace latent::test;

static_assert(Scheduler<SASolverScheduler<Meta>, Meta>);

namespace {

using SaSolver = SASolverScheduler<Cpu<float>>;
using SaSolverConfig = SASolverSchedulerConfig;

} // namespace

TEST_CASE("SASolver walks as diffusers does", "[schedulers]") {
    // Up to 3e-6 where the orders are high: integrals of polynomials in lambda, as differences
    // of float32 numbers that are larger than they.
    const auto report = check_trajectories<SaSolver>();
    CHECK(report.cases >= 29);
}

TEST_CASE("SASolver gives the numbers that diffusers publishes", "[schedulers]") {
    // huggingface/diffusers, tests/schedulers/test_scheduler_sasolver.py, named as there:
    const auto sum = [](auto change) {
        return sum_of_loop(SaSolver(with<SaSolverConfig>([&](SaSolverConfig& c) {
            c.num_train_timesteps = 1100;
            change(c);
        })));
    };
    // test_full_loop_device, and its mean
    CHECK(std::abs(sum([](SaSolverConfig&) {}) - 337.394287109375) < 1e-2);
    CHECK(std::abs(sum([](SaSolverConfig&) {}) / 768 - 0.43931546807289124) < 1e-3);
    // test_full_loop_with_v_prediction, test_full_loop_device_karras_sigmas
    CHECK(std::abs(sum([](SaSolverConfig& c) { c.prediction_type = "v_prediction"; }) -
                   193.1467742919922) < 1e-2);
    CHECK(std::abs(sum([](SaSolverConfig& c) { c.use_karras_sigmas = true; }) -
                   837.2554931640625) < 1e-2);
}

TEST_CASE("SASolver takes another tau", "[schedulers]") {
    // Of tau = 0 nothing is random.
    const auto loop = [](double tau, std::uint64_t seed) {
        SaSolver scheduler;
        scheduler.tau_func = [tau](double) { return tau; };
        return sum_of_loop(scheduler, {.seed = seed});
    };
    CHECK(loop(0, 1) == loop(0, 2));
    CHECK(loop(0.5, 1) != loop(0.5, 2));
}

TEST_CASE("SASolver adds noise by the training's timestep", "[schedulers]") {
    // Of spaced sigmas it is another than the run's, which whole timesteps round.
    SaSolver scheduler(
        with<SaSolverConfig>([](SaSolverConfig& c) { c.use_karras_sigmas = true; }));
    scheduler.set_timesteps(7);
    const auto t = scheduler.timesteps[3];
    const auto abar = scheduler.alphas_cumprod[static_cast<std::size_t>(t)];
    const auto x = scheduler.add_noise(dummy_sample(), dummy_noise(), t);
    const auto clean = dummy_sample(), noise = dummy_noise();
    for (std::int64_t i = 0; i < x.numel(); i += 100) {
        CHECK(x.data()[i] == Approx(std::sqrt(abar) * clean.data()[i] +
                                    std::sqrt(1 - abar) * noise.data()[i]));
    }
}

TEST_CASE("SASolver refuses what makes no solver", "[schedulers]") {
    const auto refuses = [](auto change, std::string_view part) {
        const auto message = message_of([&] { (void)SaSolver(with<SaSolverConfig>(change)); });
        INFO(message);
        CHECK(message.find(part) != std::string::npos);
    };
    refuses([](SaSolverConfig& c) { c.predictor_order = 5; }, "predictor_order: got 5");
    refuses([](SaSolverConfig& c) { c.corrector_order = 0; }, "corrector_order: got 0");
    refuses([](SaSolverConfig& c) { c.algorithm_type = "data"; }, "algorithm_type: got 'data'");
    refuses([](SaSolverConfig& c) { c.tau_func = "linear"; }, "tau_func: got linear");
    SaSolver scheduler;
    CHECK(message_of([&] { scheduler.set_timesteps(0); }).find("num_inference_steps") == 0);
}

TEST_CASE("SASolver works in the sample's memory", "[schedulers]") {
    check_devices<SASolverScheduler>();
}
