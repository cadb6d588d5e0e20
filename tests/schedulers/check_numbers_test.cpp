#include "support/catch.hpp"

#include <latent/schedulers/ddim.hpp>
#include <latent/schedulers/unipc_multistep.hpp>

#include <limits>

using namespace latent;
using namespace latent::test;

TEST_CASE("a config's numbers are checked by their names", "[schedulers]") {
    check_numbers(DDIMSchedulerConfig());
    check_numbers(UniPCMultistepSchedulerConfig());
    const auto refused = [](auto change) {
        UniPCMultistepSchedulerConfig config;
        change(config);
        return message_of([&] { check_numbers(config); });
    };
    CHECK(refused([](auto& c) { c.flow_shift = 0; }) ==
          "flow_shift: got 0, expected more than 0, at most 1000000");
    CHECK(refused([](auto& c) { c.shift_terminal = 1; }) ==
          "shift_terminal: got 1, expected at least 0, less than 1");
    CHECK(refused([](auto& c) { c.beta_start = std::numeric_limits<double>::quiet_NaN(); }) ==
          "beta_start: got nan, expected more than 0, less than 1");
    CHECK(contains(refused([](auto& c) {
                       c.trained_betas = {0.1, 1.5};
                   }),
                   "trained_betas: got 1.5"));
    CHECK(contains(refused([](auto& c) {
                       c.disable_corrector = {0, -1};
                   }),
                   "disable_corrector: got -1"));
    CHECK(refused([](auto& c) { c.sigma_min = 3, c.sigma_max = 2; }) ==
          "sigma_min: got 3, expected less than sigma_max, 2");
}
