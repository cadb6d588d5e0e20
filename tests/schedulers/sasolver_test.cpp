#include "schedulers/full_loop.hpp"
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
    const auto report = check_trajectories<SaSolver, SaSolverConfig>(
        [](SaSolver& scheduler, const SchedulerCase&, const Tensor<Cpu<float>>& out, double t,
           Tensor<Cpu<float>> x,
           Generator& noise) { return scheduler.step(out, t, std::move(x), noise); });
    CHECK(report.cases >= 29);
}

TEST_CASE("SASolver gives the numbers that diffusers publishes", "[schedulers]") {
    // huggingface/diffusers, tests/schedulers/test_scheduler_sasolver.py, named as there:
    const auto sum = [](auto change) {
        return full_loop(SaSolver(with<SaSolverConfig>([&](SaSolverConfig& c) {
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
        return full_loop(std::move(scheduler), 10, 0, seed);
    };
    CHECK(loop(0, 1) == loop(0, 2));
    CHECK(loop(0.5, 1) != loop(0.5, 2));
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
