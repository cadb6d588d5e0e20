"""What `./dev bench` measures: its sections, with their sizes and repetitions."""

import dataclasses
import json
import os
import subprocess
import sys

import arithmetic
import compile_time
import measure
import programs
import sides
from machine import available_mib

EVERY = tuple(sides.ENGINES)
EXACT, FAST, STREAMED = (), ("fast",), ("stream",)

# case: interleaved rounds, timed runs in each, and the ways in which ours runs
CASES = {
    "sd1-decode": (3, 1, (EXACT, FAST)),
    "sd1-encode": (3, 1, (EXACT, FAST)),
    "tiny-decode": (5, 3, (EXACT, FAST)),
}
ERRORS = ("taef2-decode", "taef2-encode", "tiny-decode", "sd1-encode", "sd1-decode")
SIZES = (128, 256, 384, 512, 768, 1024, 1536, 2048)
LARGE = (1536, 2048)
OPERATIONS = (
    "conv3x3-512x512@64", "conv3x3-512x512@128", "conv3x3-256x256@256", "conv3x3-128x128@512",
    "conv3x3-64x64@512", "norm_conv3x3-512x512@64", "norm_conv3x3-256x256@256",
    "norm_conv3x3-128x128@512", "upsampled3x3-512x512@64", "upsampled3x3-512x512@128",
    "upsampled3x3-256x256@256", "conv1x1-512x256@256", "conv1x1-256x128@512",
    "stride2-128x128@512", "stride2-256x256@256", "stride2-512x512@128", "conv3x3-4x512@64",
    "conv3x3-3x128@512", "conv3x3-128x3@512", "norm_silu-512x512@64", "norm_silu-512x512@128",
    "norm_silu-256x256@256", "norm_silu-128x128@512", "attention-512x512@64",
)


class Bench:
    """The choices of the command line, the compilers, and a folder for results."""

    def __init__(self, chosen, compilers, folder):
        self.chosen, self.compilers, self.folder = chosen, compilers, folder
        most = len(measure.CPUS)
        self.threads = [n for n in (chosen.threads or sorted({1, min(2, most)})) if n <= most]
        self.engines = chosen.engine or EVERY
        self.size = chosen.size or 512

    def programs(self, name):
        return programs.build(name, self.compilers, self.chosen.native)

    def cases(self, names):
        wanted = self.chosen.case or [""]
        return [name for name in names if any(word in name for word in wanted)]

    def compare(self, what, some, threads, rounds, runs, truth=None):
        print("\n" + ", ".join(map(str, what.values())) + f", {threads} thread(s)", flush=True)
        return measure.compare(what, some, threads, self.chosen.rounds or rounds, runs,
                               self.folder, lambda line: print(line, flush=True), truth)


def truth_of(case, size):
    path, error = sides.prepared("truth", case, size, "float64")
    if error:
        print(f"{case}: no float64 truth: {error}", file=sys.stderr)
    return None if error else path


def counted(rows):
    """Adds GFLOP/s of the definition's arithmetic, and of what was really multiplied."""
    for row in rows:
        fast = row.get("fast", False)
        if "operation" in row:
            work = arithmetic.of_operation(row["operation"], fast)
        else:
            work = arithmetic.of_case(row["case"], row["size"], fast)
        if work is None or "failure" in row:
            continue
        row["gflops"] = 2e-9 * work[0] / row["seconds"]
        # Of the others nobody knows which form they chose.
        if row["ours"]:
            row["gflops_multiplied"] = 2e-9 * work[1] / row["seconds"]
    return rows


def with_fewer_threads(some, bench):
    """Behind each of our sides, and behind PyTorch eager, the same with fewer threads."""
    eager = sides.ENGINES["eager"][0]
    for side in some:
        yield side
        if side.ours or side.label == eager:
            for threads in sorted(bench.threads, reverse=True)[1:]:
                yield dataclasses.replace(side, threads=threads)


def autoencoder(bench):
    rows = []
    made = bench.programs("autoencoder")
    for case in bench.cases(CASES):
        rounds, runs, ways = CASES[case]
        some = sides.yardsticks(case, bench.size, bench.engines)
        some += sides.latent(made, case, bench.size, ways)
        rows += bench.compare({"case": case, "size": bench.size},
                              list(with_fewer_threads(some, bench)), max(bench.threads),
                              rounds, runs, truth_of(case, bench.size))
    return counted(rows)


def errors(bench):
    """Every side against float64, once, time aside: with weights of a seed and trained ones."""
    rows = []
    made = bench.programs("autoencoder")
    for case in bench.cases(ERRORS):
        if case.startswith("taef2") and "LATENT_DATA" not in os.environ:
            print(f"skipped {case}: LATENT_DATA is not set: no trained weights")
            continue
        truth = truth_of(case, bench.size)
        if not truth:
            continue
        some = sides.yardsticks(case, bench.size, bench.engines)
        some += sides.latent(made, case, bench.size, (EXACT, FAST))
        rows += bench.compare({"case": case, "size": bench.size}, some, max(bench.threads), 1,
                              0, truth)
    return rows


def weights(bench):
    """What the weights take when they are loaded, packed in every way. (Half precision rounds
    them, so its error is that of half.)"""
    some = sides.latent(bench.programs("autoencoder"), "sd1-decode", bench.size,
                        (EXACT, FAST, ("half",), ("fast", "half")))
    return counted(bench.compare({"case": "sd1-decode", "size": bench.size}, some,
                                 max(bench.threads), 3, 1, truth_of("sd1-decode", bench.size)))


def ops(bench):
    rows = []
    made = bench.programs("ops")
    for name in bench.cases(OPERATIONS):
        ways = [(), ("fast",)] if "conv3x3" in name else [()]
        eager = [sys.executable, str(sides.HERE / "ops.py"), name, "THREADS", "RUNS", "OUT"]
        some = [measure.Side("PyTorch eager", eager, ours=False)]
        some += [measure.Side(sides.label_of(way, label),
                              [program, name, "THREADS", "RUNS", "OUT", *way],
                              fast="fast" in way, options=way)
                 for way in ways for label, program in made.items()]
        rows += bench.compare({"operation": name}, some, max(bench.threads), 3, 5)
    for row in rows:
        moved = arithmetic.bytes_of_operation(row["operation"])
        if moved and "failure" not in row:
            row["gigabytes"] = 1e-9 * moved / row["seconds"]
    return counted(rows)


def by_size(bench, sizes_, ways, engines):
    """One compiler; larger sizes once and without a warm-up. What would not fit into memory,
    as the size before foretells, sits out."""
    rows, held = [], {}
    label, program = next(iter(bench.programs("autoencoder").items()))
    for size in sizes_:
        some = sides.yardsticks("sd1-decode", size, engines)
        some += sides.latent({label: program}, "sd1-decode", size, ways)
        for side in some:
            if side.label in held:
                before, mib, start = held[side.label]
                needed = 1.1 * mib * (size / before) ** 2 + start
                if needed > available_mib():
                    side.error = f"needs about {needed / 1024:.0f} GiB of memory"
        small = size <= 512
        got = bench.compare({"case": "sd1-decode", "size": size}, some, max(bench.threads),
                            3 if small else 1, 1 if small else 0)
        held |= {row["label"]: (size, row["mib"], row["start_mib"])
                 for row in got if "failure" not in row}
        rows += got
    return counted(rows)


def sizes(bench):
    return by_size(bench, bench.chosen.sizes or SIZES, (EXACT, FAST, STREAMED), ["eager"])


def large(bench):
    """The streamed decode beside the plain one, which shows that they agree."""
    return by_size(bench, bench.chosen.sizes or LARGE, (EXACT, STREAMED), [])


def ladder(bench):
    """The rungs of docs/ops/conv2d.md, whose first ones are plain code for this processor."""
    rows = []
    native = {label: how for label, how in programs.compilers(native=True).items()
              if label in bench.compilers}
    lines = bench.folder / "ladder.jsonl"
    for label, program in programs.build("conv2d", native, True).items():
        lines.unlink(missing_ok=True)
        subprocess.run([program, "128", "256", str(max(bench.threads)), "--json", lines],
                       check=True)
        rows += [json.loads(line) | {"label": label} for line in lines.read_text().splitlines()]
    return rows


def compile_times(bench):
    return compile_time.measure(bench.compilers, bench.chosen.rounds)


SECTIONS = {"autoencoder": autoencoder, "errors": errors, "ops": ops, "compile": compile_times,
            "sizes": sizes, "large": large, "weights": weights, "conv2d": ladder}
USUAL = ["autoencoder", "errors", "ops", "compile"]
