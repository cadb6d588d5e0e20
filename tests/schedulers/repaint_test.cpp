#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/repaint.hpp>

using namespace latent;
using namespace latent::test;

template struct latent::RePaintScheduler<Meta>;
template struct latent::RePaintScheduler<Cpu<double>>;
static_assert(Scheduler<RePaintScheduler<Meta>, Meta>);

// Near 2e-6 where steps were undone: that is some 300 multiplications by sqrt(1 - beta), of
// which torch has a third one unit in the last place too low or too high (its square root in
// float32 is not always the nearest number). Without them it is 2e-7.
TEST_CASE("RePaint walks as diffusers does", "[schedulers]") {
    using S = RePaintScheduler<Cpu<float>>;
    double last = 0;
    Tensor<Cpu<float>> image, mask;
    const auto report = check_trajectories<S>(
        [&](S& scheduler, const SchedulerCase&, const Tensor<Cpu<float>>& out, double t,
            Tensor<Cpu<float>> x, Generator& noise) {
            x = t < last ? scheduler.step(out, t, std::move(x), noise,
                                          {.original_image = &image, .mask = &mask})
                         : scheduler.undo_step(std::move(x), last, noise);
            last = t;
            return x;
        },
        [&](S& scheduler, const SchedulerCase& c) {
            const auto set = c.json.value("set", Json::object());
            scheduler.set_timesteps(c.json["steps"].get<std::int64_t>(),
                                    set.value("jump_length", std::int64_t{10}),
                                    set.value("jump_n_sample", std::int64_t{10}));
            last = scheduler.timesteps.front() + 1;
            const auto seed = c.json["seed"].get<std::uint64_t>();
            image = Generator(seed + 3).randn<Cpu<float>>(scheduler_shape);
            mask = Generator(seed + 4).rand<Cpu<float>>(scheduler_shape);
        });
    CHECK(report.cases >= 8);
}

// diffusers has no tests of its scheduler, and so no sums.
TEST_CASE("RePaint leaves what is known", "[schedulers]") {
    RePaintScheduler<Cpu<float>> scheduler;
    scheduler.set_timesteps(20, 5, 3);
    Generator generator(0);
    const auto image = dummy_noise();
    auto mask = dummy_sample();
    for (auto& value : mask.values()) value = value < 0.5F ? 0.0F : 1.0F;
    auto x = generator.randn<Cpu<float>>(image.shape());
    double last = scheduler.timesteps.front() + 1;
    for (const auto t : scheduler.timesteps) {
        const auto out = dummy_model(x, t);
        x = t < last ? scheduler.step(out, t, std::move(x), generator,
                                      {.original_image = &image, .mask = &mask})
                     : scheduler.undo_step(std::move(x), last, generator);
        last = t;
    }
    for (std::int64_t i = 0; i < x.numel(); ++i) {
        if (mask.data()[i] == 1) CHECK(std::abs(x.data()[i] - image.data()[i]) <= 1e-6F);
    }
}

TEST_CASE("RePaint says what is wrong", "[schedulers]") {
    RePaintScheduler<Cpu<float>> scheduler;
    CHECK(contains(message_of([&] { scheduler.set_timesteps(0); }), "num_inference_steps"));
    CHECK(contains(message_of([&] { scheduler.set_timesteps(10, 0); }), "jump_length"));
    CHECK(contains(message_of([&] { scheduler.set_timesteps(10, 1, 0); }), "jump_n_sample"));
    Generator generator(0);
    CHECK(contains(message_of([&] {
                       (void)scheduler.step(dummy_sample(), 10, dummy_sample(), generator);
                   }),
                   "original_image and mask"));
    CHECK(contains(
        message_of([&] { (void)scheduler.undo_step(dummy_sample(), 1000, generator); }),
        "timestep: got 1000"));
    RePaintSchedulerConfig config;
    config.beta_schedule = "cosine";
    CHECK(contains(message_of([&] { RePaintScheduler<Cpu<float>>{config}; }), "sigmoid"));
}
