"""How much there is to compute: multiply-adds by definition, and those that Latent makes.

A layer is (kind, channels in, channels out, side of the output in pixels).
"""

# Of the definition's products, what each form of a 3x3 convolution multiplies. With so few
# channels the definition is what runs.
FEW_CHANNELS = 4
FORMS = {
    "conv3x3": 16 / 36,  # F(2x2, 3x3): 16 products for 4 outputs of 9
    "conv3x3 fast": 36 / 144,  # F(4x4, 3x3): 36 products for 16 outputs of 9
    "upsampled3x3": 9 / 36,  # 9 products for the 4 pixels that one has become
}


def multiply_adds(layer):
    kind, inputs, outputs, side = layer
    if kind == "attention":  # each pixel with each: the scores, and the sum of the values
        return 2 * side ** 4 * inputs
    products = {"conv1x1": 1}.get(kind, 9)
    return products * inputs * outputs * side ** 2


def multiplied(layer, fast):
    if layer[1] <= FEW_CHANNELS:
        return multiply_adds(layer)
    form = layer[0] + " fast" if fast and layer[0] + " fast" in FORMS else layer[0]
    return multiply_adds(layer) * FORMS.get(form, 1)


def resnet(inputs, outputs, side):
    shortcut = [("conv1x1", inputs, outputs, side)] if inputs != outputs else []
    return [("conv3x3", inputs, outputs, side), ("conv3x3", outputs, outputs, side), *shortcut]


def middle(side):
    """Two resnets and between them the attention: queries, keys, values, and what comes out."""
    return [*resnet(512, 512, side), *4 * [("conv1x1", 512, 512, side)],
            ("attention", 512, 512, side), *resnet(512, 512, side)]


def sd1_decode(side):
    layers = [("conv1x1", 4, 4, side), ("conv3x3", 4, 512, side), *middle(side)]
    inputs = 512
    for block, outputs in enumerate((512, 512, 256, 128)):
        if block > 0:
            side *= 2
            layers.append(("upsampled3x3", inputs, inputs, side))
        layers += resnet(inputs, outputs, side) + 2 * resnet(outputs, outputs, side)
        inputs = outputs
    return [*layers, ("conv3x3", 128, 3, side)]


def sd1_encode(side):
    side *= 8
    layers = [("conv3x3", 3, 128, side)]
    inputs = 128
    for block, outputs in enumerate((128, 256, 512, 512)):
        if block > 0:
            side //= 2
            layers.append(("stride2", inputs, inputs, side))
        layers += resnet(inputs, outputs, side) + resnet(outputs, outputs, side)
        inputs = outputs
    return [*layers, *middle(side), ("conv3x3", 512, 8, side), ("conv1x1", 8, 8, side)]


def tiny_decode(side):
    layers = [("conv3x3", 4, 64, side)]
    for stage, blocks in enumerate((3, 3, 3, 1)):
        if stage > 0:
            side *= 2
            layers.append(("upsampled3x3", 64, 64, side))
        layers += 3 * blocks * [("conv3x3", 64, 64, side)]
    return [*layers, ("conv3x3", 64, 3, side)]


NETWORKS = {"sd1-decode": sd1_decode, "sd1-encode": sd1_encode, "tiny-decode": tiny_decode}


def of_case(case, size, fast=False):
    """Multiply-adds by definition and really made, or None for a case that is not counted."""
    if case not in NETWORKS:
        return None
    layers = NETWORKS[case](size // 8)
    return sum(map(multiply_adds, layers)), sum(multiplied(layer, fast) for layer in layers)


def of_operation(name, fast=False):
    """The same for KIND-INxOUT@SIZE of ops.cpp; None for what does not multiply."""
    kind, rest = name.split("-")
    channels, side = rest.split("@")
    inputs, outputs = map(int, channels.split("x"))
    side = {"upsampled3x3": 2 * int(side), "stride2": int(side) // 2}.get(kind, int(side))
    if kind == "norm_silu":
        return None
    layer = (kind.removeprefix("norm_"), inputs, outputs, side)
    return multiply_adds(layer), multiplied(layer, fast)


def bytes_of_operation(name):
    """The least that a norm moves: its image read once and written once, in float32."""
    kind, rest = name.split("-")
    channels, side = rest.split("@")
    return 2 * 4 * int(channels.split("x")[0]) * int(side) ** 2 if kind == "norm_silu" else None


def self_test():
    """`latent explain` counts the same."""
    for case, right in (("sd1-decode", 1_257_259_466_752), ("sd1-encode", 558_329_233_408)):
        got = of_case(case, 512)[0]
        if got != right:
            raise AssertionError(f"{case}: got {got} multiply-adds, expected {right}")
