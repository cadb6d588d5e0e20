"""What the tables of scheduler cases are made of."""


def case(steps=5, options=None, **config):
    """Five steps of a config; `options` are step()'s."""
    return {"config": config, "steps": steps} | ({"options": options} if options else {})


def several(base=None, **fields):
    """A case for each value of each field: {"field=value": case}."""
    cases = {}
    for field, values in fields.items():
        for value in values:
            cases[f"{field}={value}"] = case(**((base or {}) | {field: value}))
    return cases
