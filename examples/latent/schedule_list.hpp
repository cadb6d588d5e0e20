#pragma once

#include <array>
#include <string_view>

/// What is told of each scheduler in one line: `latent schedule --list`, docs/schedulers.md.

namespace latent::command {

struct ScheduleNote {
    std::string_view name; ///< without the word Scheduler
    std::string_view
        order; ///< of its error in the step's length, or what there is in its place
    std::string_view paper;
    std::string_view use;
};

// clang-format off
inline constexpr std::array schedule_notes{
    ScheduleNote{"CMStochasticIterative", "leap", "Song et al. 2023, arXiv:2303.01469",
        "For consistency models: one step, or a few with noise between them."},
    ScheduleNote{"DDIM", "1", "Song et al. 2020, arXiv:2010.02502",
        "The plain one, and the same image for the same noise: what to compare others with."},
    ScheduleNote{"DDIMInverse", "1", "Song et al. 2020, arXiv:2010.02502",
        "Backwards: from an image to the noise that DDIM makes it of, for editing."},
    ScheduleNote{"DDPM", "1, noise", "Ho et al. 2020, arXiv:2006.11239",
        "As in training: best with all the timesteps, poor with few."},
    ScheduleNote{"DEISMultistep", "2", "Zhang and Chen 2022, arXiv:2204.13902",
        "Good from 10 steps on; an exponential integrator that looks back."},
    ScheduleNote{"DPMSolverMultistep", "2", "Lu et al. 2022, arXiv:2211.01095",
        "The first choice for 15 to 30 steps: one call of the network a step."},
    ScheduleNote{"DPMSolverMultistepInverse", "2", "Lu et al. 2022, arXiv:2211.01095",
        "Backwards: from an image to its noise in fewer steps than DDIM takes."},
    ScheduleNote{"DPMSolverSDE", "2, noise", "Lu et al. 2022, arXiv:2211.01095",
        "Fresh noise in each step, with two calls: rich detail where time is no matter."},
    ScheduleNote{"DPMSolverSinglestep", "2", "Lu et al. 2022, arXiv:2211.01095",
        "The same solver without a memory beyond its block: steady where guidance is strong."},
    ScheduleNote{"EDMEuler", "1", "Karras et al. 2022, arXiv:2206.00364",
        "Euler's method for networks that were trained as EDM's."},
    ScheduleNote{"EulerAncestralDiscrete", "1, noise", "Song et al. 2020, arXiv:2011.13456",
        "Varied and sharp in 20 to 40 steps; more steps give other images, not better ones."},
    ScheduleNote{"EulerDiscrete", "1", "Karras et al. 2022, arXiv:2206.00364",
        "Simple, fast, steady: a good default from 20 steps on."},
    ScheduleNote{"FlowMatchEulerDiscrete", "1", "Esser et al. 2024, arXiv:2403.03206",
        "For networks of straight paths: Stable Diffusion 3, FLUX.1."},
    ScheduleNote{"HeunDiscrete", "2", "Karras et al. 2022, arXiv:2206.00364",
        "Half the steps of Euler's method will do, with two calls of the network each."},
    ScheduleNote{"IPNDM", "1", "Liu et al. 2022, arXiv:2202.09778",
        "Looks back at four outputs from the start on, without PNDM's costly first steps."},
    ScheduleNote{"KDPM2AncestralDiscrete", "2, noise", "Lu et al. 2022, arXiv:2206.00927",
        "The midpoint method with fresh noise in each step: varied, two calls of the network."},
    ScheduleNote{"KDPM2Discrete", "2", "Lu et al. 2022, arXiv:2206.00927",
        "The midpoint method: like Heun's, with its second look halfway through the step."},
    ScheduleNote{"KarrasVe", "2, noise", "Karras et al. 2022, arXiv:2206.00364",
        "For networks of sigma alone: noise is raised a little before each step of Heun's."},
    ScheduleNote{"LCM", "leap", "Luo et al. 2023, arXiv:2310.04378",
        "For consistency models: 1 to 8 steps, each a leap to the image and back into noise."},
    ScheduleNote{"LMSDiscrete", "4", "Karras et al. 2022, arXiv:2206.00364",
        "Looks back at four slopes: smooth from 25 steps on, astray with few."},
    ScheduleNote{"PNDM", "2", "Liu et al. 2022, arXiv:2202.09778",
        "The first default of Stable Diffusion, for 50 steps; dearer at its beginning."},
    ScheduleNote{"RePaint", "1, noise", "Lugmayr et al. 2022, arXiv:2201.09865",
        "Paints what a mask leaves open with a network that was never taught to."},
    ScheduleNote{"SASolver", "2, noise", "Xue et al. 2023, arXiv:2309.05019",
        "Predicts and corrects with as much noise as wanted, from 20 steps on."},
    ScheduleNote{"ScoreSdeVe", "1, noise", "Song et al. 2020, arXiv:2011.13456",
        "For score networks of exploding variance: predicts, then corrects with noise."},
    ScheduleNote{"ScoreSdeVp", "1, noise", "Song et al. 2020, arXiv:2011.13456",
        "For score networks of constant variance, with many small steps."},
    ScheduleNote{"TCD", "leap", "Zheng et al. 2024, arXiv:2402.19159",
        "For networks that leap part of the way: 2 to 8 steps, with noise as eta says."},
    ScheduleNote{"UnCLIP", "1, noise", "Ramesh et al. 2022, arXiv:2204.06125",
        "For unCLIP's priors and decoders, which were trained with its cosine."},
    ScheduleNote{"UniPCMultistep", "2 to 3", "Zhao et al. 2023, arXiv:2302.04867",
        "Each output also corrects the step before: among the best with 5 to 15 steps."},
    ScheduleNote{"VQDiffusion", "classes", "Gu et al. 2021, arXiv:2111.14822",
        "For images of discrete codes, where noise means masked and not blurred."},
};
// clang-format on

[[nodiscard]] inline ScheduleNote schedule_note(std::string_view name) {
    for (const auto& note : schedule_notes)
        if (note.name == name) return note;
    return {name, "-", "-", "See its header in latent/schedulers."};
}

} // namespace latent::command
