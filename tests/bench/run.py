"""Latent beside PyTorch: decode of 64x64 latents to 512x512 with TAESD's network.

Every measurement is a process of its own: a warm-up, then RUNS timed decodes, of which the median
counts. The sides take turns, PAIRS times, so that a change of the machine's mood meets all of them;
what is printed is the median over the pairs, and the ratio pair by pair.

usage: run.py LABEL=PROGRAM [LABEL=PROGRAM ...]      (programs made from decode_tiny.cpp)
"""

import array
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

PAIRS, RUNS = 5, 3
HERE = pathlib.Path(__file__).parent
cpus = sorted(os.sched_getaffinity(0))


def measure(command, threads, out):
    command = [*command, str(threads), str(RUNS), str(out)]
    pinned = set(cpus[:threads])
    done = subprocess.run(command, capture_output=True, text=True, check=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, pinned))
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    seconds = statistics.median(float(value) for name, value in lines if name == "seconds")
    values = dict(lines)
    return {"seconds": seconds, "mib": float(values["mib"]), "version": values.get("version", "")}


def largest_difference(a, b):
    x, y = array.array("f"), array.array("f")
    x.frombytes(a.read_bytes())
    y.frombytes(b.read_bytes())
    if len(x) != len(y):
        return float("inf")
    worst = 0.0
    for p, q in zip(x, y):
        if not abs(p - q) <= worst:
            worst = abs(p - q)
    return worst


sides = dict(argument.split("=", 1) for argument in sys.argv[1:])
commands = {"PyTorch": [sys.executable, str(HERE / "decode_tiny.py")]}
commands |= {label: [program] for label, program in sides.items()}
report = []
with tempfile.TemporaryDirectory() as folder:
    for threads in sorted({1, min(2, len(cpus))}):
        results = {label: [] for label in commands}
        for pair in range(PAIRS):
            for label, command in commands.items():
                out = pathlib.Path(folder) / f"{label}.bin".replace(" ", "_")
                results[label].append(measure(command, threads, out))
        base = results["PyTorch"]
        peer = pathlib.Path(folder) / "PyTorch.bin"
        print(f"\n{threads} thread(s) on CPU {cpus[:threads]}, {PAIRS} interleaved pairs, "
              f"{base[0]['version']}")
        print(f"{'':16}{'seconds':>9}{'ratio':>8}{'(min - max)':>16}{'MiB':>8}{'difference':>12}")
        for label, rows in results.items():
            ratios = [row["seconds"] / other["seconds"] for row, other in zip(rows, base)]
            out = pathlib.Path(folder) / f"{label}.bin".replace(" ", "_")
            line = {
                "label": label, "threads": threads,
                "seconds": statistics.median(row["seconds"] for row in rows),
                "ratio": statistics.median(ratios), "ratios": ratios,
                "mib": statistics.median(row["mib"] for row in rows),
                "largest_difference": largest_difference(out, peer),
            }
            report.append(line)
            spread = f"({min(ratios):.2f} - {max(ratios):.2f})"
            print(f"{label:16}{line['seconds']:9.3f}{line['ratio']:8.2f}{spread:>16}"
                  f"{line['mib']:8.0f}{line['largest_difference']:12.1e}")
            if not line["largest_difference"] <= 1e-4:
                sys.exit(f"{label}: the images differ from PyTorch's by more than 1e-4")
pathlib.Path("build/bench.json").write_text(json.dumps(report, indent=1) + "\n")
print("\nwritten: build/bench.json")
