#include "support/catch.hpp"

#include <latent/schedulers/ddim.hpp>
#include <latent/schedulers/ddim_inverse.hpp>
#include <latent/schedulers/dpmsolver_multistep.hpp>
#include <latent/schedulers/euler_discrete.hpp>
#include <latent/schedulers/k_dpm_2_discrete.hpp>
#include <latent/schedulers/noise_level.hpp>
#include <latent/schedulers/repaint.hpp>

#include <cmath>
#include <cstddef>
#include <utility>

using namespace latent;

TEST_CASE("a scheduler's noise level is that of its tables", "[schedulers]") {
    using Exact = Cpu<double>;
    Generator generator(0);

    // abar alone
    DDIMScheduler<Exact> ddim;
    ddim.set_timesteps(10);
    const auto abar =
        double{ddim.alphas_cumprod[static_cast<std::size_t>(ddim.timesteps.at(3))]};
    const auto of_ddim = noise_level<Exact>(ddim, 3).value();
    CHECK(std::abs(of_ddim.signal - std::sqrt(abar)) <= 1e-12);
    CHECK(std::abs(of_ddim.sigma() - std::sqrt((1 - abar) / abar)) <= 1e-9);
    CHECK(std::abs(of_ddim.signal_to_noise() - 10 * std::log10(abar / (1 - abar))) <= 1e-9);
    CHECK_FALSE(noise_level<Exact>(ddim, 10));

    // x_0 + sigma noise, on the way
    EulerDiscreteScheduler<Exact> euler;
    euler.set_timesteps(5);
    const auto out = generator.randn<Exact>({1, 2, 1, 1});
    auto x = out.clone();
    for (std::size_t i = 0; i < 5; ++i) {
        const auto level = noise_level<Exact>(euler, i).value();
        CHECK(level.signal == 1);
        CHECK(std::abs(level.deviation / euler.sigmas.at(i) - 1) <= 1e-6);
        x = euler.step(out, euler.timesteps.at(i), std::move(x), generator);
    }

    // a midpoint, which is asked about in a step's second call
    KDPM2DiscreteScheduler<Exact> midpoint;
    midpoint.set_timesteps(4);
    const auto first = noise_level<Exact>(midpoint, 0).value().deviation;
    CHECK(std::abs(first / midpoint.sigmas.at(0) - 1) <= 1e-6);
    x = midpoint.step(out, midpoint.timesteps.at(0), std::move(x), generator);
    const auto between = noise_level<Exact>(midpoint, 1).value().deviation;
    CHECK(std::abs(between / midpoint.sigmas_interpol.at(1) - 1) <= 1e-6);

    // sigma / alpha of constant variance, and straight paths
    DPMSolverMultistepSchedulerConfig config;
    DPMSolverMultistepScheduler<Exact> solver(config);
    solver.set_timesteps(8);
    const auto of_solver = noise_level<Exact>(solver, 2).value();
    CHECK(std::abs(of_solver.sigma() - solver.sigmas.at(2)) <= 1e-12);
    CHECK(std::abs(std::hypot(of_solver.signal, of_solver.deviation) - 1) <= 1e-12);
    config.use_flow_sigmas = true, config.prediction_type = "flow_prediction";
    DPMSolverMultistepScheduler<Exact> flow(config);
    flow.set_timesteps(8);
    const auto of_flow = noise_level<Exact>(flow, 2).value();
    CHECK(of_flow.flow);
    CHECK(of_flow.signal == 1 - of_flow.deviation);
    CHECK(of_flow.sigma() == flow.sigmas.at(2));
    CHECK(prediction_type_of(flow) == "flow_prediction");
}

TEST_CASE("schedulers with steps of their own are told apart", "[schedulers]") {
    using Exact = Cpu<double>;
    CHECK(steps_by_prediction<DDIMScheduler<Exact>, Exact>);
    CHECK_FALSE(steps_by_prediction<RePaintScheduler<Exact>, Exact>);
    CHECK(is_inverse<DDIMInverseScheduler<Exact>>);
    CHECK_FALSE(is_inverse<DDIMScheduler<Exact>>);
    CHECK(prediction_type_of(RePaintScheduler<Exact>()) == "epsilon");
}
