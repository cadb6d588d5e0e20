"""What the scripts here share: torch's settings, seeded inputs, forward hooks, and the layout
of the stored files, which reference_data/README.md describes.

Import this before torch: the bits of torch's results depend on what is set here.
"""

import os

os.environ["ATEN_CPU_CAPABILITY"] = "avx2"
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"

import copy

import torch
from safetensors.torch import save_file
from torch import nn

torch.set_num_threads(1)
torch.set_grad_enabled(False)

LARGEST_WHOLE = 512  # elements; a larger output is stored as samples
SAMPLES = 256

# Modules whose output is stored, besides those that have parameters of their own.
BLOCKS = {
    "AutoencoderTinyBlock", "Block", "EncoderTiny", "DecoderTiny", "Encoder", "Decoder",
    "VAEApprox",
    "ResnetBlock2D", "Attention", "Downsample2D", "Upsample2D", "UNetMidBlock2D",
    "DownEncoderBlock2D", "AttnDownEncoderBlock2D", "UpDecoderBlock2D", "AttnUpDecoderBlock2D",
}


def generator(seed):
    return torch.Generator().manual_seed(seed)


def uniform(random, *shape):
    """In [-1, 1): exact in every step, so that it has the same bits everywhere."""
    return torch.rand(shape, generator=random) * 2 - 1


def positions(numel):
    """Where a large output of this many elements is looked at; the seed is their number."""
    return (torch.rand(SAMPLES, generator=generator(numel)).double() * numel).long()


def hooked(module, prefix=""):
    """A dictionary that fills with clones of the outputs of all hooked modules under `module`,
    by path, and the hooks. A module that is called again has #2, #3 ... behind its path."""
    outputs = {}

    def keep(path):
        def hook(_module, _inputs, output):
            calls = sum(name.split("#")[0] == path for name in outputs)
            outputs[path if calls == 0 else f"{path}#{calls + 1}"] = output.detach().clone()

        return hook

    handles = []
    for name, child in module.named_modules():
        own = any(True for _ in child.parameters(recurse=False))
        if own or type(child).__name__ in BLOCKS or name.split(".")[-1] == "pool":
            path = ".".join(part for part in (prefix, name) if part)
            handles.append(child.register_forward_hook(keep(path)))
    return outputs, handles


def run_hooked(module, call, *inputs, prefix=""):
    """The outputs of `call(module, *inputs)` in float32 and in float64, with the same float32
    weights and inputs; {path: (float32, float64)}."""
    both = []
    for dtype in (torch.float32, torch.float64):
        network = copy.deepcopy(module).eval()
        if dtype == torch.float64:
            network.double()
        outputs, handles = hooked(network, prefix)
        call(network, *(x.to(dtype) for x in inputs))
        for handle in handles:
            handle.remove()
        both.append(outputs)
    assert both[0].keys() == both[1].keys()
    return {path: (both[0][path], both[1][path]) for path in both[0]}


class Golden:
    """One stored file."""

    def __init__(self, name, what):
        self.name, self.what = name, what
        self.tensors = {}

    def tensor(self, name, tensor):
        assert name not in self.tensors, name
        self.tensors[name] = tensor.detach().contiguous().clone()

    def numbers(self, name, values):
        self.tensor(name, torch.tensor(values, dtype=torch.int64))

    def output(self, name, single, truth, whole=False):
        """What torch gives in float32 beside the same in float64; `whole` keeps a large float32
        output besides the samples of its float64 twin."""
        assert single.dtype == torch.float32 and truth.dtype == torch.float64
        assert single.shape == truth.shape and torch.isfinite(truth).all(), name
        small = truth.numel() <= LARGEST_WHOLE
        if small or whole:
            self.tensor(f"{name}.float32", single)
        if small:
            self.tensor(f"{name}.float64", truth)
            return
        error = single.double() - truth
        norm = truth.norm()
        self.numbers(f"{name}.shape", list(truth.shape))
        self.tensor(f"{name}.samples", truth.flatten()[positions(truth.numel())])
        self.tensor(f"{name}.norm", norm)
        self.tensor(f"{name}.error", torch.stack([error.norm() / norm, error.abs().max()]))

    def outputs(self, both, whole=()):
        for path, (single, truth) in both.items():
            self.output(path, single, truth, whole=path in whole)

    def save(self, folder):
        path = folder / f"{self.name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(self.tensors, path, metadata={"what": self.what})
        path.chmod(0o644)
        return path


def conv2d(x, weight, bias=None, stride=1, padding=0):
    return nn.functional.conv2d(x, weight, bias, stride=stride, padding=padding)
