#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/dpmsolver_singlestep.hpp>

using namespace latent;
using namespace latent::test;

static_assert(Scheduler<DPMSolverSinglestepScheduler<Meta>, Meta>);

namespace {

using Singlestep = DPMSolverSinglestepScheduler<Cpu<float>>;
using SinglestepConfig = DPMSolverSinglestepSchedulerConfig;

/// What those tests run.
[[nodiscard]] Singlestep published_singlestep(auto change) {
    return Singlestep(with<SinglestepConfig>([&](SinglestepConfig& c) {
        c.final_sigmas_type = "sigma_min";
        change(c);
    }));
}

} // namespace

TEST_CASE("DPMSolverSinglestep walks as diffusers does", "[schedulers]") {
    // Up to 4e-6 where two outputs of nearly the same size are subtracted and the difference
    // weighs much: both sides round the outputs themselves to float32. Most are below 1e-6.
    const auto report = check_trajectories<Singlestep>();
    CHECK(report.cases >= 40);
}

TEST_CASE("DPMSolverSinglestep gives the numbers that diffusers publishes", "[schedulers]") {
    // huggingface/diffusers, tests/schedulers/test_scheduler_dpm_single.py, named as there:
    // test_full_loop_with_noise; the others publish means, of 768 numbers.
    CHECK(std::abs(sum_of_loop(published_singlestep([](SinglestepConfig&) {}), {.begin = 5}) -
                   269.2187) < 1e-2);
    const auto mean = [](auto change) {
        return sum_of_loop(published_singlestep(change)) / 768;
    };
    // test_full_loop_no_noise, test_full_loop_with_karras
    CHECK(std::abs(mean([](SinglestepConfig&) {}) - 0.2791) < 1e-3);
    CHECK(std::abs(mean([](SinglestepConfig& c) { c.use_karras_sigmas = true; }) - 0.2248) <
          1e-3);
    // test_full_loop_with_v_prediction, test_full_loop_with_karras_and_v_prediction
    const auto v = [](SinglestepConfig& c) { c.prediction_type = "v_prediction"; };
    CHECK(std::abs(mean(v) - 0.1453) < 1e-3);
    CHECK(std::abs(mean([&](SinglestepConfig& c) { v(c), c.use_karras_sigmas = true; }) -
                   0.0649) < 1e-3);
    // test_full_uneven_loop: fifty steps, but for the first three, from a clean sample
    auto scheduler = published_singlestep([](SinglestepConfig&) {});
    scheduler.set_timesteps(50);
    Generator unused(0);
    auto x = dummy_sample();
    double sum = 0;
    for (std::size_t i = 3; i < 50; ++i) {
        const auto out = dummy_model(x, scheduler.timesteps[i]);
        x = scheduler.step(out, scheduler.timesteps[i], std::move(x), unused);
    }
    for (const auto value : x.values()) sum += std::abs(static_cast<double>(value));
    CHECK(std::abs(sum / 768 - 0.2574) < 1e-3);
}

TEST_CASE("DPMSolverSinglestep refuses what makes no solver", "[schedulers]") {
    const auto refuses = [](auto change, std::string_view part) {
        const auto message =
            message_of([&] { (void)Singlestep(with<SinglestepConfig>(change)); });
        INFO(message);
        CHECK(message.find(part) != std::string::npos);
    };
    refuses([](SinglestepConfig& c) { c.solver_order = 4; }, "solver_order: got 4");
    refuses([](SinglestepConfig& c) { c.algorithm_type = "sde-dpmsolver"; },
            "algorithm_type: got");
    refuses([](SinglestepConfig& c) { c.algorithm_type = "dpmsolver"; },
            "final_sigmas_type: got 'zero'");
    refuses([](SinglestepConfig& c) { c.solver_type = "euler"; }, "solver_type: got 'euler'");
    Singlestep scheduler;
    CHECK(message_of([&] { scheduler.set_timesteps(0); }).find("num_inference_steps") == 0);
    CHECK(message_of([&] { scheduler.set_custom_timesteps({1, 2}); }).find("timesteps") == 0);
}

TEST_CASE("DPMSolverSinglestep works in the sample's memory", "[schedulers]") {
    check_devices<DPMSolverSinglestepScheduler>();
}
