#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/unipc_multistep.hpp>

using namespace latent;
using namespace latent::test;

static_assert(Scheduler<UniPCMultistepScheduler<Meta>, Meta>);

namespace {

using UniPc = UniPCMultistepScheduler<Cpu<float>>;
using UniPcConfig = UniPCMultistepSchedulerConfig;

} // namespace

TEST_CASE("UniPCMultistep walks as diffusers does", "[schedulers]") {
    // Up to 6e-6 where steps are short (use_beta_sigmas) or where noise is found from x_0
    // (noise_sample): differences of nearly equal outputs weigh much. Most are below 1e-6.
    const auto report = check_trajectories<UniPc>();
    CHECK(report.cases >= 40);
}

TEST_CASE("UniPCMultistep gives the numbers that diffusers publishes", "[schedulers]") {
    // huggingface/diffusers, tests/schedulers/test_scheduler_unipc.py, named as there:
    const auto sum = [](auto change, std::size_t first = 0) {
        return sum_of_loop(UniPc(with<UniPcConfig>([&](UniPcConfig& c) {
                               c.final_sigmas_type = "sigma_min";
                               change(c);
                           })),
                           {.begin = first});
    };
    const auto v = [](UniPcConfig& c) { c.prediction_type = "v_prediction"; };
    // test_full_loop_with_noise; the others publish means, of 768 numbers.
    CHECK(std::abs(sum([](UniPcConfig&) {}, 8) - 315.5757) < 1e-2);
    // test_full_loop_no_noise, test_full_loop_with_karras
    CHECK(std::abs(sum([](UniPcConfig&) {}) / 768 - 0.2464) < 1e-3);
    CHECK(std::abs(sum([](UniPcConfig& c) { c.use_karras_sigmas = true; }) / 768 - 0.2925) <
          1e-3);
    // test_full_loop_with_v_prediction, test_full_loop_with_karras_and_v_prediction
    CHECK(std::abs(sum(v) / 768 - 0.1014) < 1e-3);
    CHECK(std::abs(sum([&](UniPcConfig& c) { v(c), c.use_karras_sigmas = true; }) / 768 -
                   0.1966) < 1e-3);
}

TEST_CASE("UniPCMultistep steps to zero with either B(h)", "[schedulers]") {
    // Of the first order B(h) has no weight: diffusers' bh1 multiplies an infinite one by 0.
    const auto end = [](const char* type) {
        return sum_of_loop(UniPc(with<UniPcConfig>(
            [&](UniPcConfig& c) { c.solver_type = type, c.solver_order = 1; })));
    };
    CHECK(std::abs(end("bh1") / end("bh2") - 1) < 0.1);
}

TEST_CASE("UniPCMultistep refuses what makes no solver", "[schedulers]") {
    const auto refuses = [](auto change, std::string_view part) {
        const auto message = message_of([&] { (void)UniPc(with<UniPcConfig>(change)); });
        INFO(message);
        CHECK(message.find(part) != std::string::npos);
    };
    refuses([](UniPcConfig& c) { c.solver_order = 5; }, "solver_order: got 5");
    refuses([](UniPcConfig& c) { c.solver_type = "bh3"; }, "solver_type: got 'bh3'");
    refuses([](UniPcConfig& c) { c.solver_p = "DDIMScheduler"; },
            "solver_p: got DDIMScheduler");
    refuses([](UniPcConfig& c) { c.shift_terminal = 0.1; }, "shift_terminal: got 0.1");
    refuses([](UniPcConfig& c) { c.lower_order_final = false; },
            "lower_order_final: got false");
    UniPc scheduler;
    CHECK(message_of([&] { scheduler.set_timesteps(0); }).find("num_inference_steps") == 0);
    CHECK(message_of([&] { scheduler.set_sigmas({0.9, 0.1}); }).find("sigmas") == 0);
    UniPc dynamic(with<UniPcConfig>(
        [](UniPcConfig& c) { c.use_flow_sigmas = c.use_dynamic_shifting = true; }));
    CHECK(message_of([&] { dynamic.set_timesteps(5); }).find("mu") == 0);
}

TEST_CASE("UniPCMultistep works in the sample's memory", "[schedulers]") {
    check_devices<UniPCMultistepScheduler>();
}
