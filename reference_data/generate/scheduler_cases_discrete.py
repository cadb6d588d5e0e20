"""Cases of the schedulers that count in whole timesteps: DDIM and its kin."""

from scheduler_case import case, several

BETAS = {"trained_betas": [0.01 + 0.002 * i for i in range(40)], "num_train_timesteps": 40}
STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}

# What LCM and TCD share.
DISTILLED = {
    "default": case(4),
    "one_step": case(1),
    "original_inference_steps": case(4, original_inference_steps=20),
    "set": case(6) | {"set": {"original_inference_steps": 30, "strength": 0.7}},
    "timesteps": {"config": {}, "timesteps": [999, 700, 259, 19]},
    "timesteps_strength": {"config": {}, "timesteps": [999, 700, 500, 259, 19],
                           "set": {"strength": 0.6}},
    "trained_betas": case(4, **BETAS, original_inference_steps=10),
    "zero_snr": case(rescale_betas_zero_snr=True, prediction_type="v_prediction"),
    **several(beta_schedule=["linear", "squaredcos_cap_v2"],
              prediction_type=["sample", "v_prediction"]),
}

CASES = {
    "DDIMScheduler": {
        "default": case(),
        "stable_diffusion": case(**STABLE_DIFFUSION, clip_sample=False, steps_offset=1,
                                 set_alpha_to_one=False),
        "trained_betas": case(**BETAS),
        "eta": case(options={"eta": 0.7}),
        "eta_1_clipped_output": case(options={"eta": 1.0, "use_clipped_model_output": True}),
        "zero_snr": case(rescale_betas_zero_snr=True, timestep_spacing="trailing",
                         prediction_type="v_prediction"),
        "thresholding": case(thresholding=True, sample_max_value=2.0,
                             dynamic_thresholding_ratio=0.9),
        "clip_sample_range": case(clip_sample_range=0.4),
        "steps=7": case(7),
        **several(beta_schedule=["scaled_linear", "squaredcos_cap_v2"],
                  timestep_spacing=["leading", "trailing", "linspace"],
                  prediction_type=["sample", "v_prediction"],
                  set_alpha_to_one=[False], clip_sample=[False]),
    },
    "DDPMScheduler": {
        "default": case(),
        "trained_betas": case(**BETAS),
        "steps_offset": case(steps_offset=1),
        "zero_snr": case(rescale_betas_zero_snr=True, timestep_spacing="trailing",
                         prediction_type="v_prediction"),
        "thresholding": case(thresholding=True, sample_max_value=2.0,
                             dynamic_thresholding_ratio=0.9),
        "clip_sample_range": case(clip_sample_range=0.4),
        "timesteps": {"config": {}, "timesteps": [900, 500, 400, 100, 3]},
        # A variance is positive, and so is the square of what is drawn.
        "variance_type=learned": case(variance_type="learned")
        | {"output_channels": 2, "squared": True},
        "variance_type=learned_range": case(variance_type="learned_range")
        | {"output_channels": 2},
        **several(beta_schedule=["scaled_linear", "squaredcos_cap_v2", "laplace", "sigmoid"],
                  variance_type=["fixed_small_log", "fixed_large"],
                  timestep_spacing=["trailing", "linspace"],
                  prediction_type=["sample", "v_prediction"], clip_sample=[False]),
        "learned_v": case(variance_type="learned_range", prediction_type="v_prediction")
        | {"output_channels": 2},
        "no_noise": {"config": {}, "timesteps": [0]},
    },
    "PNDMScheduler": {
        "default": case(),
        "steps=9": case(9),
        "steps=4": case(4),
        "trained_betas": case(6, **BETAS),
        "stable_diffusion": case(7, **STABLE_DIFFUSION, skip_prk_steps=True, steps_offset=1),
        "plms": case(skip_prk_steps=True),
        "plms_1": case(1, skip_prk_steps=True),
        "plms_2": case(2, skip_prk_steps=True, set_alpha_to_one=True),
        "plms_v": case(skip_prk_steps=True, prediction_type="v_prediction"),
        **several({"skip_prk_steps": True}, timestep_spacing=["trailing", "linspace"]),
        **several(beta_schedule=["scaled_linear", "squaredcos_cap_v2"],
                  prediction_type=["v_prediction"], set_alpha_to_one=[True]),
        **{f"prk_{spacing}": case(timestep_spacing=spacing)
           for spacing in ("trailing", "linspace")},
    },
    "DDIMInverseScheduler": {
        "default": case(),
        "stable_diffusion": case(**STABLE_DIFFUSION, clip_sample=False, steps_offset=1,
                                 set_alpha_to_one=False),
        "trained_betas": case(**BETAS),
        "zero_snr": case(rescale_betas_zero_snr=True, timestep_spacing="trailing",
                         prediction_type="v_prediction"),
        # At the first step nothing of the noise is known without it.
        "sample": case(prediction_type="sample", set_alpha_to_one=False),
        "clip_sample_range": case(clip_sample_range=0.4),
        "steps=7": case(7),
        **several(beta_schedule=["scaled_linear", "squaredcos_cap_v2"],
                  timestep_spacing=["trailing"], prediction_type=["v_prediction"],
                  set_alpha_to_one=[False], clip_sample=[False]),
    },
    "LCMScheduler": {
        **DISTILLED,
        "thresholding": case(thresholding=True, sample_max_value=2.0,
                             dynamic_thresholding_ratio=0.9),
        "clip_sample": case(clip_sample=True),
        "clip_sample_range": case(clip_sample=True, clip_sample_range=0.4),
        # Timestep 0, where only the sample itself counts, and close to it.
        "timestep_scaling": {"config": {"timestep_scaling": 0.05},
                             "timesteps": [999, 30, 5, 2, 0]},
    },
    "TCDScheduler": {
        **DISTILLED,
        **{f"eta={eta}": case(options={"eta": eta}) for eta in (0.0, 0.7, 1.0)},
        "eta_v": case(options={"eta": 0.5}, prediction_type="v_prediction"),
    },
    # The next timestep is said, or the step goes to t - 1.
    "UnCLIPScheduler": {
        "default": case() | {"prev_timestep": True},
        "by_one": case(),
        "steps=7": case(7) | {"prev_timestep": True},
        "num_train_timesteps": case(num_train_timesteps=30) | {"prev_timestep": True},
        "clip_sample_range": case(clip_sample_range=0.4) | {"prev_timestep": True},
        "clip_sample=False": case(clip_sample=False) | {"prev_timestep": True},
        "sample": case(prediction_type="sample") | {"prev_timestep": True},
        "learned_range": case(variance_type="learned_range")
        | {"output_channels": 2, "prev_timestep": True},
        "learned_range_by_one": case(variance_type="learned_range") | {"output_channels": 2},
    },
    "RePaintScheduler": {
        "default": case(),
        "jumps": case(4) | {"set": {"jump_length": 2, "jump_n_sample": 2}},
        "jumps_of_one": case(3) | {"set": {"jump_length": 1, "jump_n_sample": 3}},
        "eta_jumps": case(4, eta=1.0) | {"set": {"jump_length": 2, "jump_n_sample": 2}},
        "more_than_trained": case(9, num_train_timesteps=4)
        | {"set": {"jump_length": 2, "jump_n_sample": 2}},
        **several(beta_schedule=["scaled_linear", "squaredcos_cap_v2", "sigmoid"],
                  eta=[0.5], clip_sample=[False]),
    },
    "VQDiffusionScheduler": {
        "default": case(100, num_vec_classes=9),
        "posteriors": case(num_vec_classes=6, num_train_timesteps=5) | {"posteriors": True},
        "shares": case(num_vec_classes=4, num_train_timesteps=5, alpha_cum_start=0.9,
                       alpha_cum_end=0.05, gamma_cum_start=0.02, gamma_cum_end=0.8)
        | {"posteriors": True},
        "last_steps": case(12, num_vec_classes=30, num_train_timesteps=20),
        "one_class": case(num_vec_classes=2, num_train_timesteps=5),
    },
}
