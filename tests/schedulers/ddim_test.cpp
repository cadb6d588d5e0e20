#include "schedulers/dummy.hpp"
#include "schedulers/trajectories.hpp"

#include <latent/schedulers/ddim.hpp>

using namespace latent;
using namespace latent::test;

template struct latent::DDIMScheduler<Meta>;
template struct latent::DDIMScheduler<Cpu<double>>;
static_assert(Scheduler<DDIMScheduler<Meta>, Meta>);

TEST_CASE("DDIM walks as diffusers does", "[schedulers]") {
    using S = DDIMScheduler<Cpu<float>>;
    const auto report = check_trajectories<S>([](S& scheduler, const SchedulerCase& c,
                                                 const Tensor<Cpu<float>>& out, double t,
                                                 Tensor<Cpu<float>> x, Generator& noise) {
        return scheduler.step(out, t, std::move(x), noise,
                              {.eta = c.number("eta", 0),
                               .use_clipped_model_output = c.flag("use_clipped_model_output"),
                               .variance_noise = nullptr});
    });
    CHECK(report.cases >= 18);
}

// diffusers, tests/schedulers/test_scheduler_ddim.py
TEST_CASE("DDIM has diffusers' published sums", "[schedulers]") {
    const auto loop = [](const DDIMSchedulerConfig& config) {
        DDIMScheduler<Cpu<float>> scheduler(config);
        scheduler.set_timesteps(10);
        return full_loop(scheduler);
    };
    // test_full_loop_no_noise, _with_v_prediction, _with_set_alpha_to_one, _with_no_...
    check_sums(loop({}), 172.0067, 0.223967);
    check_sums(
        loop(with<DDIMSchedulerConfig>([](auto& c) { c.prediction_type = "v_prediction"; })),
        52.5302, 0.0684);
    check_sums(loop(with<DDIMSchedulerConfig>([](auto& c) { c.beta_start = 0.01; })), 149.8295,
               0.1951);
    check_sums(loop(with<DDIMSchedulerConfig>(
                   [](auto& c) { c.beta_start = 0.01, c.set_alpha_to_one = false; })),
               149.0784, 0.1941);
    // test_full_loop_with_noise
    DDIMScheduler<Cpu<float>> scheduler;
    scheduler.set_timesteps(10);
    check_sums(full_loop(scheduler, {.begin = 8}), 354.5418, 0.4616);
}

TEST_CASE("DDIM says what is wrong", "[schedulers]") {
    using S = DDIMScheduler<Cpu<float>>;
    S scheduler;
    CHECK(contains(message_of([&] { scheduler.set_timesteps(0); }),
                   "num_inference_steps: got 0"));
    CHECK(contains(message_of([&] { scheduler.set_timesteps(1001); }), "1 to the 1000"));
    Generator generator(0);
    CHECK(contains(message_of([&] {
                       (void)scheduler.step(dummy_sample(), 1000, dummy_sample(), generator);
                   }),
                   "timestep: got 1000"));
    const auto refused = [](auto set) {
        DDIMSchedulerConfig config;
        set(config);
        return message_of([&] { S{config}; });
    };
    CHECK(contains(refused([](auto& c) { c.prediction_type = "noise"; }),
                   "epsilon, sample or v_prediction"));
    CHECK(contains(refused([](auto& c) { c.beta_schedule = "cosine"; }), "squaredcos_cap_v2"));
    CHECK(contains(
        refused([](auto& c) { c.rescale_betas_zero_snr = true, c.num_train_timesteps = 1; }),
        "rescale_betas_zero_snr: got true for one timestep"));
    // A schedule that leaves nothing of the image may be said in numbers, too.
    S ends(with<DDIMSchedulerConfig>([](auto& c) {
        c.num_train_timesteps = 4, c.trained_betas = {0.1, 0.2, 0.5, 1};
        c.prediction_type = "v_prediction";
    }));
    CHECK(ends.alphas_cumprod.back() == 0);
    CHECK(std::isfinite(absolute_sum(full_loop(ends))));
    CHECK(contains(refused([](auto& c) { c.timestep_spacing = "even"; }),
                   "linspace, leading or trailing"));
}
