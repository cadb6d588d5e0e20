"""How long a program takes to compile that decodes with AutoencoderKL, in turns now and before
the convolutions got their own kernels; beside one that includes <Eigen/Core> alone."""

import resource
import statistics
import subprocess

from machine import ROOT, words_of
from programs import BUILD, includes

BEFORE = "5bb248e"  # the last commit with Eigen's kernels
SOURCE = "tests/bench/compile_time.cpp"


def headers_before():
    """The headers of that commit, or nothing where the history does not reach so far."""
    folder = BUILD / f"headers-{BEFORE}"
    if not (folder / "include").is_dir():
        if not words_of("git", "rev-parse", "--verify", "--quiet", BEFORE + "^{commit}"):
            print(f"compile: no commit {BEFORE} here, so nothing to compare with")
            return None
        folder.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(["git", "archive", BEFORE, "include"], cwd=ROOT, check=True,
                                 capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    return folder / "include"


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds(command, flags, headers, source):
    """The processor's time, which is the wall's where nothing else runs."""
    start = processor_seconds()
    subprocess.run([command, *flags, f"-I{headers}", *includes(), "-c", source, "-o",
                    BUILD / "compiled.o"], cwd=ROOT, check=True)
    return processor_seconds() - start


def measure(found, rounds=None):
    before = headers_before()
    alone = BUILD / "eigen_alone.cpp"
    alone.write_text("#include <Eigen/Core>\nint main() {}\n")
    rows = []
    for label, (command, given) in found.items():
        given = [flag for flag in given if not flag.startswith("-m")]
        for extra in ([], ["-march=native"]):
            flags = [*given, *extra]
            name = " ".join([label, "-O3", *extra])
            now, then, eigen = [], [], []
            for _ in range(rounds or 3):
                if before:
                    then.append(seconds(command, flags, before, SOURCE))
                now.append(seconds(command, flags, ROOT / "include", SOURCE))
                eigen.append(seconds(command, flags, ROOT / "include", alone))
            row = {"what": "decodes with AutoencoderKL", "label": name,
                   "seconds": statistics.median(now), "all_seconds": now}
            if then:
                growth = statistics.median(a / b - 1 for a, b in zip(now, then))
                row |= {"before": statistics.median(then), "all_before": then,
                        "growth": growth, "commit_before": BEFORE}
            rows += [row, {"what": "includes <Eigen/Core> alone", "label": name,
                           "seconds": statistics.median(eigen)}]
            print(f"  {name}: {row['seconds']:.1f} s"
                  + (f", before {row['before']:.1f} s" if then else ""),
                  flush=True)
    return rows
