#include "support/catch.hpp"

#include <latent/schedulers/ddpm.hpp>
#include <latent/schedulers/noise_schedule.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// Numbers of torch's tables, by their place.
struct StoredSchedule {
    std::string name;
    std::vector<double> betas; ///< at 0, 1, 500, 998, 999
    std::vector<double> abars; ///< at 0, 500, 999
};

[[nodiscard]] bool near_float(float got, double stored, double tolerance = 3e-7) {
    return std::abs(static_cast<double>(got) - stored) <= tolerance * std::abs(stored);
}

} // namespace

// Parity: betas and alphas_cumprod of DDPMScheduler(beta_schedule=...), for exp of
// HeunDiscreteScheduler; diffusers 0.42.1, torch 2.13.
TEST_CASE("schedules have torch's numbers", "[schedulers]") {
    const std::vector<StoredSchedule> all{
        {"linear",
         {9.99999975e-05, 0.000119919918, 0.0100599593, 0.0199800804, 0.0199999996},
         {0.999899983, 0.0777966529, 4.03583035e-05}},
        {"scaled_linear",
         {9.99999975e-05, 0.000102648366, 0.00574207259, 0.0199628118, 0.0200000014},
         {0.999899983, 0.331274629, 0.000733411987}},
        {"squaredcos_cap_v2",
         {4.12842237e-05, 4.61417512e-05, 0.00315569155, 0.749999404, 0.999000013},
         {0.999958694, 0.492285043, 2.42873499e-09}},
        {"laplace",
         {0.0211537573, 0.00874781329, 0.000250031386, 0.151629657, 0.847252607},
         {0.978846252, 0.707283437, 0.0316227749}},
        {"sigmoid",
         {0.000149205196, 0.000149798318, 0.0100798784, 0.0199501999, 0.0199507959},
         {0.99985081, 0.298887581, 3.96818214e-05}},
        {"exp",
         {0.0119282873, 0.0119282873, 0.0119282873, 0.0119282873, 0.0119282873},
         {0.98807174, 0.00244921818, 6.14437886e-06}},
    };
    for (const auto& stored : all) {
        CAPTURE(stored.name);
        NoiseSchedule schedule;
        schedule.beta_schedule = stored.name;
        const auto betas = betas_of(schedule);
        const auto abars = alphas_cumprod_of(betas);
        REQUIRE(betas.size() == 1000);
        REQUIRE(abars.size() == 1000);
        constexpr std::size_t places[] = {0, 1, 500, 998, 999};
        for (std::size_t i = 0; i < 5; ++i) {
            CAPTURE(i, betas[places[i]]);
            CHECK(near_float(betas[places[i]], stored.betas[i]));
        }
        constexpr std::size_t ends[] = {0, 500, 999};
        for (std::size_t i = 0; i < 3; ++i) {
            CAPTURE(i, abars[ends[i]]);
            CHECK(near_float(abars[ends[i]], stored.abars[i]));
        }
    }
    const auto latents = betas_of(static_cast<const NoiseSchedule&>(LatentNoiseSchedule()));
    CHECK(near_float(latents.front(), 0.000850000011));
    CHECK(near_float(latents.back(), 0.0120000001));
}

TEST_CASE("a schedule rescaled to no signal ends in nothing", "[schedulers]") {
    // rescale_zero_terminal_snr of diffusers' scheduling_ddim.py.
    const auto betas = rescale_zero_terminal_snr(betas_of(NoiseSchedule()));
    const std::vector<double> stored{0.000100016594, 0.000120639801, 0.0102925897, 0.75226593};
    constexpr std::size_t places[] = {0, 1, 500, 998};
    for (std::size_t i = 0; i < 4; ++i) {
        CAPTURE(i, betas[places[i]]);
        CHECK(near_float(betas[places[i]], stored[i], 2e-6));
    }
    CHECK(betas.back() == 1);
    const auto abars = alphas_cumprod_of(betas);
    CHECK(near_float(abars[500], 0.07524619996547699, 2e-6));
    CHECK(abars.back() == 0);
    DDPMSchedulerConfig config;
    config.rescale_betas_zero_snr = true;
    CHECK(alphas_cumprod_of(config) == abars);
}

TEST_CASE("what makes no schedule is refused", "[schedulers]") {
    const auto refused = [](auto change) {
        DDPMSchedulerConfig config;
        change(config);
        return message_of([&] { (void)betas_of(config); });
    };
    CHECK(
        refused([](auto& c) { c.beta_schedule = "cosine"; }) ==
        "beta_schedule: got 'cosine', expected linear, scaled_linear, squaredcos_cap_v2, exp, "
        "laplace or sigmoid");
    CHECK(contains(refused([](auto& c) { c.num_train_timesteps = 0; }),
                   "num_train_timesteps: got 0, expected at least 1"));
    CHECK(contains(refused([](auto& c) { c.num_train_timesteps = 1'000'000'000; }),
                   "at most 1000000"));
    CHECK(contains(refused([](auto& c) { c.beta_end = 1; }), "beta_end: got 1, expected more"));
    CHECK(contains(refused([](auto& c) {
                       c.trained_betas = {0.1, 0.2};
                   }),
                   "trained_betas: got 2 of them, expected as many as num_train_timesteps"));
    DDPMSchedulerConfig config;
    config.num_train_timesteps = 2, config.trained_betas = {0.5, 0.25};
    CHECK(betas_of(config) == std::vector<float>{0.5F, 0.25F});
    CHECK(alphas_cumprod_of(betas_of(config)) == std::vector<float>{0.5F, 0.375F});
}
