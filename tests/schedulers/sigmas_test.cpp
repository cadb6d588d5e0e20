#include "schedulers/trajectories.hpp"

#include <latent/schedulers/sigmas.hpp>

#include <cmath>
#include <limits>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

using SigmaList = std::vector<double>;

} // namespace

TEST_CASE("sigmas are spread as numpy and scipy spread them", "[schedulers]") {
    // (max^(1/7) + linspace(0, 1, n) (min^(1/7) - max^(1/7)))^7
    CHECK(list_error(karras_sigmas(0.0291675, 14.614642, 5),
                     SigmaList{14.614642, 4.79654182954, 1.27410460951, 0.247951513958,
                               0.0291675}) <= 1e-11);
    CHECK(list_error(karras_sigmas(0.002, 80, 4),
                     SigmaList{80, 9.72320135526, 0.469979057998, 0.002}, 1e-6) <= 1e-11);
    // exp(linspace(log(max), log(min), n))
    CHECK(list_error(exponential_sigmas(0.0291675, 14.614642, 5),
                     SigmaList{14.614642, 3.08898598341, 0.65289552804, 0.137997573581,
                               0.0291675}) <= 1e-11);
    // min + scipy.stats.beta.ppf(1 - linspace(0, 1, n), 0.6, 0.6) (max - min)
    CHECK(list_error(beta_sigmas(0.0291675, 14.614642, 6),
                     SigmaList{14.614642, 12.8217699432, 9.32447594824, 5.31933355176,
                               1.82203955681, 0.0291675}) <= 1e-11);
    CHECK(
        list_error(
            SigmaList{detail::beta_quantile(0.1, 0.6, 0.6), detail::beta_quantile(0.37, 2, 3),
                      detail::beta_quantile(0.9, 0.5, 1.5), detail::beta_quantile(0.01, 1, 1)},
            SigmaList{0.0395844055888, 0.312270309101, 0.648642801974, 0.01}) <= 1e-11);
    CHECK(detail::beta_quantile(0, 2, 3) == 0);
    CHECK(detail::beta_quantile(1, 2, 3) == 1);
}

TEST_CASE("sigmas and timesteps lead to each other", "[schedulers]") {
    // EulerDiscreteScheduler(): its training sigmas, _sigma_to_t, numpy.interp.
    const auto training = sigmas_of(alphas_cumprod_of(betas_of(NoiseSchedule())));
    CHECK(list_error(SigmaList{training[0], training[1], training[500], training[999]},
                     SigmaList{0.0100013297, 0.014832044, 3.44296741, 157.407272}) <= 3e-6);
    SigmaList timesteps;
    for (const auto sigma : {0.001, 0.05, 1.0, 7.3, 200.0})
        timesteps.push_back(timestep_of_sigma(sigma, training));
    CHECK(list_error(timesteps,
                     SigmaList{0, 10.9464811515, 258.093001087, 626.439933131, 999}) <= 1e-6);
    SigmaList between;
    for (const auto t : {0.0, 0.5, 333.25, 999.0, 1200.0})
        between.push_back(detail::interpolated(t, training));
    CHECK(list_error(between, SigmaList{0.0100013297051, 0.0124166868627, 1.46417656541,
                                        157.407272339, 157.407272339}) <= 3e-6);
    // Back and forth, at every timestep.
    double worst = 0;
    for (std::size_t t = 0; t < training.size(); ++t) {
        const auto error =
            std::abs(timestep_of_sigma(training[t], training) - static_cast<double>(t));
        if (!(error <= worst)) worst = error;
    }
    CHECK(worst <= 1e-3);
    // Tables of one and two.
    CHECK(timestep_of_sigma(2, {1, 4}) >= 0.4999);
    CHECK(timestep_of_sigma(2, {1, 4}) <= 0.5001);
}

TEST_CASE("one way to spread sigmas is chosen at most", "[schedulers]") {
    SigmaSpacing spacing;
    CHECK(!spacing.spaced());
    spacing.check();
    spacing.use_beta_sigmas = true;
    CHECK(spacing.spaced());
    CHECK(spacing.sigmas(1, 2, 3) == beta_sigmas(1, 2, 3));
    spacing.use_beta_sigmas = false, spacing.use_exponential_sigmas = true;
    CHECK(spacing.sigmas(1, 2, 3) == exponential_sigmas(1, 2, 3));
    spacing.use_karras_sigmas = true;
    CHECK(
        contains(message_of([&] { spacing.check(); }), "got 2 of them, expected one at most"));
    CHECK(contains(message_of([] { refuse_spaced("timesteps", true); }),
                   "timesteps: got custom"));
}

TEST_CASE("custom sigmas descend to 0 at least", "[schedulers]") {
    check_sigmas({3, 1, 0});
    const auto refused = [](const SigmaList& sigmas) {
        return message_of([&] { check_sigmas(sigmas); });
    };
    CHECK(contains(refused({1}), "sigmas: got 1, expected two at least"));
    CHECK(contains(refused({1, 1}), "a descending order"));
    CHECK(contains(refused({1, -1}), "numbers of at least 0"));
    CHECK(contains(refused({std::numeric_limits<double>::infinity(), 1}), "at least 0"));
    CHECK(contains(refused({std::numeric_limits<double>::quiet_NaN(), 1}), "at least 0"));
    CHECK(sigma_of_start("linspace", {3, 1, 0}) == 3);
    CHECK(sigma_of_start("leading", {std::sqrt(3.0), 1, 0}) >= 1.9999999);
    CHECK(sigma_of_start("leading", {std::sqrt(3.0), 1, 0}) <= 2.0000001);
}
