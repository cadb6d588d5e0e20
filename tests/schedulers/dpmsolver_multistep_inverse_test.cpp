#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/dpmsolver_multistep_inverse.hpp>

using namespace latent;
using namespace latent::test;

static_assert(Scheduler<DPMSolverMultistepInverseScheduler<Meta>, Meta>);

namespace {

using Inverse = DPMSolverMultistepInverseScheduler<Cpu<float>>;
using InverseConfig = DPMSolverMultistepInverseSchedulerConfig;

} // namespace

TEST_CASE("DPMSolverMultistepInverse walks as diffusers does", "[schedulers]") {
    // Up to 5e-6 in the first steps, which divide by a sigma near 0: the sample and x_0, of
    // nearly the same size, are multiplied by a hundred and subtracted.
    const auto report = check_trajectories<Inverse>();
    CHECK(report.cases >= 36);
}

TEST_CASE("DPMSolverMultistepInverse gives the numbers that diffusers publishes",
          "[schedulers]") {
    // huggingface/diffusers, tests/schedulers/test_scheduler_dpm_multi_inverse.py, named as
    // there; means of 768 numbers.
    const auto mean = [](auto change) {
        return sum_of_loop(Inverse(with<InverseConfig>([&](InverseConfig& c) {
                   c.lower_order_final = false;
                   change(c);
               }))) /
               768;
    };
    // test_full_loop_no_noise
    CHECK(std::abs(mean([](InverseConfig&) {}) - 0.7047) < 1e-3);
    // test_full_loop_no_noise_thres
    CHECK(std::abs(mean([](InverseConfig& c) {
                       c.thresholding = true, c.sample_max_value = 0.5;
                       c.dynamic_thresholding_ratio = 0.87;
                   }) -
                   19.8933) < 1e-3);
    // test_full_loop_with_v_prediction, test_full_loop_with_karras_and_v_prediction
    const auto v = [](InverseConfig& c) { c.prediction_type = "v_prediction"; };
    CHECK(std::abs(mean(v) - 1.5194) < 1e-3);
    CHECK(std::abs(mean([&](InverseConfig& c) { v(c), c.use_karras_sigmas = true; }) - 1.7833) <
          2e-3);
}

TEST_CASE("DPMSolverMultistepInverse refuses what makes no solver", "[schedulers]") {
    const auto refuses = [](auto change, std::string_view part) {
        const auto message = message_of([&] { (void)Inverse(with<InverseConfig>(change)); });
        INFO(message);
        CHECK(message.find(part) != std::string::npos);
    };
    refuses([](InverseConfig& c) { c.solver_order = 4; }, "solver_order: got 4");
    refuses([](InverseConfig& c) { c.algorithm_type = "sde-dpmsolver++"; },
            "algorithm_type: got 'sde-");
    refuses([](InverseConfig& c) { c.timestep_spacing = "even"; },
            "timestep_spacing: got 'even'");
    Inverse scheduler;
    CHECK(message_of([&] { scheduler.set_timesteps(0); }).find("num_inference_steps") == 0);
    scheduler.set_timesteps(1000);
    CHECK(scheduler.timesteps.size() == 999); // 0, 1, 2, 2 ... 998: test_unique_timesteps
}

TEST_CASE("DPMSolverMultistepInverse works in the sample's memory", "[schedulers]") {
    check_devices<DPMSolverMultistepInverseScheduler>();
}
