"""The shapes of what goes into a case: apart, for engines that run without PyTorch."""


def input_shape(case, size):
    if case.endswith("encode"):
        return (1, 3, size, size)
    return (1, 32 if case.startswith("taef2") else 4, size // 8, size // 8)
