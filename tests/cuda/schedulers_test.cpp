#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <latent/cuda.hpp>
#include <latent/schedulers/all.hpp>

#include <algorithm>
#include <string>
#include <utility>

using namespace latent;
using namespace latent::test;

namespace {

const Shape shape{1, 4, 5, 6};

/// Five steps with random outputs, of a scheduler with its defaults.
template <class S, class Device>
Tensor<Cpu<float>> walk(S scheduler) {
    scheduler.set_timesteps(5);
    Generator outputs(1), noise(2);
    auto x = scaled(Generator(3).randn<Device>(shape), scheduler.init_noise_sigma());
    const auto timesteps = scheduler.timesteps;
    for (const auto t : timesteps) {
        auto in = scheduler.scale_model_input(scaled(x, 1), t);
        const auto out = add(scaled(outputs.randn<Device>(shape), 0.5), in);
        x = scheduler.step(out, t, std::move(x), noise);
    }
    if constexpr (Device::on_host) {
        return x;
    } else {
        return to<Cpu<float>>(x);
    }
}

} // namespace

TEST_CASE("schedulers walk on the GPU as on the processor", "[cuda]") {
    const CudaRun gpu;
    int count = 0;
    for_each_scheduler<Cuda<float>>([&](auto type) {
        using There = typename decltype(type)::type;
        if constexpr (is_plain_scheduler<There, Cuda<float>>) {
            for_each_scheduler<Cpu<float>>([&](auto other) {
                using Here = typename decltype(other)::type;
                if constexpr (Here::class_name == There::class_name) {
                    const auto here = walk<Here, Cpu<float>>(Here());
                    const auto there = walk<There, Cuda<float>>(There());
                    const auto close = closeness(there, as<double>(here));
                    INFO(There::class_name << ": " << close.text);
                    CHECK(close.relative <= 2e-6); // five steps, each rounded in other places
                    ++count;
                }
            });
        }
    });
    CHECK(count >= 24);
}

TEST_CASE("VQDiffusion draws the processor's classes on the GPU", "[cuda]") {
    const CudaRun gpu;
    VQDiffusionSchedulerConfig config;
    config.num_vec_classes = 9;
    const auto classes = [&]<class Device>(Tensor<Device> x) {
        VQDiffusionScheduler<Device> scheduler(config);
        scheduler.set_timesteps(6);
        Generator outputs(1), noise(2);
        for (const auto t : scheduler.timesteps) {
            const auto out = outputs.template randn<Device>({2, scheduler.mask_class(), 15});
            x = scheduler.step(out, t, std::move(x), noise);
        }
        return x;
    };
    Tensor<Cpu<float>> masked({2, 15});
    std::ranges::fill(masked.values(), 8.0F);
    const auto there = to<Cpu<float>>(classes(to<Cuda<float>>(masked)));
    const auto here = classes(std::move(masked));
    CHECK(std::ranges::equal(here.values(), there.values()));
    CHECK(std::ranges::count(here.values(), 8.0F) == 0); // none is masked any more
}

TEST_CASE("learned variances on the GPU are the processor's", "[cuda]") {
    const CudaRun gpu;
    DDPMSchedulerConfig config;
    config.variance_type = "learned_range";
    const auto walked = [&]<class Device>(DDPMScheduler<Device> scheduler) {
        scheduler.set_timesteps(5);
        Generator outputs(1), noise(2);
        auto x = Generator(3).template randn<Device>(shape);
        for (const auto t : scheduler.timesteps) {
            const auto out = scaled(outputs.template randn<Device>({1, 8, 5, 6}), 0.5);
            x = scheduler.step(out, t, std::move(x), noise);
        }
        return x;
    };
    const auto here = walked(DDPMScheduler<Cpu<float>>(config));
    const auto there = to<Cpu<float>>(walked(DDPMScheduler<Cuda<float>>(config)));
    CHECK(closeness(there, as<double>(here)).relative <= 2e-6);
}

TEST_CASE("thresholding on the GPU is the processor's", "[cuda]") {
    const CudaRun gpu;
    DDIMSchedulerConfig config;
    config.thresholding = true;
    config.dynamic_thresholding_ratio = 0.8;
    config.sample_max_value = 3;
    const auto here =
        walk<DDIMScheduler<Cpu<float>>, Cpu<float>>(DDIMScheduler<Cpu<float>>(config));
    const auto there =
        walk<DDIMScheduler<Cuda<float>>, Cuda<float>>(DDIMScheduler<Cuda<float>>(config));
    CHECK(closeness(there, as<double>(here)).relative <= 2e-6);
}
