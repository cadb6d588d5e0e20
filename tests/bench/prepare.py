"""Makes what a case needs before it is measured, once, and keeps it in build/bench:
the input, the truth (PyTorch in float64), and the network as an ONNX file.

usage: prepare.py WHAT CASE SIZE OUT        WHAT: input, truth, onnx
"""

import copy
import sys

import torch

from networks import Side, example


def write_input(case, size, out):
    example(case, size).numpy().tofile(out)


def write_truth(case, size, out):
    """Float64 throughout: the float32 weights and the float32 input, widened."""
    x = example(case, size).double()
    side = copy.deepcopy(Side(case)).double()
    torch.set_default_dtype(torch.float64)
    with torch.inference_mode():
        side(x).contiguous().numpy().tofile(out)


def write_onnx(case, size, out):
    torch.onnx.export(Side(case), (example(case, size),), out, dynamo=True,
                      external_data=False, input_names=["x"], output_names=["y"])


if __name__ == "__main__":
    what, case, size, out = sys.argv[1:]
    {"input": write_input, "truth": write_truth, "onnx": write_onnx}[what](
        case, int(size), out)
