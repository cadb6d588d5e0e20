#include "support/catch.hpp"

#include <latent/schedulers/solver_run.hpp>

#include <cstddef>

using namespace latent;

namespace {

struct Config : SolverConfig {
    std::int64_t solver_order = 3;
    bool lower_order_final = true;
};

template <class F>
void fields(const Config& config, F&& f) {
    solver_fields(config, f);
    f("solver_order", config.solver_order);
}

/// What schedulers see of their run.
struct Run : SolverRun<Config> {
    explicit Run(const Config& chosen = {})
        : SolverRun(chosen, alphas_cumprod_of(betas_of(chosen))) {}
    void of(std::size_t steps) {
        SolverSteps made;
        for (auto i = steps; i > 0; --i) {
            made.timesteps.push_back(static_cast<double>(i));
            made.sigmas.push_back(static_cast<double>(i) / 10);
        }
        begin(std::move(made), 0);
    }
    using SolverRun::lowest_of, SolverRun::order_at, SolverRun::points_from;
};

} // namespace

TEST_CASE("a solver's order grows from the first step and falls to the last", "[schedulers]") {
    Run run;
    run.of(6);
    CHECK(run.order_at(0, 0) == 1);
    CHECK(run.order_at(1, 1) == 2);
    CHECK(run.order_at(2, 2) == 3);
    CHECK(run.order_at(3, 3) == 3);
    CHECK(run.order_at(4, 3) == 2);
    CHECK(run.order_at(5, 3) == 1);
    run.config.lower_order_final = false;
    CHECK(run.order_at(5, 3) == 3);
    CHECK(run.order_at(5, 3, true) == 1);
    CHECK(run.order_at(4, 3, true) == 3);
    run.config.lower_order_final = true;
    run.of(15); // long enough
    CHECK(run.order_at(14, 3) == 3);
}

TEST_CASE("a solver's points are those of its sigmas", "[schedulers]") {
    Run run;
    run.of(3);
    CHECK(run.timesteps == std::vector<double>{3, 2, 1});
    CHECK(run.sigmas.size() == 4);
    CHECK(run.sigmas.back() == 0);
    const auto points = run.points_from(2, 3);
    CHECK(points[0].alpha == solver_point(run.sigmas[2], false).alpha);
    CHECK(points[2].sigma == solver_point(run.sigmas[0], false).sigma);
    Tensor<Cpu<double>> x({1}), noise({1});
    x.data()[0] = 1, noise.data()[0] = 10;
    const auto at = solver_point(run.sigmas[1], false);
    CHECK(run.add_noise(x.clone(), noise, 2).data()[0] ==
          Approx(double{at.alpha} + 10 * double{at.sigma}));
    // The lowest sigma is the training's, unless the run has its own.
    SolverSteps own{{1}, {0.5}};
    CHECK(run.lowest_of(own) == sigmas_of(run.alphas_cumprod).front());
    run.config.use_flow_sigmas = true;
    CHECK(run.lowest_of(own) == 0.5);
}
