"""The other side of `./dev bench`: the same in PyTorch, from the same seeds.

usage: autoencoder.py CASE THREADS RUNS OUT
"""

import resource
import sys
import time

import torch
from diffusers import AutoencoderKL, AutoencoderTiny


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def stable_diffusion():
    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=512,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)


case, threads, runs, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
torch.set_num_threads(threads)
torch.manual_seed(0)
vae = (AutoencoderTiny() if case == "tiny-decode" else stable_diffusion()).eval()
random = torch.Generator().manual_seed(1)
if case.endswith("decode"):
    latents = torch.randn(1, 4, 64, 64, generator=random)
    call = lambda: vae.decode(latents).sample  # noqa: E731
else:
    image = torch.rand(1, 3, 512, 512, generator=random) * 2 - 1
    call = lambda: vae.encode(image).latent_dist.parameters  # noqa: E731

before = peak_mib()
with torch.inference_mode():
    result = call()  # the warm-up
    for _ in range(runs):
        start = time.perf_counter()
        result = call()
        print(f"seconds {time.perf_counter() - start:.6f}")
print(f"mib {peak_mib() - before:.1f}")
result.numpy().tofile(out)
print(f"version torch {torch.__version__} {torch.backends.cpu.get_cpu_capability()}")
