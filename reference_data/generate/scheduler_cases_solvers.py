"""Cases of the solvers along ln(alpha / sigma): DPM-Solver and its kin."""

from scheduler_case import case, several

SIGMA_MIN = {"final_sigmas_type": "sigma_min"}
STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
FLOW = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
QUANTILE = {"thresholding": True, "sample_max_value": 2.0, "dynamic_thresholding_ratio": 0.9}
SPACINGS = {"use_karras_sigmas": [True], "use_exponential_sigmas": [True],
            "use_beta_sigmas": [True]}

DPM = {
    "default": case(),
    "stable_diffusion": case(**STABLE_DIFFUSION, timestep_spacing="leading", steps_offset=1),
    "steps=16": case(16, solver_order=3),  # from 15 on the order stays at the end
    "steps=16_sigma_min": case(16, solver_order=3, **SIGMA_MIN),
    "lower_order_final=False": case(solver_order=3, lower_order_final=False, **SIGMA_MIN),
    "euler_at_final": case(lower_order_final=False, euler_at_final=True, **SIGMA_MIN),
    **{f"{algorithm}_{solver}_{order}": case(6, algorithm_type=algorithm, solver_type=solver,
                                             solver_order=order, **SIGMA_MIN)
       for algorithm in ("dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++")
       for solver in ("midpoint", "heun") for order in (1, 2, 3)
       if not (algorithm == "sde-dpmsolver" and order == 3)},
    **{f"{algorithm}_{kind}": case(algorithm_type=algorithm, prediction_type=kind, **SIGMA_MIN)
       for algorithm in ("dpmsolver", "dpmsolver++") for kind in ("sample", "v_prediction")},
    "karras_squaredcos": case(use_karras_sigmas=True, beta_schedule="squaredcos_cap_v2",
                              lambda_min_clipped=-5.1) | {"begin": 0},
    "lu_squaredcos": case(use_lu_lambdas=True,
                          beta_schedule="squaredcos_cap_v2") | {"begin": 0},
    "flow": case(**FLOW, flow_shift=3.0),
    "flow_dynamic": case(**FLOW, use_dynamic_shifting=True) | {"set": {"mu": 0.8}},
    "learned": case(variance_type="learned") | {"output_channels": 2},
    "learned_range": case(variance_type="learned_range", algorithm_type="dpmsolver",
                          **SIGMA_MIN) | {"output_channels": 2},
    "thresholding": case(**QUANTILE),
    "thresholding_noise": case(**QUANTILE, algorithm_type="dpmsolver", **SIGMA_MIN),
    "zero_snr": case(rescale_betas_zero_snr=True, timestep_spacing="trailing",
                     prediction_type="v_prediction"),
    "lambda_min_clipped": case(lambda_min_clipped=-3.0, timestep_spacing="trailing"),
    "lambda_min_clipped_leading": case(lambda_min_clipped=-3.0, timestep_spacing="leading"),
    "timesteps": {"config": {}, "timesteps": [900, 500, 400, 100, 3]},
    "names_of_others": case(algorithm_type="deis", solver_type="logrho", **SIGMA_MIN),
    **several(beta_schedule=["scaled_linear", "squaredcos_cap_v2"],
              timestep_spacing=["leading", "trailing", "linspace"],
              final_sigmas_type=["sigma_min"], use_lu_lambdas=[True], **SPACINGS),
}

SINGLE = {
    "default": case(),
    "stable_diffusion": case(**STABLE_DIFFUSION),
    **{f"{algorithm}_{solver}_{order}_steps={steps}":
       case(steps, algorithm_type=algorithm, solver_type=solver, solver_order=order,
            **SIGMA_MIN)
       for algorithm in ("dpmsolver", "dpmsolver++", "sde-dpmsolver++")
       for solver in ("midpoint", "heun") for order, steps in ((1, 4), (2, 4), (3, 6))},
    **{f"order={order}_steps={steps}": case(steps, solver_order=order)
       for order, steps in ((1, 5), (2, 6), (3, 6), (3, 7), (3, 8))},
    "lower_order_final": case(6, solver_order=3, lower_order_final=True, **SIGMA_MIN),
    **{f"{algorithm}_{kind}": case(algorithm_type=algorithm, prediction_type=kind, **SIGMA_MIN)
       for algorithm in ("dpmsolver", "dpmsolver++") for kind in ("sample", "v_prediction")},
    "karras_squaredcos": case(use_karras_sigmas=True, beta_schedule="squaredcos_cap_v2",
                              lambda_min_clipped=-5.1) | {"begin": 0},
    "flow": case(**FLOW, flow_shift=3.0),
    "flow_dynamic": case(**FLOW, use_dynamic_shifting=True) | {"set": {"mu": 0.8}},
    "learned": case(variance_type="learned") | {"output_channels": 2},
    "learned_range": case(variance_type="learned_range", algorithm_type="dpmsolver",
                          **SIGMA_MIN) | {"output_channels": 2},
    "thresholding": case(**QUANTILE),
    "lambda_min_clipped": case(lambda_min_clipped=-3.0),
    "timesteps": {"config": {}, "timesteps": [900, 500, 400, 100, 3]},
    "names_of_others": case(algorithm_type="deis", solver_type="bh2", **SIGMA_MIN),
    **several(beta_schedule=["squaredcos_cap_v2"], final_sigmas_type=["sigma_min"], **SPACINGS),
}

UNIPC = {
    "default": case(),
    "stable_diffusion": case(**STABLE_DIFFUSION, timestep_spacing="leading", steps_offset=1),
    **{f"{solver}_{order}{'' if x0 else '_noise'}":
       case(7, solver_type=solver, solver_order=order, predict_x0=x0, **SIGMA_MIN)
       for solver in ("bh1", "bh2") for order in (1, 2, 3, 4) for x0 in (True, False)},
    "lower_order_final=False": case(solver_order=3, lower_order_final=False, **SIGMA_MIN),
    "disable_corrector": case(6, disable_corrector=[0, 2]),
    **{f"noise_{kind}": case(predict_x0=False, prediction_type=kind, **SIGMA_MIN)
       for kind in ("sample", "v_prediction")},
    "karras_sigma_min": case(use_karras_sigmas=True, sigma_min=0.1, sigma_max=10.0,
                             **SIGMA_MIN),
    "karras_flow": case(use_karras_sigmas=True, sigma_min=0.1, sigma_max=10.0, **FLOW),
    "exponential_sigma_min": case(use_exponential_sigmas=True, **SIGMA_MIN),
    "beta_sigma_min": case(use_beta_sigmas=True, **SIGMA_MIN),
    "flow": case(**FLOW, flow_shift=3.0),
    "flow_sigma_min": case(**FLOW, flow_shift=3.0, **SIGMA_MIN),
    "flow_dynamic": case(**FLOW, use_dynamic_shifting=True) | {"set": {"mu": 0.8}},
    "flow_terminal": case(**FLOW, flow_shift=3.0, shift_terminal=0.1),
    "flow_sigmas": {"config": FLOW, "sigmas": [0.9, 0.7, 0.4, 0.1]},
    "thresholding": case(**QUANTILE),
    "zero_snr": case(rescale_betas_zero_snr=True, timestep_spacing="trailing",
                     prediction_type="v_prediction"),
    "names_of_others": case(solver_type="midpoint"),
    **several(beta_schedule=["squaredcos_cap_v2"],
              timestep_spacing=["leading", "trailing", "linspace"],
              prediction_type=["sample", "v_prediction"], final_sigmas_type=["sigma_min"],
              **SPACINGS),
}

DEIS = {
    "default": case(),
    "stable_diffusion": case(**STABLE_DIFFUSION, timestep_spacing="leading", steps_offset=1),
    **{f"order={order}": case(6, solver_order=order) for order in (1, 2, 3)},
    "steps=16": case(16, solver_order=3),  # from 15 on the order stays at the end
    "lower_order_final=False": case(solver_order=3, lower_order_final=False),
    # Less than 1: a step from alpha near 0 takes the difference of two large numbers.
    "flow": case(**FLOW, flow_shift=0.1),
    "flow_dynamic": case(**FLOW, use_dynamic_shifting=True) | {"set": {"mu": -2.0}},
    "thresholding": case(**QUANTILE),
    "names_of_others": case(algorithm_type="dpmsolver++", solver_type="bh2"),
    **several(beta_schedule=["squaredcos_cap_v2"],
              timestep_spacing=["leading", "trailing", "linspace"],
              prediction_type=["sample", "v_prediction"], **SPACINGS),
}

INVERSE = {
    "default": case(),
    "steps=16": case(16, solver_order=3),  # from 15 on the order stays at the end
    "euler_at_final": case(lower_order_final=False, euler_at_final=True),
    "lower_order_final=False": case(lower_order_final=False),
    **{f"{algorithm}_{solver}_{order}": case(6, algorithm_type=algorithm, solver_type=solver,
                                             solver_order=order)
       for algorithm in ("dpmsolver", "dpmsolver++")
       for solver in ("midpoint", "heun") for order in (1, 2, 3)},
    **{f"{algorithm}_flow": case(algorithm_type=algorithm, use_flow_sigmas=True, flow_shift=0.1)
       for algorithm in ("dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++")},
    "flow": case(**FLOW, flow_shift=3.0),
    "learned": case(variance_type="learned") | {"output_channels": 2},
    "learned_range": case(variance_type="learned_range",
                          algorithm_type="dpmsolver") | {"output_channels": 2},
    "thresholding": case(**QUANTILE),
    "lambda_min_clipped": case(lambda_min_clipped=-3.0, beta_schedule="squaredcos_cap_v2"),
    "lambda_min_clipped_trailing": case(lambda_min_clipped=-3.0, timestep_spacing="trailing"),
    "leading_offset": case(timestep_spacing="leading", steps_offset=1),
    "karras_steps=20": case(20, use_karras_sigmas=True),  # some timesteps are equal
    "names_of_others": case(algorithm_type="deis", solver_type="bh2"),
    **several(timestep_spacing=["leading", "trailing", "linspace"],
              prediction_type=["sample", "v_prediction"], **SPACINGS),
}

FLOW_EULER = {
    "default": case(),
    "shift": case(shift=3.0, num_train_timesteps=500),
    **{f"dynamic_{kind}":
       case(use_dynamic_shifting=True, time_shift_type=kind) | {"set": {"mu": mu}}
       for kind, mu in (("exponential", 0.8), ("linear", 1.8))},
    "dynamic_sigmas": {"config": {"use_dynamic_shifting": True}, "sigmas": [1.0, 0.7, 0.4, 0.1],
                       "set": {"mu": 0.8}},
    "sigmas": {"config": {"shift": 3.0}, "sigmas": [1.0, 0.7, 0.4, 0.1]},
    "timesteps": {"config": {"shift": 3.0}, "timesteps": [1000.0, 700.5, 400.0, 100.0]},
    "invert_sigmas": case(invert_sigmas=True, shift=2.0),
    "shift_terminal": case(shift_terminal=0.1, shift=2.0),
    "stochastic_sampling": case(stochastic_sampling=True, shift=2.0),
    **several({"shift": 3.0}, **SPACINGS),
}

SA = {
    "default": case(),
    "stable_diffusion": case(8, **STABLE_DIFFUSION, timestep_spacing="leading", steps_offset=1),
    **{f"{algorithm}_{predictor}_{corrector}":
       case(8, algorithm_type=f"{algorithm}_prediction", predictor_order=predictor,
            corrector_order=corrector, **STABLE_DIFFUSION)
       for algorithm in ("data", "noise")
       for predictor, corrector in ((1, 1), (2, 1), (1, 2), (3, 3), (2, 4), (4, 2))},
    "lower_order_final=False": case(8, lower_order_final=False),
    **{f"noise_{kind}": case(algorithm_type="noise_prediction", prediction_type=kind)
       for kind in ("sample", "v_prediction")},
    "flow": case(**FLOW, flow_shift=3.0),
    # No learned variance: diffusers draws noise of the output's shape there, and fails.
    "thresholding": case(**QUANTILE),
    "lambda_min_clipped": case(lambda_min_clipped=-3.0, timestep_spacing="trailing"),
    **several(beta_schedule=["squaredcos_cap_v2"],
              timestep_spacing=["leading", "trailing", "linspace"],
              prediction_type=["sample", "v_prediction"]),
    **several(STABLE_DIFFUSION, **SPACINGS),
}

CASES = {
    "IPNDMScheduler": {
        "default": case(7),
        "steps=4": case(4),
        "trained_betas": case(5, trained_betas=[0.95, 0.8, 0.6, 0.4, 0.2, 0.0]),
    },
    "SASolverScheduler": SA,
    "DPMSolverMultistepScheduler": DPM,
    "DPMSolverSinglestepScheduler": SINGLE,
    "UniPCMultistepScheduler": UNIPC,
    "DEISMultistepScheduler": DEIS,
    "DPMSolverMultistepInverseScheduler": INVERSE,
    "FlowMatchEulerDiscreteScheduler": FLOW_EULER,
}
