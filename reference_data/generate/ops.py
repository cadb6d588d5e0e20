"""reference_data/ops/: each operation on its own. What a test needs to make the same inputs
stands beside the outputs: `NAME.case`, whole numbers whose meaning stands here."""

from golden import Golden, conv2d, generator, uniform

import torch
from torch import nn
from torch.nn import functional

ACTIVATIONS = [
    lambda x: x, functional.relu, functional.silu, functional.mish, functional.gelu,
]
NONE, RELU, SILU, MISH, GELU = range(5)


def both(function, *inputs):
    """function(inputs) in float32 and in float64."""
    return function(*inputs), function(*(x.double() for x in inputs))


def conv2d_cases():
    """NAME.case: N, C, H, W, K, kernel_h, kernel_w, down, right (the stride), left, right, top,
    bottom (the padding), bias, upsample, add, activation, seed. Inputs are uniform(): x,
    weight, then bias, then add."""

    def case(name, x, k, kernel, stride=(1, 1), pad=(0, 0, 0, 0), bias=1, upsample=1, add=0,
             activation=NONE):
        return name, [*x, k, *kernel, *stride, *pad, bias, upsample, add, activation]

    one, three = (1, 1), (3, 3)
    same, two = (1, 1, 1, 1), (2, 2)
    return [
        case("1x1", (1, 16, 9, 11), 20, one, bias=0),
        case("1x1_one_pixel", (1, 3, 1, 1), 5, one),
        case("1x1_stride_2", (2, 7, 13, 10), 9, one, two),
        case("1x1_padded", (1, 6, 5, 4), 7, one, pad=same),
        case("1x1_deep", (1, 600, 5, 7), 9, one),
        case("3x3", (1, 16, 12, 14), 16, three, pad=same),
        case("3x3_odd", (1, 5, 7, 9), 3, three, pad=same),
        case("3x3_batch", (2, 12, 11, 8), 20, three, pad=same, bias=0),
        case("3x3_one_pixel", (1, 3, 1, 1), 5, three, pad=same),
        case("3x3_two_pixels", (2, 4, 2, 1), 3, three, pad=same),
        case("3x3_row", (1, 3, 1, 131), 4, three, pad=same),
        case("3x3_column", (1, 3, 67, 1), 4, three, pad=same, bias=0),
        case("3x3_valid", (1, 8, 10, 17), 11, three),
        case("3x3_valid_one_output", (1, 9, 3, 3), 8, three),
        case("3x3_asymmetric", (1, 6, 8, 9), 10, three, pad=(2, 0, 1, 3)),
        case("3x3_left_over", (2, 3, 4, 5), 2, three, pad=(4, 5, 0, 3)),
        case("3x3_deep", (1, 300, 6, 7), 10, three, pad=same),
        case("3x3_large", (1, 20, 40, 50), 30, three, pad=same),
        case("3x3_stride_2", (2, 24, 15, 17), 12, three, two, same),
        case("3x3_stride_2_right_bottom", (1, 12, 9, 8), 12, three, two, (0, 1, 0, 1)),
        case("3x3_stride_2_deep", (1, 270, 8, 9), 11, three, two, same),
        case("3x3_stride_2_one_pixel", (1, 5, 1, 1), 6, three, two, same),
        case("3x3_stride_3", (1, 10, 20, 23), 8, three, (3, 3), same, bias=0),
        case("3x3_stride_1_by_2", (1, 4, 9, 10), 5, three, (1, 2), same),
        case("5x7_asymmetric", (1, 5, 13, 16), 6, (5, 7), (1, 2), (3, 2, 1, 4)),
        case("5x5", (1, 8, 9, 9), 8, (5, 5), pad=(2, 2, 2, 2)),
        case("7x7_larger_than_image", (1, 4, 3, 2), 5, (7, 7), pad=(3, 3, 3, 3)),
        case("2x2", (1, 4, 6, 7), 8, two, two),
        case("4x4", (1, 4, 9, 11), 3, (4, 4), pad=(1, 2, 2, 1)),
        case("3x1", (1, 7, 8, 9), 9, (3, 1), pad=(0, 0, 1, 1)),
        case("3x3_relu", (1, 9, 10, 7), 12, three, pad=same, activation=RELU),
        case("3x3_silu", (1, 9, 7, 10), 12, three, pad=same, activation=SILU),
        case("3x3_mish", (1, 4, 7, 6), 5, three, pad=same, activation=MISH),
        case("3x3_gelu", (1, 4, 6, 7), 5, three, pad=same, activation=GELU),
        case("3x3_add_relu", (2, 8, 9, 9), 10, three, pad=same, add=1, activation=RELU),
        case("3x3_add", (1, 8, 9, 9), 10, three, pad=same, bias=0, add=1),
        case("1x1_add_silu", (1, 33, 6, 5), 10, one, bias=0, add=1, activation=SILU),
        case("3x3_stride_2_add_relu", (1, 8, 9, 9), 9, three, two, same, add=1,
             activation=RELU),
        case("up_2_3x3", (2, 12, 5, 7), 9, three, pad=same, upsample=2, bias=0),
        case("up_2_3x3_one_pixel", (1, 5, 1, 1), 4, three, pad=same, upsample=2),
        case("up_2_3x3_large", (1, 20, 21, 50), 10, three, pad=same, upsample=2),
        case("up_2_3x3_add_relu", (1, 8, 6, 5), 8, three, pad=same, upsample=2, add=1,
             activation=RELU),
        case("up_2_3x3_deep", (1, 300, 4, 5), 9, three, pad=same, upsample=2),
        case("up_2_3x3_asymmetric", (1, 6, 5, 4), 7, three, pad=(0, 2, 1, 0), upsample=2),
        case("up_2_5x5", (1, 4, 5, 4), 6, (5, 5), pad=(2, 2, 2, 2), upsample=2),
        case("up_3_3x3", (1, 6, 4, 5), 7, three, pad=same, upsample=3, activation=SILU),
    ]


def conv2d_of(case, inputs):
    """The function and its inputs; `inputs` draws them, uniform() for most."""
    n, c, h, w, k, kh, kw, down, right, *rest = case
    *pad, bias, upsample, add, activation = rest
    left, right_pad, top, bottom = pad
    oh = (h * upsample + top + bottom - kh) // down + 1
    ow = (w * upsample + left + right_pad - kw) // right + 1
    shapes = [(n, c, h, w), (k, c, kh, kw)] + [(k,)] * bias + [(n, k, oh, ow)] * add
    drawn = [inputs(*shape) for shape in shapes]

    def function(x, weight, *others):
        others = list(others)
        offset = others.pop(0) if bias else None
        if upsample > 1:
            x = functional.interpolate(x, scale_factor=upsample, mode="nearest")
        y = conv2d(functional.pad(x, pad), weight, offset, (down, right))
        return ACTIVATIONS[activation](y + others.pop(0) if add else y)

    return function, drawn


def make_conv2d():
    file = Golden("ops/conv2d", "torch.nn.functional.conv2d, and what a fused call adds to it")
    for seed, (name, case) in enumerate(conv2d_cases()):
        random = generator(seed)
        function, inputs = conv2d_of(case, lambda *shape: uniform(random, *shape))
        file.numbers(f"{name}.case", [*case, seed])
        file.output(name, *both(function, *inputs))
    return file


def make_linear():
    """NAME.case: in_features, out_features, bias, seed, the other dimensions of x.
    Inputs are uniform(): x, weight, then bias."""
    file = Golden("ops/linear", "torch.nn.functional.linear")
    cases = [
        ("one", [1, 1, 1, 0], [1]), ("vector", [7, 3, 1, 1], []), ("rows", [64, 20, 1, 2], [5]),
        ("no_bias", [33, 17, 0, 3], [2, 9]), ("rank_4", [8, 24, 1, 4], [2, 3, 4]),
        ("deep", [3000, 6, 1, 5], [7]), ("blocks", [40, 30, 1, 6], [130]),
    ]
    for name, case, dims in cases:
        random = generator(case[3])
        inputs = [uniform(random, *dims, case[0]), uniform(random, case[1], case[0])]
        inputs += [uniform(random, case[1])] * case[2]
        file.numbers(f"{name}.case", [*case, *dims])
        file.output(name, *both(functional.linear, *inputs))
    return file


def make_group_norm():
    """NAME.case: N, C, H, W, groups, activation, spread, offset, seed; eps is 1e-5.
    Inputs are uniform(): x (times spread plus offset), weight, bias."""
    file = Golden("ops/group_norm", "torch.nn.functional.group_norm, an activation after it")
    cases = [
        ("32_groups", [1, 64, 9, 7, 32, NONE, 1, 0]),
        ("one_group", [2, 6, 5, 5, 1, NONE, 4, 0]),
        ("a_group_a_channel", [1, 10, 8, 7, 10, NONE, 1, 0]),
        ("batch", [3, 12, 4, 5, 4, NONE, 2, 1]),
        ("two_pixels", [1, 8, 1, 2, 4, NONE, 1, 0]),
        ("row", [1, 4, 1, 77, 2, NONE, 1, 0]),
        ("large", [1, 16, 33, 40, 4, NONE, 1, 0]),
        ("far_from_zero", [1, 8, 12, 13, 4, NONE, 1, 16]),
        ("relu", [1, 16, 7, 9, 4, RELU, 1, 0]),
        ("silu", [2, 8, 9, 7, 2, SILU, 1, 0]),
        ("mish", [1, 8, 5, 7, 2, MISH, 1, 0]),
        ("gelu", [1, 8, 7, 5, 2, GELU, 1, 0]),
    ]
    for seed, (name, case) in enumerate(cases):
        n, c, h, w, groups, activation, spread, offset = case
        random = generator(seed)
        inputs = [uniform(random, n, c, h, w) * spread + offset]
        inputs += [uniform(random, c), uniform(random, c)]

        def function(x, weight, bias):
            y = functional.group_norm(x, groups, weight, bias, eps=1e-5)
            return ACTIVATIONS[activation](y)

        file.numbers(f"{name}.case", [*case, seed])
        file.output(name, *both(function, *inputs))
    return file


def make_attention():
    """NAME.case: N, L, S, heads, D, spread, seed. Inputs are uniform(): q and k, times spread,
    [N, L or S, heads D], then v."""
    file = Golden("ops/attention", "torch.nn.functional.scaled_dot_product_attention")
    cases = [
        ("one", [1, 1, 1, 1, 1, 1]), ("one_head", [1, 13, 13, 1, 24, 2]),
        ("heads", [2, 19, 19, 4, 6, 2]), ("heads_of_1", [1, 9, 9, 10, 1, 4]),
        ("fewer_keys", [1, 37, 5, 2, 8, 3]), ("more_keys", [3, 7, 29, 3, 5, 3]),
        ("one_query", [1, 1, 300, 1, 16, 2]), ("one_key", [2, 11, 1, 2, 4, 2]),
        ("large_logits", [1, 33, 41, 2, 16, 12]), ("long", [1, 519, 519, 1, 8, 3]),
        ("deep", [1, 66, 65, 1, 512, 1]), ("uneven", [1, 131, 257, 3, 40, 2]),
    ]
    for seed, (name, case) in enumerate(cases):
        n, queries, keys, heads, width, spread = case
        random = generator(seed)
        q, k, v = (uniform(random, n, long, heads * width) for long in (queries, keys, keys))

        def function(*inputs):
            split = [x.unflatten(2, (heads, width)).transpose(1, 2) for x in inputs]
            y = functional.scaled_dot_product_attention(*split)
            return y.transpose(1, 2).reshape(n, queries, heads * width)

        file.numbers(f"{name}.case", [*case, seed])
        file.output(name, *both(function, q * spread, k * spread, v))
    return file


def make_activation():
    """x is uniform() of seed 0 and 4,096 elements, times 8; `special` has its own input."""
    file = Golden("ops/activation", "torch's relu, silu, mish and gelu")
    inf, nan = float("inf"), float("nan")
    special = [0.0, -0.0, 1e-30, -1e-30, 1e-42, -1e-42, 0.5, -0.5, 5.0, -5.0, 17.0, -17.0]
    special += [30.0, -30.0, 88.0, -88.0, 88.8, -88.8, 103.0, -103.0, 1000.0, -1000.0]
    special = torch.tensor(special + [1e30, -1e30, inf, -inf, nan])
    file.tensor("special", special)
    x = uniform(generator(0), 4096) * 8
    for name in ("relu", "silu", "mish", "gelu"):
        function = getattr(functional, name)
        file.output(name, *both(function, x))
        single, truth = both(function, special)
        file.tensor(f"special.{name}.float32", single)
        file.tensor(f"special.{name}.float64", truth)
    return file


def make_leaky_relu():
    """x is uniform() of seed 0 and 512 elements, times 8; `special` has its own input."""
    file = Golden("ops/leaky_relu", "torch.nn.functional.leaky_relu, of three slopes")
    inf, nan = float("inf"), float("nan")
    special = torch.tensor([0.0, -0.0, 1e-30, -1e-30, 1e-45, -1e-45, 3.0, -3.0, inf, -inf, nan])
    file.tensor("special", special)
    x = uniform(generator(0), 512) * 8
    for name, slope in (("hundredth", 0.01), ("tenth", 0.1), ("rising", -0.25)):

        def function(x):
            return functional.leaky_relu(x, slope)

        file.output(name, *both(function, x))
        file.tensor(f"special.{name}.float32", function(special))
    return file


def make_arithmetic():
    """x and y are uniform() of seed 0, [2, 3, 5, 7] each, x times 4."""
    file = Golden("ops/arithmetic", "torch's add, mul, clamp, tanh, exp, sqrt")
    random = generator(0)
    x = uniform(random, 2, 3, 5, 7) * 4
    y = uniform(random, 2, 3, 5, 7)
    file.tensor("add.float32", x + y)
    file.tensor("scale.float32", x.mul(1 / 3).add(0.7))
    file.tensor("scale_only.float32", x.mul(0.1))
    file.tensor("clamp.float32", x.clamp(-1.25, 0.3))
    file.tensor("multiply.float32", x * y)
    file.output("tanh", *both(torch.tanh, x))
    file.output("exp", *both(torch.exp, x))
    file.tensor("sqrt.float32", x.abs().sqrt())
    inf, nan = float("inf"), float("nan")
    special = torch.tensor([0.0, -0.0, 1e-30, -1e-42, 20.0, -20.0, 1e30, inf, -inf, nan])
    file.tensor("special", special)
    file.tensor("special.tanh.float32", special.tanh())
    file.tensor("special.clamp.float32", special.clamp(-0.5, 0.5))
    return file


def make_upsample_nearest():
    """NAME.case: N, C, H, W, factor, seed. x is uniform()."""
    file = Golden("ops/upsample_nearest", "torch.nn.Upsample(mode='nearest')")
    cases = [[2, 3, 4, 5, 2], [1, 2, 3, 7, 3], [1, 4, 1, 1, 5], [1, 1, 6, 1, 1]]
    for seed, case in enumerate(cases):
        x = uniform(generator(seed), *case[:4])
        file.numbers(f"by_{case[4]}.case", [*case, seed])
        file.tensor(f"by_{case[4]}.float32", nn.Upsample(scale_factor=case[4])(x))
    return file


def make_interpolate():
    """NAME.case: N, C, H, W, factor, mode (0 nearest, 1 bilinear, 2 bicubic), seed. x is
    uniform()."""
    file = Golden("ops/interpolate", "torch.nn.Upsample, align_corners False")
    sizes = [[2, 3, 4, 5, 2], [1, 2, 7, 3, 3], [1, 4, 1, 1, 2], [1, 2, 1, 9, 4]]
    sizes += [[1, 3, 6, 2, 1]]
    modes = ["nearest", "bilinear", "bicubic"]
    seed = 0
    for mode, name in enumerate(modes):
        for case in sizes if mode else sizes[:1]:
            upsample = nn.Upsample(scale_factor=case[4], mode=name)
            label = f"{name}_{case[2]}x{case[3]}_by_{case[4]}"
            file.numbers(f"{label}.case", [*case, mode, seed])
            file.output(label, *both(upsample, uniform(generator(seed), *case[:4])))
            seed += 1
    return file


def files():
    yield make_conv2d()
    yield make_linear()
    yield make_group_norm()
    yield make_attention()
    yield make_activation()
    yield make_leaky_relu()
    yield make_arithmetic()
    yield make_upsample_nearest()
    yield make_interpolate()
