"""reference_data/schedulers/: runs of diffusers' schedulers, step by step.

A case is a config and a way to run it. NAME.json has them all: case -> config, steps (or
timesteps, or sigmas), seed, and what step() is given besides. NAME.safetensors has of each case
CASE.timesteps, CASE.sigmas (where there are any), CASE.samples [steps + 1, ...] from the first
sample on, CASE.inputs, what scale_model_input makes of them, where that is not the same, and
CASE.noise where a step's noise is torchsde's.

Nothing that a seed gives is stored: the first sample is randn of `seed` times init_noise_sigma,
the model's outputs are randn of seed + 1, one after the other (squared, where a case says so:
then they are positive, as a variance is), and the noise that a step draws
is that of seed + 2. The outputs mean nothing: so they tell most about each coefficient.
"""

import inspect
import json

from golden import Golden, generator

import diffusers
import numpy as np
import scheduler_cases
import torch
from diffusers.schedulers import scheduling_dpmsolver_sde
from diffusers.schedulers.deprecated import scheduling_karras_ve, scheduling_sde_vp


def karras_ve(scheduler, t, sample, draw, noise):
    """KarrasVePipeline's step: noise, a step of Euler's, and its correction."""
    sigma = scheduler.schedule[t]
    sigma_prev = scheduler.schedule[t - 1] if t > 0 else 0
    sample_hat, sigma_hat = scheduler.add_noise_to_input(sample, sigma, noise)
    made = scheduler.step(draw(), sigma_hat, sigma_prev, sample_hat)
    if sigma_prev != 0:
        made = scheduler.step_correct(draw(), sigma_hat, sigma_prev, sample_hat,
                                      made.prev_sample, made["derivative"])
    return made.prev_sample


def score_sde_ve(scheduler, t, sample, draw, noise):
    """ScoreSdeVePipeline's step: corrections, then a prediction."""
    for _ in range(scheduler.config.correct_steps):
        sample = scheduler.step_correct(draw(), sample, generator=noise).prev_sample
    return scheduler.step_pred(draw(), t, sample, generator=noise).prev_sample


def score_sde_vp(scheduler, t, sample, draw, noise):
    return scheduler.step_pred(draw(), sample, t * torch.ones(sample.shape[0]), generator=noise)[0]


def record(scheduler, sample, recorded):
    """Gives DPMSolverSDE torchsde's path, and keeps what it says."""
    positive = scheduler.sigmas[scheduler.sigmas > 0]
    path = scheduling_dpmsolver_sde.BrownianTreeNoiseSampler(
        sample, positive.min().item(), positive.max().item(), scheduler.noise_sampler_seed)

    def sampler(sigma, sigma_next):
        recorded.append(path(sigma, sigma_next))
        return recorded[-1]

    scheduler.noise_sampler = sampler


def published_noise():
    """What torchsde gives test_full_loop_no_noise of diffusers' test_scheduler_dpm_sde.py."""
    scheduler = diffusers.DPMSolverSDEScheduler(
        num_train_timesteps=1100, beta_start=0.0001, beta_end=0.02, noise_sampler_seed=0)
    scheduler.set_timesteps(10)
    sample, recorded = torch.zeros(4, 3, 8, 8), []
    record(scheduler, sample, recorded)
    for t in scheduler.timesteps:
        scheduler.step(sample, t, sample)
    return torch.stack(recorded)


DEPRECATED = {"KarrasVeScheduler": scheduling_karras_ve,
              "ScoreSdeVpScheduler": scheduling_sde_vp}

# What a step is where it is not a call of step(output, t, sample): draw() gives outputs.
STEPS = {"KarrasVeScheduler": karras_ve, "ScoreSdeVeScheduler": score_sde_ve,
         "ScoreSdeVpScheduler": score_sde_vp}

SHAPE = (2, 3, 4, 5)  # more than 16 numbers: torch draws fewer in another way


def begin(name, case):
    """The scheduler at the beginning of its run."""
    scheduler = getattr(DEPRECATED.get(name, diffusers), name)(**case["config"])
    more = case.get("set", {})
    if "steps" in case:
        scheduler.set_timesteps(case["steps"], **more)
    elif "timesteps" in case:
        scheduler.set_timesteps(timesteps=np.array(case["timesteps"]), **more)
    elif name.startswith("EDM"):
        scheduler.set_timesteps(sigmas=torch.tensor(case["sigmas"], dtype=torch.float64))
    else:
        scheduler.set_timesteps(sigmas=np.array(case["sigmas"]), **more)
    if "begin" in case:
        scheduler.set_begin_index(case["begin"])
    if hasattr(scheduler, "set_sigmas"):
        scheduler.set_sigmas(case["steps"])
    return scheduler


def step_options(name, case, scheduler, noise):
    """What step() is given besides output, timestep and sample."""
    options = dict(case.get("options", {}))
    step = getattr(scheduler, "step", None)
    if step and "generator" in inspect.signature(step).parameters:
        options["generator"] = noise
    if name == "RePaintScheduler":
        options["original_image"] = torch.randn(SHAPE, generator=generator(case["seed"] + 3))
        options["mask"] = torch.rand(SHAPE, generator=generator(case["seed"] + 4))
    return options


def run(name, case):
    """The tensors of a case."""
    scheduler = begin(name, case)
    seed = case["seed"]
    outputs, noise = generator(seed + 1), generator(seed + 2)
    channels = SHAPE[1] * case.get("output_channels", 1)

    def draw():
        output = torch.randn((SHAPE[0], channels, *SHAPE[2:]), generator=outputs)
        return output * output if case.get("squared") else output

    deviation = getattr(scheduler, "init_noise_sigma", 1)  # flows have none
    sample = torch.randn(SHAPE, generator=generator(seed)) * deviation
    tensors = {"timesteps": torch.as_tensor(scheduler.timesteps).double()}
    if getattr(scheduler, "sigmas", None) is not None:
        tensors["sigmas"] = torch.as_tensor(scheduler.sigmas).double()
    options = step_options(name, case, scheduler, noise)
    samples, inputs, recorded = [sample], [], []
    if case["config"].get("noise_sampler_seed") is not None:
        record(scheduler, sample, recorded)
    elif hasattr(scheduler, "noise_sampler"):
        scheduler.noise_sampler = lambda *_: torch.randn(SHAPE, generator=noise)
    scales = hasattr(scheduler, "scale_model_input")
    timesteps = scheduler.timesteps
    for i, t in enumerate(timesteps):
        inputs.append(scheduler.scale_model_input(sample, t) if scales else sample)
        if name in STEPS:
            sample = STEPS[name](scheduler, t, sample, draw, noise)
            samples.append(sample)
            continue
        output = draw()
        if case.get("prev_timestep"):
            following = timesteps[i + 1 : i + 2].tolist()
            options["prev_timestep"] = following[0] if following else None
        if name == "RePaintScheduler" and i > 0 and t > timesteps[i - 1]:
            sample = scheduler.undo_step(sample, timesteps[i - 1], noise)
        else:
            sample = scheduler.step(output, t, sample, **options).prev_sample
        samples.append(sample)
    assert all(torch.isfinite(sample).all() for sample in samples), (name, case)
    tensors["samples"] = torch.stack(samples)
    if recorded:
        tensors["noise"] = torch.stack(recorded)
    if not torch.equal(torch.stack(inputs), tensors["samples"][:-1]):
        tensors["inputs"] = torch.stack(inputs)
    return tensors


def run_classes(case):
    """The same of VQDiffusion, whose samples are classes, all masked at first. Outputs are
    log-probabilities: log_softmax, in float64, of twice what is drawn. Some cases have the
    distribution of each step, too."""
    scheduler = diffusers.VQDiffusionScheduler(**case["config"])
    scheduler.set_timesteps(case["steps"])
    outputs, noise = generator(case["seed"] + 1), generator(case["seed"] + 2)
    mask = scheduler.num_embed - 1
    sample = torch.full((2, 20), mask)
    samples, tensors = [sample], {}
    for i, t in enumerate(scheduler.timesteps.tolist()):
        logits = 2 * torch.randn((2, mask, 20), generator=outputs)
        output = torch.log_softmax(logits.double(), dim=1).float()
        if case.get("posteriors") and t > 0:
            tensors[f"posterior.{i}"] = scheduler.q_posterior(output, sample, t)
        sample = scheduler.step(output, t, sample, generator=noise).prev_sample
        samples.append(sample)
    return {"samples": torch.stack(samples).to(torch.uint8)} | tensors


def stored(folder):
    """Makes every file; yields its name, what it is, and its number of tensors."""
    for name, cases in scheduler_cases.ALL.items():
        file = Golden(f"schedulers/{name}", f"runs of diffusers' {name}")
        for number, (key, case) in enumerate(cases.items()):
            case["seed"] = 10 * number
            classes = name == "VQDiffusionScheduler"
            tensors = run_classes(case) if classes else run(name, case)
            for part, tensor in tensors.items():
                file.tensor(f"{key}.{part}", tensor)
        if name == "DPMSolverSDEScheduler":
            file.tensor("published.noise", published_noise())
        path = file.save(folder)
        yield path.relative_to(folder).as_posix(), file.what, len(file.tensors)
        text = path.with_suffix(".json")
        lines = [f" {json.dumps(key)}: {json.dumps(case)}" for key, case in cases.items()]
        text.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        yield text.relative_to(folder).as_posix(), f"the cases of {name}", None


if __name__ == "__main__":
    import pathlib
    import sys

    # python schedulers.py FOLDER [NAME...]: without the rest of the reference data
    if sys.argv[2:]:
        scheduler_cases.ALL = {name: scheduler_cases.ALL[name] for name in sys.argv[2:]}
    for made in stored(pathlib.Path(sys.argv[1])):
        print(*made)
