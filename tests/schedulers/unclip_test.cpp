#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/unclip.hpp>

using namespace latent;
using namespace latent::test;

template struct latent::UnCLIPScheduler<Meta>;
template struct latent::UnCLIPScheduler<Cpu<double>>;
static_assert(Scheduler<UnCLIPScheduler<Meta>, Meta>);

namespace {

using UnCLIP = UnCLIPScheduler<Cpu<float>>;

/// Where the step from a timestep ends: at the run's next one.
std::optional<double> unclip_end(const UnCLIP& scheduler, double timestep) {
    const auto i = StepIndex::find(timestep, scheduler.timesteps) + 1;
    if (i == scheduler.timesteps.size()) return std::nullopt;
    return scheduler.timesteps[i];
}

} // namespace

TEST_CASE("UnCLIP walks as diffusers does", "[schedulers]") {
    const auto report = check_trajectories<UnCLIP>([](UnCLIP& scheduler, const SchedulerCase& c,
                                                      const Tensor<Cpu<float>>& out, double t,
                                                      Tensor<Cpu<float>> x, Generator& noise) {
        UnCLIP::Options options;
        if (c.json.value("prev_timestep", false))
            options.prev_timestep = unclip_end(scheduler, t);
        return scheduler.step(out, t, std::move(x), noise, options);
    });
    CHECK(report.cases >= 9);
}

// diffusers, tests/schedulers/test_scheduler_unclip.py
TEST_CASE("UnCLIP has diffusers' published sums", "[schedulers]") {
    UnCLIP scheduler; // test_full_loop
    check_sums(full_loop(scheduler), 252.2682495, 0.3284743);
    scheduler.set_timesteps(25); // test_full_loop_skip_timesteps
    Generator generator(0);
    const auto x = full_loop(
        scheduler, {}, [&](const Tensor<Cpu<float>>& out, double t, Tensor<Cpu<float>> sample) {
            return scheduler.step(out, t, std::move(sample), generator,
                                  {.prev_timestep = unclip_end(scheduler, t)});
        });
    check_sums(x, 258.2044983, 0.3362038);
}

TEST_CASE("UnCLIP says what is wrong", "[schedulers]") {
    UnCLIP scheduler;
    CHECK(contains(message_of([&] { scheduler.set_timesteps(1); }), "2 at least"));
    CHECK(contains(message_of([&] { scheduler.set_timesteps(1001); }), "1 to the 1000"));
    const auto refused = [](auto set) {
        UnCLIPSchedulerConfig config;
        set(config);
        return message_of([&] { UnCLIP{config}; });
    };
    CHECK(contains(refused([](auto& c) { c.variance_type = "fixed_small"; }),
                   "fixed_small_log or learned_range"));
    CHECK(contains(refused([](auto& c) { c.prediction_type = "v_prediction"; }),
                   "epsilon or sample"));
    CHECK(contains(refused([](auto& c) { c.beta_schedule = "linear"; }), "squaredcos_cap_v2"));
    Generator generator(0);
    CHECK(contains(message_of([&] {
                       (void)scheduler.step(dummy_sample(), 500, dummy_sample(), generator,
                                            {.prev_timestep = 500});
                   }),
                   "prev_timestep"));
}
