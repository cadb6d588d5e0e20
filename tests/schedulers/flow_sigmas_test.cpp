#include "schedulers/trajectories.hpp"

#include <latent/schedulers/flow_sigmas.hpp>

#include <cmath>
#include <vector>

using namespace latent;
using namespace latent::test;

TEST_CASE("sigmas of a straight path are shifted and stretched", "[schedulers]") {
    CHECK(list_error(even_flow_sigmas(3, 10), std::vector<double>{1, 0.7, 0.4, 0.1}) <= 1e-15);
    // Either end stays; 1 shifts nothing.
    for (const auto shift : {0.3, 1.0, 3.0}) {
        CHECK(shifted_sigma(shift, 0) == 0);
        CHECK(std::abs(shifted_sigma(shift, 1) - 1) <= 1e-15);
        CHECK(std::abs(time_shifted_sigma("exponential", std::log(shift), 0.4) -
                       shifted_sigma(shift, 0.4)) <= 1e-15);
        CHECK(std::abs(time_shifted_sigma("linear", shift, 0.4) - shifted_sigma(shift, 0.4)) <=
              1e-15);
    }
    CHECK(shifted_sigma(1, 0.4) == 0.4);
    CHECK(std::abs(shifted_sigma(3, 0.5) - 0.75) <= 1e-15);
    std::vector<double> sigmas{1, 0.6, 0.2};
    stretch_to_terminal(sigmas, 0.1);
    CHECK(list_error(sigmas, std::vector<double>{1, 0.55, 0.1}) <= 1e-15);
}
