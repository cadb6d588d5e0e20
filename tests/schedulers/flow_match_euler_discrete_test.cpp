#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/flow_match_euler_discrete.hpp>

using namespace latent;
using namespace latent::test;

static_assert(Scheduler<FlowMatchEulerDiscreteScheduler<Meta>, Meta>);

namespace {

using FlowEuler = FlowMatchEulerDiscreteScheduler<Cpu<float>>;
using FlowEulerConfig = FlowMatchEulerDiscreteSchedulerConfig;

} // namespace

TEST_CASE("FlowMatchEulerDiscrete walks as diffusers does", "[schedulers]") {
    const auto report = check_trajectories<FlowEuler>();
    CHECK(report.cases >= 13);
}

TEST_CASE("FlowMatchEulerDiscrete follows a straight path to its end", "[schedulers]") {
    // diffusers publishes no sums. Of the true velocity every number of steps gives x_0.
    const auto original = dummy_sample();
    const auto noise = Generator(1).randn<Cpu<float>>(original.shape());
    const auto velocity = add(scaled(original, -1), noise);
    for (const std::int64_t steps : {1, 4, 28}) {
        FlowEuler scheduler(with<FlowEulerConfig>([](FlowEulerConfig& c) { c.shift = 3; }));
        scheduler.set_timesteps(steps);
        Generator unused(0);
        auto x = scheduler.add_noise(original.clone(), noise, scheduler.timesteps[0]);
        CHECK(closeness(x, noise).relative < 1e-6);
        for (const auto t : scheduler.timesteps)
            x = scheduler.step(velocity, t, std::move(x), unused);
        CHECK(closeness(x, original).relative < 1e-6);
    }
}

TEST_CASE("FlowMatchEulerDiscrete shifts by the size of an image", "[schedulers]") {
    FlowEuler scheduler;
    CHECK(scheduler.mu_of(256) == 0.5);
    CHECK(std::abs(scheduler.mu_of(4096) - 1.15) < 1e-12);
    // Both ways to say a shift are one.
    FlowEuler dynamic(
        with<FlowEulerConfig>([](FlowEulerConfig& c) { c.use_dynamic_shifting = true; }));
    dynamic.set_timesteps(5, std::log(3.0));
    scheduler.shift = 3;
    scheduler.set_timesteps(5);
    CHECK(list_error(dynamic.sigmas, scheduler.sigmas) < 1e-6);
    // Timesteps beside sigmas stay as they are.
    scheduler.set_sigmas({1, 0.5}, {}, {900, 300});
    CHECK(scheduler.timesteps == std::vector<double>{900, 300});
    CHECK(scheduler.sigmas == std::vector<double>{1, 0.75, 0});
}

TEST_CASE("FlowMatchEulerDiscrete refuses what makes no schedule", "[schedulers]") {
    const auto refuses = [](auto change, std::string_view part) {
        const auto message =
            message_of([&] { (void)FlowEuler(with<FlowEulerConfig>(change)); });
        INFO(message);
        CHECK(message.find(part) != std::string::npos);
    };
    refuses([](FlowEulerConfig& c) { c.time_shift_type = "cubic"; },
            "time_shift_type: got 'cubic'");
    refuses([](FlowEulerConfig& c) { c.num_train_timesteps = 0; },
            "num_train_timesteps: got 0");
    refuses([](FlowEulerConfig& c) { c.use_beta_sigmas = c.use_karras_sigmas = true; },
            "2 of them");
    refuses([](FlowEulerConfig& c) { c.base_image_seq_len = c.max_image_seq_len; },
            "base_image_seq_len: got 4096");
    FlowEuler scheduler;
    const auto fails = [](auto call, std::string_view where) {
        const auto message = message_of(call);
        INFO(message);
        CHECK(message.find(where) == 0);
    };
    fails([&] { scheduler.set_timesteps(0); }, "num_inference_steps: got 0");
    fails([&] { scheduler.set_sigmas({0.5, 0.6}); }, "sigmas: got 0.6");
    fails([&] { scheduler.set_sigmas({1.5}); }, "sigmas: got 1.5");
    fails([&] { scheduler.set_sigmas({1}, {}, {3, 2}); }, "timesteps: got 2");
    fails([&] { scheduler.set_custom_timesteps({}); }, "timesteps: got none");
    FlowEuler dynamic(
        with<FlowEulerConfig>([](FlowEulerConfig& c) { c.use_dynamic_shifting = true; }));
    fails([&] { dynamic.set_timesteps(5); }, "mu: got none");
    fails([&] { dynamic.set_timesteps(5, 1000); }, "mu: got 1000");
    FlowEuler linear(with<FlowEulerConfig>([](FlowEulerConfig& c) {
        c.use_dynamic_shifting = true, c.time_shift_type = "linear";
    }));
    fails([&] { linear.set_timesteps(5, -0.5); }, "mu: got -0.5");
    fails([&] { linear.set_timesteps(5, 0); }, "mu: got 0");
    FlowEuler spaced(
        with<FlowEulerConfig>([](FlowEulerConfig& c) { c.use_exponential_sigmas = true; }));
    fails([&] { spaced.set_sigmas({1, 0.5, 0}); }, "sigmas: got 0");
    FlowEuler terminal(
        with<FlowEulerConfig>([](FlowEulerConfig& c) { c.shift_terminal = 0.1; }));
    fails([&] { terminal.set_timesteps(1); }, "shift_terminal");
}

TEST_CASE("FlowMatchEulerDiscrete works in the sample's memory", "[schedulers]") {
    check_devices<FlowMatchEulerDiscreteScheduler>();
}
