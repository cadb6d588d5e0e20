#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/euler_discrete.hpp>

using namespace latent;
using namespace latent::test;

static_assert(Scheduler<EulerDiscreteScheduler<Meta>, Meta>);

// At most 5e-7, but for zero_snr, 4.9e-6: there diffusers' float32 rounds x + (x - D) / sigma
// (next - sigma) at sigma = 4096 on its way to 30: from a step in double it is 6.1e-6 off.
TEST_CASE("EulerDiscrete walks as diffusers does", "[schedulers]") {
    using S = EulerDiscreteScheduler<Cpu<float>>;
    const auto report = check_trajectories<S>([](S& scheduler, const SchedulerCase& c,
                                                 const Tensor<Cpu<float>>& out, double t,
                                                 Tensor<Cpu<float>> x, Generator& noise) {
        return scheduler.step(out, t, std::move(x), noise,
                              {.s_churn = c.number("s_churn", 0),
                               .s_tmin = c.number("s_tmin", 0),
                               .s_tmax = c.number("s_tmax", 1e9),
                               .s_noise = c.number("s_noise", 1)});
    });
    CHECK(report.cases >= 20);
}

// tests/schedulers/test_scheduler_euler.py: test_full_loop_no_noise,
// test_full_loop_with_v_prediction and test_full_loop_device_karras_sigmas.
TEST_CASE("EulerDiscrete has diffusers' published sums", "[schedulers]") {
    using S = EulerDiscreteScheduler<Cpu<float>>;
    EulerDiscreteSchedulerConfig config;
    config.num_train_timesteps = 1100;
    const auto sum_of = [](const EulerDiscreteSchedulerConfig& chosen) {
        S scheduler(chosen);
        return sum_of_loop(scheduler);
    };
    const auto sum = sum_of(config);
    CHECK(std::abs(sum - 10.0807) <= 1e-2);
    CHECK(std::abs(sum / 768 - 0.0131) <= 1e-3);
    auto other = config;
    other.prediction_type = "v_prediction";
    CHECK(std::abs(sum_of(other) - 0.0002) <= 1e-2);
    other = config;
    other.use_karras_sigmas = true;
    CHECK(std::abs(sum_of(other) - 124.52299499511719) <= 1e-2);
}

TEST_CASE("EulerDiscrete says what is wrong", "[schedulers]") {
    using S = EulerDiscreteScheduler<Cpu<float>>;
    EulerDiscreteSchedulerConfig config;
    config.interpolation_type = "cubic";
    CHECK_THROWS_AS(S(config), Error);
    config = {};
    config.timestep_type = "continual";
    CHECK_THROWS_AS(S(config), Error);
    config = {};
    config.final_sigmas_type = "one";
    CHECK_THROWS_AS(S(config), Error);
    config = {};
    config.use_karras_sigmas = true;
    S karras(config);
    CHECK_THROWS_AS(karras.set_custom_timesteps({900, 3}), Error);
    karras.config.sigma_min = 200; // above the training's largest
    CHECK(contains(message_of([&] { karras.set_timesteps(5); }),
                   "sigma_min, sigma_max: got 200"));
    config = {};
    config.trained_betas.emplace(1000, 0.5), config.trained_betas->back() = 1;
    CHECK(contains(message_of([&] { S{config}; }), "trained_betas: got 1"));
    S scheduler;
    CHECK_THROWS_AS(scheduler.set_timesteps(0), Error);
    CHECK_THROWS_AS(scheduler.set_timesteps(1001), Error);
    CHECK_THROWS_AS(scheduler.set_custom_timesteps({3, 900}), Error);
    CHECK_THROWS_AS(scheduler.set_sigmas({1, 3}), Error);
}
