"""What `latent convert --dtype` must write: each element's nearest neighbour in F32, F16 or
BF16, ties to even, rounded once. torch's own conversions of 64-bit numbers go over float32, and
round twice; here all is exact in float64, and the first elements are checked by fractions.
"""

import math
from fractions import Fraction

import numpy
import torch

# Bits of the significand, and the smallest and the largest exponent of its last bit.
FORMATS = {"F32": (24, -149, 104), "F16": (11, -24, 5), "BF16": (8, -133, 120)}
LOOKED_AT = 16


def doubles(dtype, torch_dtype, data):
    """The elements as float64, which holds all but I64 and U64 exactly. Of these the lowest
    bits become one that says whether any was set: a rounding to 24 bits asks no more."""
    if not data:
        return numpy.zeros(0)
    if dtype not in ("I64", "U64"):
        flat = torch.frombuffer(bytearray(data), dtype=torch_dtype)
        return flat.to(torch.float64).numpy()
    whole = numpy.frombuffer(data, dtype="<i8" if dtype == "I64" else "<u8")
    negative = whole < 0
    size = whole.astype("<u8")
    size = numpy.where(negative, ~size + numpy.uint64(1), size)
    low = size & numpy.uint64(0xFFF)
    sticky = (size - low) | (low != 0).astype("<u8") << numpy.uint64(12)
    size = numpy.where(size >> numpy.uint64(53) != 0, sticky, size)
    return numpy.where(negative, -size.astype("f8"), size.astype("f8"))


def nearest(value, to):
    """The neighbour of a Fraction, by the book; a float."""
    bits, smallest, largest = FORMATS[to]
    step = smallest
    while abs(value) >= Fraction(2) ** (step + bits):
        step += 1
    rounded = round(value / Fraction(2) ** step) * Fraction(2) ** step  # ties to even
    if abs(rounded) >= Fraction(2) ** (largest + bits):
        return math.copysign(math.inf, value)
    return float(rounded)


def exact(dtype, torch_dtype, data, count):
    """The first elements as Fractions; None for what is no finite number."""
    if dtype in ("I64", "U64"):
        pieces = [data[i * 8 : i * 8 + 8] for i in range(count)]
        return [Fraction(int.from_bytes(p, "little", signed=dtype == "I64")) for p in pieces]
    values = doubles(dtype, torch_dtype, data)[:count]
    return [Fraction(float(value)) if math.isfinite(value) else None for value in values]


def packed(values, to):
    """The bytes of numbers that fit `to`; every NaN is the same."""
    values = numpy.where(numpy.isnan(values), numpy.nan, values)
    if to == "F16":
        return values.astype("<f2").tobytes()
    single = values.astype("<f4")
    if to == "F32":
        return single.tobytes()
    return (single.view("<u4") >> 16).astype("<u2").tobytes()


def rounded(dtype, torch_dtype, data, to):
    """The bytes of all elements in `to`, and whether a finite one became infinite. What has
    the dtype already keeps its bits; else every NaN is the same."""
    if dtype == to:
        return data, False
    bits, smallest, largest = FORMATS[to]
    values = doubles(dtype, torch_dtype, data)
    finite = numpy.isfinite(values)
    with numpy.errstate(over="ignore", invalid="ignore"):
        _, exponents = numpy.frexp(numpy.where(finite, values, 0.0))
        step = numpy.maximum(exponents - bits, smallest)
        result = numpy.ldexp(numpy.rint(numpy.ldexp(values, -step)), step)
    result = numpy.where(finite, result, values)
    too_large = numpy.abs(result) >= 2.0 ** (largest + bits)
    result = numpy.where(too_large, numpy.copysign(numpy.inf, values), result)
    for value, ours in zip(exact(dtype, torch_dtype, data, LOOKED_AT), result):
        assert value is None or nearest(value, to) == ours, (dtype, to, value, ours)
    return packed(result, to), bool((numpy.isinf(result) & finite).any())


def with_one_nan(data, to):
    """The same with every NaN alike."""
    if to == "F16":
        return packed(numpy.frombuffer(data, dtype="<f2").astype("f8"), to)
    if to == "F32":
        return packed(numpy.frombuffer(data, dtype="<f4").astype("f8"), to)
    single = (numpy.frombuffer(data, dtype="<u2").astype("<u4") << 16).view("<f4")
    return packed(single.astype("f8"), to)
