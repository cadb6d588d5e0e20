#include "support/catch.hpp"

#include <latent/schedulers/all.hpp>
#include <latent/schedulers/gaussian_mixture.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

/// The orders of solvers whose schedules are their own, with normal data, one Gaussian, and the
/// perfect network: the probability flow keeps the number of deviations from the mean.

using namespace latent;
using namespace latent::test;

namespace {

using Exact = Cpu<double>;
constexpr double data_mean = 0.7, data_deviation = 0.5;

/// The error behind a run of n steps, to the last place that the network is asked about, per
/// standard deviation of the answer.
template <class S>
double error_at_end(S& scheduler, std::int64_t n) {
    GaussianMixture data;
    data.parts.push_back({{data_mean}, data_deviation, 1});
    scheduler.set_timesteps(n);
    const auto level = [&](std::size_t i) { return noise_level<Exact>(scheduler, i).value(); };
    const std::array<double, 5> deviations{-1, -0.4, 0.2, 0.8, 1.4};
    Tensor<Exact> x({5, 1, 1, 1});
    const auto first = level(0);
    const auto size = std::hypot(first.signal * data_deviation, first.deviation);
    for (std::size_t i = 0; i < 5; ++i)
        x.data()[i] = first.signal * data_mean + size * deviations[i];
    Generator generator(1);
    const auto calls = scheduler.timesteps.size() - 1;
    for (std::size_t i = 0; i < calls; ++i)
        x = exact_step(scheduler, data, i, std::move(x), generator);
    const auto last = level(calls);
    const auto spread = std::hypot(last.signal * data_deviation, last.deviation);
    double worst = 0;
    for (std::size_t i = 0; i < 5; ++i) {
        const auto truth = last.signal * data_mean + spread * deviations[i];
        const auto error = std::abs(x.data()[i] - truth) / spread;
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

/// The errors fall as the steps' length does to the power `order`, give or take 0.15, from
/// `coarsest` steps on.
template <class S>
void check_slope(const std::string& options, double order, S scheduler,
                 std::int64_t coarsest = 20) {
    const std::array<std::int64_t, 4> steps{coarsest, 2 * coarsest, 4 * coarsest, 8 * coarsest};
    std::array<double, 4> errors{};
    std::ranges::transform(steps, errors.begin(),
                           [&](std::int64_t n) { return error_at_end(scheduler, n); });
    // By least squares; steps double.
    const auto slope =
        (3 * std::log2(errors[0] / errors[3]) + std::log2(errors[1] / errors[2])) / 10;
    const auto name = std::string(short_name(S::class_name)) + " " + options;
    std::printf("%-40s slope %.2f, errors %.1e to %.1e\n", name.c_str(), slope, errors[0],
                errors[3]);
    INFO(name << ": slope " << slope << ", expected " << order);
    CHECK(std::abs(slope - order) <= 0.15);
    CHECK(errors[3] <= 0.03);
}

template <class S>
[[nodiscard]] S scheduler_with(auto change) {
    ConfigOf<S> config;
    change(config);
    return S(config);
}

} // namespace

TEST_CASE("solvers with schedules of their own have their order", "[schedulers]") {
    check_slope("", 1, EDMEulerScheduler<Exact>());
    check_slope("", 1, FlowMatchEulerDiscreteScheduler<Exact>());
    check_slope("", 1, IPNDMScheduler<Exact>()); // its first step takes x_0 for 0
    // The first steps, of lower order, are where epsilon hardly changes: nothing of them shows.
    LMSDiscreteSchedulerConfig karras;
    karras.use_karras_sigmas = true;
    check_slope("karras", 4, LMSDiscreteScheduler<Exact>(karras), 80);
    for (const int solver_order : {1, 2}) {
        check_slope(
            "of order " + std::to_string(solver_order), solver_order,
            scheduler_with<DPMSolverMultistepInverseScheduler<Exact>>([=](auto& config) {
                config.solver_order = solver_order;
                config.use_karras_sigmas = true;
            }));
    }
    for (const auto* algorithm : {"data_prediction", "noise_prediction"}) {
        const auto of_order = [=](int predictor_order) {
            auto scheduler = scheduler_with<SASolverScheduler<Exact>>([=](auto& config) {
                config.algorithm_type = algorithm;
                config.use_karras_sigmas = true;
                config.predictor_order = predictor_order;
            });
            scheduler.tau_func = [](double) { return 0.0; }; // nothing is drawn
            return scheduler;
        };
        check_slope(algorithm, 2, of_order(1), 40);
        // A better predictor makes the error smaller, and leaves the order.
        auto first = of_order(1), second = of_order(2);
        CHECK(error_at_end(second, 80) < error_at_end(first, 80));
    }
}
