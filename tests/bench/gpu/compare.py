"""Layers and decodes on a GPU, ours and PyTorch's in turns: times, and errors against float64.

usage: compare.py PROGRAM JSON [--small]
  PROGRAM: tests/bench/gpu/layers, which runs as a server beside this.
  Without PyTorch the table has our side alone. With --small: on an emulator, beside PyTorch on
  the processor; its times mean nothing.
"""

import array
import datetime
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import torch
    from torch.nn import functional as F

    from networks import network
except ImportError:
    torch = None

SMALL = "--small" in sys.argv
TURNS, RUNS = (1, 1) if SMALL else (5, 5)
SCALARS = ("f32", "f16", "bf16")


class Failure(Exception):
    """A case that our program did not survive."""


class Server:
    """Our program, the GPU that it runs on, and the cases that it knows: name -> kind, sizes."""

    def __init__(self, program):
        self.words = [program] + (["small"] if SMALL else [])
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.gpu = self.process.stdout.readline().strip()
        self.cases = {}
        while line := self.process.stdout.readline().strip():
            name, kind, *sizes = line.split(";")
            self.cases[name] = (kind, *map(int, sizes))
        if not self.cases:
            sys.exit(f"{self.words[0]}: got no cases, expected a list of them")

    def run(self, name, scalar, runs, out="-"):
        self.process.stdin.write(f"{name};{scalar};{runs};{out}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.start()
            raise Failure(f"{name}, {scalar}: our program ended")
        return [float(word) for word in line.split()]


class Theirs:
    """The same case in PyTorch, as a function without arguments."""

    def __init__(self, case, device):
        self.kind, channels, out, side, kernel, self.upsample = case
        self.device = device
        tokens = self.kind == "attention"
        shapes = [(1, side * side, channels) if tokens else (1, channels, side, side)]
        if self.kind == "conv2d":
            shapes += [(out, channels, kernel, kernel), (out,)]
        elif self.kind == "group_norm":
            shapes += [(channels,), (channels,)]
        elif tokens:
            shapes += 2 * shapes
        self.numbers = [torch.randn(shape, generator=torch.Generator().manual_seed(seed + 1))
                        for seed, shape in enumerate(shapes)]
        self.padding = kernel // 2

    def prepare(self, dtype, channels_last=False):
        """On the device, in this type and memory format."""
        form = torch.channels_last if channels_last else torch.contiguous_format
        there = [x.to(self.device, dtype) for x in self.numbers]
        there = [x.contiguous(memory_format=form) if x.dim() == 4 else x for x in there]
        if self.kind == "conv2d":
            x, weight, bias = there

            def run():
                large = F.interpolate(x, scale_factor=2) if self.upsample == 2 else x
                return F.conv2d(large, weight, bias, padding=self.padding)
            return run
        if self.kind == "group_norm":
            x, weight, bias = there
            return lambda: F.silu(F.group_norm(x, 32, weight, bias, 1e-6))
        if self.kind == "attention":
            q, k, v = (x[:, None] for x in there)
            return lambda: F.scaled_dot_product_attention(q, k, v)[:, 0]
        module = network(self.kind).to(self.device, dtype).to(memory_format=form)
        return lambda: module(there[0])


def timed(run, runs, device):
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        wait()
        times.append(1e3 * (time.perf_counter() - start))
    return times


def relative(y, truth):
    """The relative L2 error; infinite where a number is not finite."""
    y = y.double().cpu().flatten()
    if not torch.isfinite(y).all():
        return math.inf
    return float((y - truth).norm() / truth.norm())


def read(path):
    numbers = array.array("f", pathlib.Path(path).read_bytes())
    return torch.tensor(numbers, dtype=torch.float64)


def measure(server, name, scalar, device, folder):
    """A row: medians in milliseconds, the ratio turn by turn, errors."""
    out = str(pathlib.Path(folder) / "result")
    ours = server.run(name, scalar, 1, out)
    if torch is None:
        return {"ours_ms": statistics.median(server.run(name, scalar, TURNS * RUNS))}
    dtype = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[scalar]
    case = Theirs(server.cases[name], device)
    truth = case.prepare(torch.float64)().cpu().flatten()
    row = {"ours_error": relative(read(out), truth)}
    kinds = {"torch": case.prepare(dtype), "channels_last": case.prepare(dtype, True)}
    row["torch_error"] = relative(kinds["torch"](), truth)
    for run in kinds.values():
        timed(run, 3, device)  # cuDNN tries what is fastest
    turns = {"ours": [], **{kind: [] for kind in kinds}}
    for _ in range(TURNS):
        turns["ours"].append(statistics.median(server.run(name, scalar, RUNS)))
        for kind, run in kinds.items():
            turns[kind].append(statistics.median(timed(run, RUNS, device)))
    for side, times in turns.items():
        row[f"{side}_ms"] = statistics.median(times)
    best = min(kinds, key=lambda kind: row[f"{kind}_ms"])
    ratios = [a / b for a, b in zip(turns["ours"], turns[best])]
    return row | {"best": best, "ratio": statistics.median(ratios), "ratio_least": min(ratios),
                  "ratio_most": max(ratios)}


COLUMNS = [("ours", "{ours_ms:.3g} ms"), ("PyTorch", "{torch_ms:.3g} ms"),
           ("channels_last", "{channels_last_ms:.3g} ms"),
           ("ours / the faster", "{ratio:.2f} ({ratio_least:.2f}–{ratio_most:.2f})"),
           ("error", "{ours_error:.1e}"), ("PyTorch's", "{torch_error:.1e}")]


def table(rows):
    columns = COLUMNS if torch is not None else COLUMNS[:1]
    lines = ["| case | type | " + " | ".join(title for title, _ in columns) + " |",
             "| --- | --- |" + " ---: |" * len(columns)]
    for row in rows:
        cells = [row["case"], row["type"]] + [form.format(**row) for _, form in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def begin():
    """What is measured with, and PyTorch's device; without one there is only our side."""
    global torch
    about = {"date": datetime.date.today().isoformat(), "emulated": SMALL}
    if torch is not None and not SMALL and not torch.cuda.is_available():
        print("PyTorch finds no GPU: our side alone", file=sys.stderr)
        torch = None
    if torch is None:
        return about, None
    about["torch"] = torch.__version__
    torch.set_grad_enabled(False)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    return about, "cpu" if SMALL else "cuda"


def main():
    program, target = sys.argv[1:3]
    about, device = begin()
    server = Server(program)
    about["gpu"] = server.gpu
    rows, wrong = [], []
    bound = {"f32": 1e-5, "f16": 1e-2, "bf16": 5e-2}
    limit = time.monotonic() + float(os.environ["LATENT_BENCH_SECONDS"])
    with tempfile.TemporaryDirectory() as folder:
        for name in list(server.cases):
            for scalar in SCALARS:
                if time.monotonic() > limit:
                    wrong.append(f"{name}, {scalar}: no time left")
                    continue
                try:
                    row = measure(server, name, scalar, device, folder)
                except Failure as failure:
                    wrong.append(str(failure))
                    continue
                if not row.get("ours_error", 0) <= bound[scalar]:
                    wrong.append(f"{name}, {scalar}: error {row['ours_error']}")
                rows.append({"case": name, "type": scalar} | row)
                text = json.dumps({"about": about, "rows": rows}, indent=1)
                pathlib.Path(target).write_text(text + "\n")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{about['gpu']}; PyTorch {about.get('torch', 'not there')}; {about['date']}\n")
    print(table(rows))
    sys.exit(1 if wrong or not rows else 0)


if __name__ == "__main__":
    main()
