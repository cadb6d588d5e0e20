#include "support/catch.hpp"

#include <latent/schedulers/sigma_run.hpp>

#include <cmath>
#include <limits>
#include <numbers>

using namespace latent;

namespace {

struct Options {
    double s_churn = 0, s_tmin = 0, s_tmax = std::numeric_limits<double>::infinity();
    double s_noise = 1;
};

struct Churned {
    double sigma;
    Tensor<Cpu<double>> x, noise;
};

/// Zeros at sigma 2 of 10 steps.
[[nodiscard]] Churned churned(const Options& options) {
    Churned end{0, Tensor<Cpu<double>>({1, 2, 3, 3}), Tensor<Cpu<double>>({1, 2, 3, 3})};
    for (auto& value : end.x.values()) value = 0;
    NoiseBuffer<Cpu<double>> noise;
    Generator generator(4), same(4);
    end.sigma = churn(end.x, 2, 10, options, noise, generator);
    same.randn(end.noise.values());
    return end;
}

} // namespace

TEST_CASE("noise is put back as Karras et al. say", "[schedulers]") {
    const auto some = churned({.s_churn = 1, .s_noise = 0.5});
    CHECK(some.sigma == Approx(2 * 1.1));
    for (std::int64_t i = 0; i < some.x.numel(); ++i) {
        CHECK(some.x.data()[i] ==
              Approx(0.5 * std::sqrt(2.2 * 2.2 - 4) * some.noise.data()[i]));
    }
    // gamma is sqrt(2) - 1 at most, and 0 outside of s_tmin to s_tmax.
    CHECK(churned({.s_churn = 100}).sigma == Approx(2 * std::numbers::sqrt2));
    CHECK(churned({.s_churn = 1, .s_tmin = 2.1}).sigma == 2);
    CHECK(churned({.s_churn = 1, .s_tmax = 1.9}).sigma == 2);
    CHECK(churned({.s_churn = 1, .s_tmax = 1.9}).x.data()[0] == 0);
}

TEST_CASE("a run of sigmas scales and adds noise by where it stands", "[schedulers]") {
    SigmaRun run;
    run.timesteps = {30, 20, 10}, run.sigmas = {3, 2, 1, 0};
    Tensor<Cpu<double>> x({1}), noise({1});
    x.data()[0] = 1, noise.data()[0] = 10;
    CHECK(run.add_noise(x.clone(), noise, 20).data()[0] == 21);
    CHECK(run.scale_model_input(x.clone(), 30).data()[0] == Approx(1 / std::sqrt(10.0)));
    run.set_begin_index(2); // wherever the timestep would stand
    CHECK(run.scale_model_input(x.clone(), 30).data()[0] == Approx(1 / std::sqrt(2.0)));
    CHECK_THROWS_AS(run.add_noise(x.clone(), noise, 5), Error);
}
