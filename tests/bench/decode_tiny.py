"""The other side of `./dev bench`: the same decode in PyTorch, from the same seeds.

usage: decode_tiny.py THREADS RUNS OUT
"""

import resource
import sys
import time

import torch
from diffusers import AutoencoderTiny


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


threads, runs, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(threads)
torch.manual_seed(0)
vae = AutoencoderTiny().eval()
latents = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(1))

before = peak_mib()
with torch.inference_mode():
    image = vae.decode(latents).sample  # the warm-up
    for _ in range(runs):
        start = time.perf_counter()
        image = vae.decode(latents).sample
        print(f"seconds {time.perf_counter() - start:.6f}")
print(f"mib {peak_mib() - before:.1f}")
image.numpy().tofile(out)
print(f"version torch {torch.__version__} {torch.backends.cpu.get_cpu_capability()}")
