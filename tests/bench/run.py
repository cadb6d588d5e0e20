"""Latent beside PyTorch, at 512x512 pixels: TAESD's decoder, and both sides of Stable Diffusion's.

Every measurement is a process of its own: a warm-up, then timed runs, of which the median counts.
The sides take turns, so that a change of the machine's mood meets all of them; what is printed is
the median over these pairs, and the ratio pair by pair.

usage: run.py LABEL=PROGRAM [LABEL=PROGRAM ...] [CASE ...]     (programs made from autoencoder.cpp)
"""

import array
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

CASES = {  # pairs, timed runs in each, and on how many threads
    "tiny-decode": (5, 3, (1, 2)),
    "sd1-decode": (3, 1, (2,)),
    "sd1-encode": (3, 1, (2,)),
}
HERE = pathlib.Path(__file__).parent
cpus = sorted(os.sched_getaffinity(0))


def measure(command, case, threads, runs, out):
    command = [*command, case, str(threads), str(runs), str(out)]
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


def compare(case, threads, commands, folder):
    """Prints the table of a case, and returns its lines."""
    pairs, runs, _ = CASES[case]
    out = {label: folder / f"{label}.bin".replace(" ", "_") for label in commands}
    results = {label: [] for label in commands}
    for _ in range(pairs):
        for label, command in commands.items():
            results[label].append(measure(command, case, threads, runs, out[label]))
    base = results["PyTorch"]
    print(f"\n{case}, {threads} thread(s) on CPU {cpus[:threads]}, {pairs} interleaved pairs, "
          f"{base[0]['version']}")
    print(f"{'':16}{'seconds':>9}{'ratio':>8}{'(min - max)':>16}{'MiB':>8}{'difference':>12}")
    report = []
    for label, rows in results.items():
        ratios = [row["seconds"] / other["seconds"] for row, other in zip(rows, base)]
        line = {
            "case": case, "label": label, "threads": threads,
            "seconds": statistics.median(row["seconds"] for row in rows),
            "ratio": statistics.median(ratios), "ratios": ratios,
            "mib": statistics.median(row["mib"] for row in rows),
            "largest_difference": largest_difference(out[label], out["PyTorch"]),
        }
        report.append(line)
        spread = f"({min(ratios):.2f} - {max(ratios):.2f})"
        print(f"{label:16}{line['seconds']:9.3f}{line['ratio']:8.2f}{spread:>16}"
              f"{line['mib']:8.0f}{line['largest_difference']:12.1e}", flush=True)
        if not line["largest_difference"] <= 1e-4:
            sys.exit(f"{label}: the results differ from PyTorch's by more than 1e-4")
    return report


sides = dict(argument.split("=", 1) for argument in sys.argv[1:] if "=" in argument)
chosen = [argument for argument in sys.argv[1:] if "=" not in argument] or list(CASES)
for name in chosen:
    if name not in CASES:
        sys.exit(f"no case {name}: there are {', '.join(CASES)}")
commands = {"PyTorch": [sys.executable, str(HERE / "autoencoder.py")]}
commands |= {label: [program] for label, program in sides.items()}
report = []
with tempfile.TemporaryDirectory() as folder:
    for name in chosen:
        for threads in sorted({min(count, len(cpus)) for count in CASES[name][2]}):
            report += compare(name, threads, commands, pathlib.Path(folder))
pathlib.Path("build/bench.json").write_text(json.dumps(report, indent=1) + "\n")
print("\nwritten: build/bench.json")
