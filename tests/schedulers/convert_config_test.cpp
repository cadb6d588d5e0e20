#include "support/catch.hpp"

#include <latent/schedulers/convert_config.hpp>
#include <latent/schedulers/ddim.hpp>
#include <latent/schedulers/dpmsolver_multistep.hpp>
#include <latent/schedulers/edm_euler.hpp>
#include <latent/schedulers/euler_discrete.hpp>
#include <latent/schedulers/heun_discrete.hpp>

using namespace latent;

TEST_CASE("a config becomes another scheduler's", "[schedulers]") {
    DDIMSchedulerConfig ddim;
    ddim.beta_schedule = "scaled_linear", ddim.beta_end = 0.012;
    ddim.prediction_type = "v_prediction", ddim.steps_offset = 1;
    ddim.clip_sample = false, ddim.trained_betas = {0.1, 0.2};
    const auto euler = converted<EulerDiscreteSchedulerConfig>(ddim);
    CHECK(euler.beta_schedule == "scaled_linear");
    CHECK(euler.beta_end == 0.012);
    CHECK(euler.prediction_type == "v_prediction");
    CHECK(euler.steps_offset == 1);
    CHECK(euler.trained_betas == ddim.trained_betas);
    // What was a default there is one here: each scheduler has its own.
    CHECK(ddim.timestep_spacing == "leading");
    CHECK(euler.timestep_spacing == "linspace");
    CHECK(converted<HeunDiscreteSchedulerConfig>(DDIMSchedulerConfig()).beta_start == 0.00085);
    // And back; what the other one has no field for is lost.
    const auto again = converted<DDIMSchedulerConfig>(euler);
    CHECK(again.beta_end == 0.012);
    CHECK(again.clip_sample);
    // A number may become an optional one, and back where it is there.
    EDMEulerSchedulerConfig edm;
    edm.sigma_max = 20;
    const auto with_maximum = converted<EulerDiscreteSchedulerConfig>(edm);
    CHECK(with_maximum.sigma_max == 20);
    CHECK_FALSE(with_maximum.sigma_min.has_value());
    CHECK(converted<EDMEulerSchedulerConfig>(with_maximum).sigma_max == 20);
    CHECK(converted<EDMEulerSchedulerConfig>(EulerDiscreteSchedulerConfig()).sigma_max == 80);
    // Of fields of one name and another type nothing is taken over.
    DPMSolverMultistepSchedulerConfig dpm;
    dpm.variance_type = "learned_range", dpm.use_karras_sigmas = true;
    CHECK(converted<EulerDiscreteSchedulerConfig>(dpm).use_karras_sigmas);
    CHECK(converted<DPMSolverMultistepSchedulerConfig>(dpm).variance_type == "learned_range");
}
