#include "schedulers/trajectories.hpp"

#include <latent/schedulers/karras_ve.hpp>

using namespace latent;
using namespace latent::test;

using KarrasVeConfig = KarrasVeSchedulerConfig;
using KarrasVe = KarrasVeScheduler<Cpu<float>>;

// At most 2.1e-6, and diffusers' own distance from the same runs in double is the same: its
// float32 takes x - (x + sigma out), where ours has the output alone.
TEST_CASE("KarrasVe walks as diffusers does", "[schedulers]") {
    const auto report = check_trajectories<KarrasVe>(
        [](KarrasVe& scheduler, const SchedulerCase&, const Tensor<Cpu<float>>& out, double t,
           Tensor<Cpu<float>> x, Generator& noise, Generator& outputs) {
            const auto sigma = scheduler.sigma_at(t), next = scheduler.sigma_at(t - 1);
            auto hat = scheduler.add_noise_to_input(std::move(x), sigma, noise);
            auto y = scheduler.step(out, hat.sigma, next, std::move(hat.sample));
            if (next == 0) return y;
            const auto again = outputs.randn<Cpu<float>>(out.shape());
            return scheduler.step_correct(again, hat.sigma, next, std::move(y));
        });
    CHECK(report.cases >= 3);
}

TEST_CASE("KarrasVe needs no data to be planned", "[schedulers]") {
    KarrasVeScheduler<Meta> scheduler;
    scheduler.set_timesteps(3);
    Generator none;
    const Shape shape{2, 3, 4, 5};
    auto hat = scheduler.add_noise_to_input(Tensor<Meta>(shape), 2, none);
    auto x = scheduler.step(Tensor<Meta>(shape), hat.sigma, 1, std::move(hat.sample));
    x = scheduler.step_correct(Tensor<Meta>(shape), hat.sigma, 1, std::move(x));
    CHECK(x.shape() == shape);
}

TEST_CASE("KarrasVe says what is wrong", "[schedulers]") {
    KarrasVeConfig config;
    config.sigma_min = 200;
    CHECK_THROWS_AS(KarrasVe(config), Error);
    KarrasVe scheduler;
    Generator none;
    const Tensor<Cpu<float>> x(Shape{2, 3});
    CHECK_THROWS_AS(scheduler.add_noise_to_input(x.clone(), 1, none), Error);
    CHECK_THROWS_AS(scheduler.set_timesteps(1), Error);
    scheduler.set_timesteps(4);
    CHECK_THROWS_AS(scheduler.sigma_at(4), Error);
    CHECK_THROWS_AS(scheduler.step_correct(x, 2, 1, x.clone()), Error);
}
