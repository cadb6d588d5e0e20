#include "support/catch.hpp"

#include <latent/schedulers/timestep_spacing.hpp>

#include <cmath>
#include <limits>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

using TimestepList = std::vector<double>;

} // namespace

TEST_CASE("timesteps are spaced as diffusers spaces them", "[schedulers]") {
    // DDPMScheduler(timestep_spacing, steps_offset).set_timesteps(n).timesteps
    CHECK(spaced_timesteps("linspace", 7, 1000, 0) ==
          TimestepList{999, 832, 666, 500, 333, 166, 0});
    CHECK(spaced_timesteps("leading", 7, 1000, 1) ==
          TimestepList{853, 711, 569, 427, 285, 143, 1});
    CHECK(spaced_timesteps("trailing", 7, 1000, 0) ==
          TimestepList{999, 856, 713, 570, 428, 285, 142});
    CHECK(spaced_timesteps("trailing", 6, 997, 0) ==
          TimestepList{996, 830, 664, 498, 331, 165}); // 498.5 and a bit
    CHECK(spaced_timesteps("trailing", 48, 1000, 0)[15] == 686);
    CHECK(spaced_timesteps("linspace", 1, 1000, 0) == TimestepList{0});
    CHECK(spaced_timesteps("trailing", 3, 10, 0) == TimestepList{9, 6, 2});
    // Not rounded, as numpy.linspace(0, 999, 7) is.
    const auto even = spaced_timesteps("linspace", 7, 1000, 0, false);
    for (std::size_t i = 0; i < 7; ++i)
        CHECK(std::abs(even[i] - 166.5 * static_cast<double>(6 - i)) <= 1e-12);
}

TEST_CASE("trailing timesteps are numpy's, but for its -1", "[schedulers]") {
    // numpy: t = (np.round(np.arange(1000, 0, -1000 / n)) - 1)[:n] for n of 1 to 1000;
    // the sum of t * np.arange(1, n + 1)
    double sum = 0;
    for (std::int64_t n = 1; n <= 1000; ++n) {
        const auto t = spaced_timesteps("trailing", n, 1000, 0);
        CHECK(std::ssize(t) == n);
        CHECK(t.back() >= 0);
        for (std::size_t i = 0; i < t.size(); ++i) sum += t[i] * static_cast<double>(i + 1);
    }
    CHECK(sum == 55722100764.0);
}

TEST_CASE("timesteps of solvers leave out the last", "[schedulers]") {
    // DPMSolverMultistepScheduler(timestep_spacing, steps_offset, lambda_min_clipped)
    CHECK(solver_timesteps("linspace", 6, 1000, 1000, 0) ==
          TimestepList{999, 832, 666, 500, 333, 166});
    CHECK(solver_timesteps("leading", 6, 1000, 1000, 1) ==
          TimestepList{853, 711, 569, 427, 285, 143});
    CHECK(solver_timesteps("trailing", 6, 1000, 1000, 0) ==
          TimestepList{999, 832, 666, 499, 332, 166});
    // Clipped at lambda = -3.
    CHECK(solver_timesteps("linspace", 6, 769, 1000, 0) ==
          TimestepList{768, 640, 512, 384, 256, 128});
    CHECK(solver_timesteps("trailing", 6, 769, 1000, 0) ==
          TimestepList{768, 601, 435, 268, 101});
}

TEST_CASE("halves are rounded to even numbers", "[schedulers]") {
    CHECK(detail::round_half_even(0.5) == 0);
    CHECK(detail::round_half_even(1.5) == 2);
    CHECK(detail::round_half_even(2.5) == 2);
    CHECK(detail::arange(10, 0, -2.5) == TimestepList{10, 7.5, 5, 2.5});
    CHECK(detail::spread(1, 3, 1) == TimestepList{1});
    CHECK(detail::spread(1, 3, 3) == TimestepList{1, 2, 3});
}

TEST_CASE("timesteps that cannot be are refused", "[schedulers]") {
    for (const auto& spaced : {spaced_timesteps("leading", 1, 1, 0), TimestepList{0}})
        CHECK(spaced == TimestepList{0});
    CHECK(message_of([] { (void)spaced_timesteps("even", 1, 10, 0); }) ==
          "timestep_spacing: got 'even', expected linspace, leading or trailing");
    CHECK(message_of([] { (void)solver_timesteps("even", 1, 10, 10, 0); }) ==
          "timestep_spacing: got 'even', expected linspace, leading or trailing");
    CHECK(message_of([] { (void)spaced_timesteps("leading", 11, 10, 0); }) ==
          "num_inference_steps: got 11, expected 1 to the 10 of num_train_timesteps");
    CHECK(message_of([] { (void)spaced_timesteps("leading", 10, 1000, 500); }) ==
          "steps_offset: got 500, expected 99 at most, with 10 steps");
    CHECK(message_of([] { (void)solver_timesteps("leading", 9, 1000, 1000, 500); }) ==
          "steps_offset: got 500, expected 99 at most, with 9 steps");
    CHECK(spaced_timesteps("leading", 10, 1000, 99).front() == 999);
    CHECK(spaced_timesteps("leading", 1000, 1000, 1).front() == 1000); // as diffusers has it
    const auto refused = [](const TimestepList& timesteps) {
        return message_of([&] { check_timesteps(timesteps, 10); });
    };
    check_timesteps(TimestepList{9, 4.5, 0}, 10);
    CHECK(refused({}) == "timesteps: got none, expected at least one");
    CHECK(contains(refused({10}), "timesteps: got 10.000000, expected 0 to 9"));
    CHECK(contains(refused({5, 5}), "5.000000 behind 5.000000, expected a descending order"));
    CHECK(contains(refused({5, std::numeric_limits<double>::quiet_NaN()}), "expected 0 to 9"));
}
