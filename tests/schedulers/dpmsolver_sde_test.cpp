#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/dpmsolver_sde.hpp>

using namespace latent;
using namespace latent::test;

using DPMSolverSDEConfig = DPMSolverSDESchedulerConfig;
using DPMSolverSDE = DPMSolverSDEScheduler<Cpu<float>>;
static_assert(Scheduler<DPMSolverSDEScheduler<Meta>, Meta>);

namespace {

/// The i-th tensor of those that a stored one holds.
Tensor<Cpu<float>> nth_stored(const Tensor<Cpu<float>>& all, std::size_t i,
                              const Shape& shape) {
    Tensor<Cpu<float>> x(shape);
    const auto each = static_cast<std::size_t>(x.numel());
    std::ranges::copy(all.values().subspan(i * each, each), x.data());
    return x;
}

} // namespace

// The noise is injected: drawn in order, or, in one case, what torchsde's path gave.
TEST_CASE("DPMSolverSDE walks as diffusers does", "[schedulers]") {
    const Golden golden("schedulers/DPMSolverSDEScheduler");
    const auto report = check_trajectories<DPMSolverSDE>(
        [&](DPMSolverSDE& scheduler, const SchedulerCase& c, const Tensor<Cpu<float>>& out,
            double t, Tensor<Cpu<float>> x, Generator& generator) {
            const auto call = StepIndex::find(t, scheduler.timesteps);
            const auto last = call + 1 == scheduler.timesteps.size();
            Tensor<Cpu<float>> noise;
            if (golden.has(c.name + ".noise")) {
                if (!last)
                    noise =
                        nth_stored(golden.tensor<float>(c.name + ".noise"), call, out.shape());
            } else if (!last) {
                noise = generator.randn<Cpu<float>>(out.shape());
            }
            return scheduler.step(out, t, std::move(x), generator,
                                  {.s_noise = c.number("s_noise", 1), .noise = &noise});
        });
    CHECK(report.cases >= 14);
}

// tests/schedulers/test_scheduler_dpm_sde.py: test_full_loop_no_noise, as on a processor. Its
// noise is torchsde's, of seed 0.
TEST_CASE("DPMSolverSDE has diffusers' published sum", "[schedulers]") {
    DPMSolverSDEConfig config;
    config.num_train_timesteps = 1100, config.beta_start = 0.0001, config.beta_end = 0.02;
    DPMSolverSDE scheduler(config);
    scheduler.set_timesteps(10);
    const auto all =
        Golden("schedulers/DPMSolverSDEScheduler").tensor<float>("published.noise");
    auto x = scale(dummy_sample(), scheduler.init_noise_sigma());
    Generator none;
    const auto timesteps = scheduler.timesteps;
    for (std::size_t i = 0; i < timesteps.size(); ++i) {
        x = scheduler.scale_model_input(std::move(x), timesteps[i]);
        const auto out = dummy_model(x, timesteps[i]);
        const auto noise = nth_stored(all, std::min(i, timesteps.size() - 2), x.shape());
        x = scheduler.step(out, timesteps[i], std::move(x), none, {.noise = &noise});
    }
    const auto sum = absolute_sum(x);
    CHECK(std::abs(sum - 162.52383422851562) <= 1e-2);
    CHECK(std::abs(sum / 768 - 0.211619570851326) <= 1e-3);
}

TEST_CASE("DPMSolverSDE's noise is its seed's", "[schedulers]") {
    const auto run = [](std::optional<std::uint64_t> path, std::uint64_t seed) {
        DPMSolverSDEConfig config;
        config.noise_sampler_seed = path;
        DPMSolverSDE scheduler(config);
        scheduler.set_timesteps(4);
        auto x = scale(dummy_sample(), scheduler.init_noise_sigma());
        Generator generator(seed);
        const auto timesteps = scheduler.timesteps;
        for (const auto t : timesteps) {
            const auto out = dummy_model(scheduler.scale_model_input(x.clone(), t), t);
            x = scheduler.step(out, t, std::move(x), generator);
        }
        return x;
    };
    const auto same = [](const Tensor<Cpu<float>>& a, const Tensor<Cpu<float>>& b) {
        return std::ranges::equal(a.values(), b.values());
    };
    CHECK(same(run(3, 1), run(3, 2)));
    CHECK(!same(run(3, 1), run(4, 1)));
    CHECK(same(run({}, 1), run({}, 1)));
    CHECK(!same(run({}, 1), run({}, 2)));
}

TEST_CASE("DPMSolverSDE says what is wrong", "[schedulers]") {
    DPMSolverSDEConfig config;
    config.prediction_type = "noise";
    CHECK_THROWS_AS(DPMSolverSDE(config), Error);
    config = {};
    config.use_exponential_sigmas = config.use_beta_sigmas = true;
    CHECK_THROWS_AS(DPMSolverSDE(config), Error);
    DPMSolverSDE scheduler;
    CHECK_THROWS_AS(scheduler.set_timesteps(0), Error);
    CHECK_THROWS_AS(scheduler.set_timesteps(1001), Error);
}
