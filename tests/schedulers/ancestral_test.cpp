#include "support/catch.hpp"

#include <latent/schedulers/ancestral.hpp>

#include <cmath>

using namespace latent;

TEST_CASE("an ancestral step goes down, and up to the next sigma", "[schedulers]") {
    for (const auto from : {14.6, 2.0, 0.3}) {
        for (const auto share : {0.999, 0.5, 0.1, 1e-3}) {
            const auto to = from * share;
            const auto step = ancestral_step(from, to);
            CAPTURE(from, to, step.down, step.up);
            CHECK(std::abs(step.up * step.up + step.down * step.down - to * to) <=
                  1e-6 * to * to);
            // down is to^2 / from, up to what float32 leaves of the difference of two squares.
            const auto down = to * to / from;
            CHECK(std::abs(step.down * step.down - down * down) <= 4e-7 * to * to);
            CHECK(step.down >= 0);
        }
    }
    CHECK(ancestral_step(2, 0).down == 0);
    CHECK(ancestral_step(2, 0).up == 0);
    CHECK(ancestral_step(2, 2).up == 0);
    CHECK(ancestral_step(2, 2).down == 2);
}
