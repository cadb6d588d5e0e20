#pragma once

#include "latent/schedulers/consistency_models.hpp"
#include "latent/schedulers/ddim.hpp"
#include "latent/schedulers/ddim_inverse.hpp"
#include "latent/schedulers/ddpm.hpp"
#include "latent/schedulers/deis_multistep.hpp"
#include "latent/schedulers/dpmsolver_multistep.hpp"
#include "latent/schedulers/dpmsolver_multistep_inverse.hpp"
#include "latent/schedulers/dpmsolver_sde.hpp"
#include "latent/schedulers/dpmsolver_singlestep.hpp"
#include "latent/schedulers/edm_euler.hpp"
#include "latent/schedulers/euler_ancestral_discrete.hpp"
#include "latent/schedulers/euler_discrete.hpp"
#include "latent/schedulers/flow_match_euler_discrete.hpp"
#include "latent/schedulers/heun_discrete.hpp"
#include "latent/schedulers/ipndm.hpp"
#include "latent/schedulers/k_dpm_2_ancestral_discrete.hpp"
#include "latent/schedulers/k_dpm_2_discrete.hpp"
#include "latent/schedulers/karras_ve.hpp"
#include "latent/schedulers/lcm.hpp"
#include "latent/schedulers/lms_discrete.hpp"
#include "latent/schedulers/pndm.hpp"
#include "latent/schedulers/repaint.hpp"
#include "latent/schedulers/sasolver.hpp"
#include "latent/schedulers/sde_ve.hpp"
#include "latent/schedulers/sde_vp.hpp"
#include "latent/schedulers/tcd.hpp"
#include "latent/schedulers/unclip.hpp"
#include "latent/schedulers/unipc_multistep.hpp"
#include "latent/schedulers/vq_diffusion.hpp"

#include <string_view>
#include <type_traits>

/// Every scheduler, for who chooses one when the program runs.

namespace latent {

namespace detail {

template <template <class> class... S>
struct SchedulerList {};

using EveryScheduler =
    SchedulerList<CMStochasticIterativeScheduler, DDIMScheduler, DDIMInverseScheduler,
                  DDPMScheduler, DEISMultistepScheduler, DPMSolverMultistepScheduler,
                  DPMSolverMultistepInverseScheduler, DPMSolverSDEScheduler,
                  DPMSolverSinglestepScheduler, EDMEulerScheduler,
                  EulerAncestralDiscreteScheduler, EulerDiscreteScheduler,
                  FlowMatchEulerDiscreteScheduler, HeunDiscreteScheduler, IPNDMScheduler,
                  KDPM2AncestralDiscreteScheduler, KDPM2DiscreteScheduler, KarrasVeScheduler,
                  LCMScheduler, LMSDiscreteScheduler, PNDMScheduler, RePaintScheduler,
                  SASolverScheduler, ScoreSdeVeScheduler, ScoreSdeVpScheduler, TCDScheduler,
                  UnCLIPScheduler, UniPCMultistepScheduler, VQDiffusionScheduler>;

template <class Device, template <class> class... S, class F>
void for_each_in(SchedulerList<S...>, const F& f) {
    (f(std::type_identity<S<Device>>()), ...);
}

} // namespace detail

/// Calls f(std::type_identity<SomeScheduler<Device>>()) for each of them, by name.
template <class Device, class F>
void for_each_scheduler(const F& f) {
    detail::for_each_in<Device>(detail::EveryScheduler(), f);
}

/// Whether a loop that knows nothing of the scheduler can drive it: its samples are numbers,
/// and a step needs no more than the network's output.
template <class S, class Device>
inline constexpr bool is_plain_scheduler =
    Scheduler<S, Device>&& S::class_name != "RePaintScheduler" && // an image and a mask
    S::class_name != "VQDiffusionScheduler";                      // classes

/// A scheduler's config.
template <class S>
using ConfigOf = decltype(S::config);

/// "EulerDiscrete" of EulerDiscreteScheduler.
[[nodiscard]] inline std::string_view short_name(std::string_view class_name) {
    if (class_name.ends_with("Scheduler")) class_name.remove_suffix(9);
    return class_name;
}

} // namespace latent
