#include "schedulers/any_step.hpp"
#include "support/catch.hpp"

#include <latent/schedulers/all.hpp>
#include <latent/tensor/workspace.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// How many tensors a run takes, call by call.
template <class Device, class S>
[[nodiscard]] std::vector<std::int64_t> taken_by_call(S& scheduler, std::int64_t n,
                                                      std::int64_t channels = 2) {
    scheduler.set_timesteps(n);
    const Shape shape{1, 2, 8, 8};
    Tensor<Device> x(shape), out({1, channels, 8, 8}), image(shape), mask(shape);
    if constexpr (Device::on_host) {
        for (auto* tensor : {&x, &out, &image, &mask})
            std::ranges::fill(tensor->values(), typename Device::scalar{1});
    }
    Generator generator(0);
    const Workspace run({.record_memory = true});
    std::vector<std::int64_t> taken;
    auto before = std::numeric_limits<double>::infinity();
    const auto timesteps = scheduler.timesteps;
    for (const auto t : timesteps) {
        x = scheduler.scale_model_input(std::move(x), t);
        x = any_step(scheduler, out, t, before, std::move(x), generator, image, mask);
        before = t;
        taken.push_back(std::ranges::count_if(run.report().memory, &MemoryEvent::taken));
    }
    CHECK(run.report().clones == 0);
    return taken;
}

/// The same where the network says its variance, in two more channels.
template <class Device, template <class> class S>
void check_learned(const std::string& variance_type) {
    ConfigOf<S<Device>> config;
    config.variance_type = variance_type;
    S<Device> scheduler(config);
    INFO(S<Device>::class_name << ", " << variance_type);
    CHECK(taken_by_call<Device>(scheduler, 20, 4).back() <= 10);
    CHECK(taken_by_call<Device>(scheduler, 20, 4).back() == 0);
}

template <class Device>
void check_memory() {
    for_each_scheduler<Device>([](auto type) {
        using S = typename decltype(type)::type;
        if constexpr (Scheduler<S, Device> && std::default_initializable<S>) {
            INFO(S::class_name);
            S scheduler;
            // What is remembered: a tensor for each of the last outputs, x_0, noise.
            const auto first = taken_by_call<Device>(scheduler, 20);
            CHECK(first.back() <= 8);
            const auto half = first.size() / 2;
            CHECK(first[half] == first.back());
            // A Brownian path is of one run.
            const auto again = S::class_name == "DPMSolverSDEScheduler" ? 2 : 0;
            CHECK(taken_by_call<Device>(scheduler, 20).back() == again);
        }
    });
}

} // namespace

TEST_CASE("a run takes a few tensors in the beginning, the next one none", "[schedulers]") {
    check_memory<Cpu<float>>();
    check_memory<Meta>();
}

TEST_CASE("so do runs of learned variances", "[schedulers]") {
    for (const auto* type : {"learned", "learned_range"}) {
        check_learned<Cpu<float>, DDPMScheduler>(type);
        check_learned<Cpu<float>, DPMSolverMultistepScheduler>(type);
        check_learned<Cpu<float>, DPMSolverSinglestepScheduler>(type);
        check_learned<Cpu<float>, SASolverScheduler>(type);
        check_learned<Meta, DDPMScheduler>(type);
    }
    check_learned<Cpu<float>, UnCLIPScheduler>("learned_range");
}
