#include "schedulers/trajectories.hpp"

#include <latent/schedulers/dpmsolver_multistep.hpp>
#include <latent/schedulers/solver_sigmas.hpp>

#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

TEST_CASE("a solver's point is of the circle, or of a straight path", "[schedulers]") {
    const auto round = solver_point(0.75, false);
    CHECK(std::abs(round.alpha - 0.8F) <= 1e-7F);
    CHECK(std::abs(round.sigma - 0.6F) <= 1e-7F);
    CHECK(std::abs(round.lambda - std::log(4.0F / 3)) <= 2e-7F);
    const auto straight = solver_point(0.75, true);
    CHECK(straight.alpha == 0.25F);
    CHECK(straight.sigma == 0.75F);
    CHECK(std::abs(straight.lambda + std::log(3.0F)) <= 2e-7F);
}

TEST_CASE("every prediction is converted to the same x_0 and noise", "[schedulers]") {
    const double original = 0.3, noise = -1.2;
    for (const auto flow : {false, true}) {
        const auto at = solver_point(0.75, flow);
        const double alpha = at.alpha, sigma = at.sigma;
        const auto x = alpha * original + sigma * noise;
        const auto check = [&](const std::string& type, double out) {
            CAPTURE(flow, type);
            SolverConfig config;
            config.prediction_type = type;
            for (const auto to_noise : {false, true}) {
                const auto how = conversion_of(config, at, to_noise);
                const auto got = how.converted.sample * x + how.converted.output * out;
                CHECK(std::abs(got - (to_noise ? noise : original)) <= 1e-6);
                CHECK(std::abs(how.original.sample * x + how.original.output * out -
                               original) <= 1e-6);
            }
        };
        check("epsilon", noise);
        check("sample", original);
        if (!flow) check("v_prediction", alpha * noise - sigma * original);
        if (flow) check("flow_prediction", noise - original);
    }
    SolverConfig config;
    config.prediction_type = "noise";
    CHECK(contains(message_of([&] { (void)conversion_of(config, {}, false); }),
                   "epsilon, sample, v_prediction or flow_prediction"));
}

TEST_CASE("the noisiest timesteps are clipped by lambda", "[schedulers]") {
    // 1000 - torch.searchsorted(torch.flip(lambda_t, [0]), lambda_min_clipped) of
    // DPMSolverMultistepScheduler().
    const auto abars = alphas_cumprod_of(betas_of(NoiseSchedule()));
    CHECK(clipped_timesteps(abars, -std::numeric_limits<double>::infinity()) == 1000);
    CHECK(clipped_timesteps(abars, -3) == 769);
    CHECK(contains(message_of([&] { (void)clipped_timesteps(abars, 100); }),
                   "it clips all timesteps"));
}

TEST_CASE("sigmas of a solver's run", "[schedulers]") {
    // Evenly by their logarithm, both ends of training among them.
    const auto lu = latent::detail::lu_sigmas({0.01, 0.5, 100}, 3);
    CHECK(list_error(lu, std::vector<double>{100, 1, 0.01}) <= 1e-6);
    // linspace(1, 1/T, n + 1) without the last, and shifted: s x / (1 + (s - 1) x).
    CHECK(list_error(latent::detail::flow_sigmas(1, 2, 10), std::vector<double>{0.9, 0.45}) <=
          1e-12);
    SolverSteps steps{{3.9, 2}, {5, 1.0 / 3}};
    steps.finish(0);
    CHECK(steps.timesteps == std::vector<double>{3, 2});
    CHECK(steps.sigmas == std::vector<double>{5, static_cast<double>(1.0F / 3), 0});
    DPMSolverMultistepSchedulerConfig config;
    CHECK(contains(message_of([&] { shift_by(config, 0.5); }), "mu: got 0.5"));
    config.use_dynamic_shifting = true;
    shift_by(config, std::nullopt);
    CHECK(config.flow_shift == 1);
    shift_by(config, 0.5);
    CHECK(config.flow_shift == std::exp(0.5));
}
