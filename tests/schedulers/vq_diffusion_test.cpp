#include "schedulers/trajectories.hpp"

#include <latent/schedulers/vq_diffusion.hpp>

using namespace latent;
using namespace latent::test;

template struct latent::VQDiffusionScheduler<Meta>;
template struct latent::VQDiffusionScheduler<Cpu<double>>;
static_assert(Scheduler<VQDiffusionScheduler<Meta>, Meta>);

namespace {

using VQDiffusion = VQDiffusionScheduler<Cpu<float>>;

/// torch.log_softmax(logits.double(), 1).float() of logits [N, classes, pixels].
Tensor<Cpu<float>> log_probabilities(Tensor<Cpu<float>> logits) {
    const auto K = logits.dim(1), L = logits.dim(2);
    for (std::int64_t i = 0; i < logits.dim(0) * L; ++i) {
        const auto at = [&](std::int64_t k) -> float& {
            return logits.data()[(i / L * K + k) * L + i % L];
        };
        double sum = 0;
        for (std::int64_t k = 0; k < K; ++k) sum += std::exp(double{at(k)});
        for (std::int64_t k = 0; k < K; ++k)
            at(k) = static_cast<float>(double{at(k)} - std::log(sum));
    }
    return logits;
}

Tensor<Cpu<float>> all_masked(const VQDiffusion& scheduler, Shape shape) {
    Tensor<Cpu<float>> x(std::move(shape));
    std::ranges::fill(x.values(), static_cast<float>(scheduler.mask_class()));
    return x;
}

VQDiffusionSchedulerConfig classes_config(std::int64_t classes) {
    VQDiffusionSchedulerConfig config;
    config.num_vec_classes = classes;
    return config;
}

} // namespace

TEST_CASE("VQDiffusion draws the classes that diffusers draws", "[schedulers]") {
    const Golden golden("schedulers/VQDiffusionScheduler");
    double worst = 0;
    const auto cases = scheduler_cases("VQDiffusionScheduler");
    for (const auto& c : cases) {
        INFO(c.name);
        const auto read = read_config<VQDiffusionSchedulerConfig>(c.json["config"], c.name);
        REQUIRE(read.unknown.empty());
        VQDiffusion scheduler(read.config);
        begin(scheduler, c);
        CHECK(scheduler.timesteps.size() == c.json["steps"].get<std::size_t>());
        const auto seed = c.json["seed"].get<std::uint64_t>();
        Generator outputs(seed + 1), noise(seed + 2);
        auto x = all_masked(scheduler, {2, 20});
        const auto samples = golden.numbers(c.name + ".samples");
        REQUIRE(samples.size() == (scheduler.timesteps.size() + 1) * 40);
        for (std::size_t i = 0; i < scheduler.timesteps.size(); ++i) {
            const auto t = scheduler.timesteps[i];
            const auto out = log_probabilities(
                scale(outputs.randn<Cpu<float>>({2, scheduler.mask_class(), 20}), 2));
            const auto stored = c.name + ".posterior." + std::to_string(i);
            if (golden.has(stored)) {
                const auto close =
                    closeness(scheduler.q_posterior(out, x, t), golden.tensor<double>(stored));
                CHECK(close.relative <= 1e-6);
                worst = std::max(worst, close.relative);
            }
            x = scheduler.step(out, t, std::move(x), noise);
            INFO("step " << i);
            CHECK(std::ranges::equal(
                x.values(), std::span(samples).subspan((i + 1) * 40, 40), {}, {},
                [](std::int64_t stored_class) { return static_cast<float>(stored_class); }));
        }
    }
    CHECK(cases.size() >= 5);
    std::printf("VQDiffusionScheduler: %zu runs, the same classes, relative error of log p "
                "at most %.1e\n",
                cases.size(), worst);
}

TEST_CASE("VQDiffusion takes whole distributions back", "[schedulers]") {
    // In double the probabilities of all classes and the mask are 1 together. Where nothing is
    // known of x_0, a masked pixel stays so with what is masked less a timestep ago.
    VQDiffusionScheduler<Cpu<double>> scheduler(classes_config(5));
    Tensor<Cpu<double>> out({1, 4, 2}), x({1, 2});
    std::ranges::fill(out.values(), std::log(0.25));
    x.data()[0] = 4, x.data()[1] = 2;
    const auto& log_p = scheduler.q_posterior(out, x, 60);
    for (const int pixel : {0, 1}) {
        double sum = 0;
        for (int k = 0; k < 5; ++k) sum += std::exp(log_p.data()[k * 2 + pixel]);
        CHECK(std::abs(sum - 1) <= 1e-5); // the tables are float32
    }
    const auto stays = std::exp(double{scheduler.whole.mask[59]} - scheduler.whole.mask[60]);
    CHECK(std::abs(std::exp(log_p.data()[8]) - stays) <= 1e-5);
    CHECK(std::exp(log_p.data()[9]) <= 1e-20); // a class does not come from a mask
}

TEST_CASE("VQDiffusion says what is wrong", "[schedulers]") {
    CHECK(contains(message_of([] { VQDiffusion{VQDiffusionSchedulerConfig{}}; }),
                   "num_vec_classes: got 0"));
    auto config = classes_config(5);
    config.num_train_timesteps = 1;
    CHECK(contains(message_of([&] { VQDiffusion{config}; }), "num_train_timesteps: got 1"));
    VQDiffusion scheduler(classes_config(5));
    CHECK(contains(message_of([&] { scheduler.set_timesteps(101); }), "1 to the 100"));
    Generator generator(0);
    const auto step = [&](Shape out, double t, float value) {
        auto x = all_masked(scheduler, {2, 20});
        x.data()[0] = value;
        return message_of([&] {
            (void)scheduler.step(Tensor<Cpu<float>>(std::move(out)), t, std::move(x),
                                 generator);
        });
    };
    CHECK(contains(step({2, 5, 20}, 1, 0), "[N, 4, pixels]"));
    CHECK(contains(step({2, 4, 20}, 100, 0), "1 to 99"));
    CHECK(contains(step({2, 4, 20}, 1, 5), "whole numbers from 0 to 4"));
    CHECK(contains(step({2, 4, 20}, 1, 0.5F), "whole numbers"));
}
