#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/dpmsolver_multistep.hpp>

using namespace latent;
using namespace latent::test;

static_assert(Scheduler<DPMSolverMultistepScheduler<Meta>, Meta>);

namespace {

using Multistep = DPMSolverMultistepScheduler<Cpu<float>>;
using MultistepConfig = DPMSolverMultistepSchedulerConfig;

/// What those tests run.
[[nodiscard]] Multistep published_multistep(auto change) {
    return Multistep(with<MultistepConfig>([&](MultistepConfig& c) {
        c.lower_order_final = false, c.final_sigmas_type = "sigma_min";
        change(c);
    }));
}

} // namespace

TEST_CASE("DPMSolverMultistep walks as diffusers does", "[schedulers]") {
    // Up to 5e-6 where steps are short (use_beta_sigmas): a step is the difference of two
    // lambda near 5, and torch's square root, of which they are made, misses the nearest float
    // for one number in seven. All others are below 2e-6.
    const auto report = check_trajectories<Multistep>();
    CHECK(report.cases >= 50);
}

TEST_CASE("DPMSolverMultistep gives the numbers that diffusers publishes", "[schedulers]") {
    // huggingface/diffusers, tests/schedulers/test_scheduler_dpm_multi.py, named as there:
    // test_full_loop_with_noise; the others publish means, of 768 numbers.
    CHECK(std::abs(sum_of_loop(published_multistep([](MultistepConfig&) {}), {.begin = 5}) -
                   318.4111) < 1e-2);
    const auto mean = [](auto change) {
        return sum_of_loop(published_multistep(change)) / 768;
    };
    // test_full_loop_no_noise
    CHECK(std::abs(mean([](MultistepConfig&) {}) - 0.3301) < 1e-3);
    // test_full_loop_no_noise_thres
    CHECK(std::abs(mean([](MultistepConfig& c) {
                       c.thresholding = true, c.sample_max_value = 0.5;
                       c.dynamic_thresholding_ratio = 0.87;
                   }) -
                   1.1364) < 1e-3);
    // test_full_loop_with_v_prediction, .._karras_and_v_prediction, .._lu_and_v_prediction
    const auto v = [](MultistepConfig& c) { c.prediction_type = "v_prediction"; };
    CHECK(std::abs(mean(v) - 0.2251) < 1e-3);
    CHECK(std::abs(mean([&](MultistepConfig& c) { v(c), c.use_karras_sigmas = true; }) -
                   0.2096) < 1e-3);
    CHECK(std::abs(mean([&](MultistepConfig& c) { v(c), c.use_lu_lambdas = true; }) - 0.1554) <
          1e-3);
}

TEST_CASE("DPMSolverMultistep refuses what makes no solver", "[schedulers]") {
    const auto refuses = [](auto change, std::string_view part) {
        const auto message =
            message_of([&] { (void)Multistep(with<MultistepConfig>(change)); });
        INFO(message);
        CHECK(message.find(part) != std::string::npos);
    };
    refuses([](MultistepConfig& c) { c.solver_order = 4; }, "solver_order: got 4");
    refuses([](MultistepConfig& c) { c.algorithm_type = "dpm"; }, "algorithm_type: got 'dpm'");
    refuses([](MultistepConfig& c) { c.algorithm_type = "dpmsolver"; },
            "final_sigmas_type: got 'zero'");
    refuses([](MultistepConfig& c) { c.solver_type = "euler"; }, "solver_type: got 'euler'");
    refuses([](MultistepConfig& c) { c.prediction_type = "noise"; },
            "prediction_type: got 'noise'");
    refuses([](MultistepConfig& c) { c.variance_type = "fixed"; },
            "variance_type: got 'fixed'");
    refuses([](MultistepConfig& c) { c.use_beta_sigmas = c.use_karras_sigmas = true; },
            "2 of them");
    refuses(
        [](MultistepConfig& c) {
            c.algorithm_type = "sde-dpmsolver", c.final_sigmas_type = "sigma_min";
            c.solver_order = 3;
        },
        "solver_order: got 3");
    refuses([](MultistepConfig& c) { c.lambda_min_clipped = 50; },
            "lambda_min_clipped: got 50");
    Multistep dynamic(with<MultistepConfig>([](MultistepConfig& c) {
        c.use_flow_sigmas = c.use_dynamic_shifting = true;
        c.prediction_type = "flow_prediction", c.time_shift_type = "linear";
    }));
    CHECK(message_of([&] { dynamic.set_timesteps(5, 0.5); }).find("time_shift_type") == 0);
    Multistep learned(
        with<MultistepConfig>([](MultistepConfig& c) { c.variance_type = "learned"; }));
    learned.set_timesteps(3);
    Generator generator(0);
    CHECK(message_of([&] {
              (void)learned.step(dummy_sample(), 999, dummy_sample(), generator);
          }).find("step: got [4, 3, 8, 8] of a model, expected twice the channels") == 0);
    Multistep scheduler;
    CHECK(message_of([&] { scheduler.set_timesteps(0); }).find("num_inference_steps") == 0);
    CHECK(message_of([&] { scheduler.set_timesteps(1001); }).find("num_inference_steps") == 0);
    CHECK(message_of([&] { scheduler.set_timesteps(5, 0.5); }).find("mu") == 0);
    CHECK(message_of([&] { scheduler.set_custom_timesteps({1, 2}); }).find("timesteps") == 0);
}

TEST_CASE("DPMSolverMultistep works in the sample's memory", "[schedulers]") {
    check_devices<DPMSolverMultistepScheduler>();
}
