"""Runs sides in turns, each run a process of its own, and puts their rows together.

A side is what is compared: a label, a command, and whether it is ours. Its process prints lines
"name value" (seconds, mib, start_mib, version) and writes its float32 result to a file.
"""

import array
import dataclasses
import math
import os
import pathlib
import statistics
import subprocess

CPUS = sorted(os.sched_getaffinity(0))


@dataclasses.dataclass
class Side:
    label: str
    command: list  # THREADS, RUNS and OUT are replaced
    ours: bool = True
    fast: bool = False
    options: tuple = ()
    error: str = ""  # why it cannot run, if it cannot
    environment: dict = dataclasses.field(default_factory=dict)


class Failure(Exception):
    """A side's process failed: its last words."""


def run_once(side, threads, runs, out):
    """One process on as many processors as it has threads."""
    values = {"THREADS": str(threads), "RUNS": str(runs), "OUT": str(out)}
    command = [values.get(word, word) for word in side.command]
    pinned = set(CPUS[:threads])
    done = subprocess.run(command, capture_output=True, text=True,
                          env=os.environ | side.environment,
                          preexec_fn=lambda: os.sched_setaffinity(0, pinned))
    if done.returncode != 0:
        words = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        last = words[-1] if words else "without a word"
        raise Failure(f"{last[:160]} (exit status {done.returncode})")
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines() if " " in line]
    named = dict(lines)
    return {"seconds": [float(value) for name, value in lines if name == "seconds"],
            "mib": float(named["mib"]), "start_mib": float(named["start_mib"]),
            "version": named.get("version", "")}


def numbers(path, kind="f"):
    values = array.array(kind)
    values.frombytes(pathlib.Path(path).read_bytes())
    return values


def differences(y, right):
    """The largest absolute difference and the relative L2 error. Both are infinite where the
    lengths differ or a value is not finite: no comparison with NaN may pass."""
    if len(y) != len(right):
        return math.inf, math.inf
    largest = squares = whole = 0.0
    for a, b in zip(y, right):
        distance = abs(a - b)
        squares += distance * distance
        whole += b * b
        if distance > largest:
            largest = distance
    if not math.isfinite(squares):  # one NaN makes the sum NaN
        return math.inf, math.inf
    return largest, math.sqrt(squares / whole) if whole else 0.0


def interleave(sides, threads, rounds, runs, folder, say):
    """The measurements of each label, and the errors of those that fail, who then sit out."""
    results = {side.label: [] for side in sides}
    failures = {side.label: side.error for side in sides if side.error}
    for turn in range(rounds):
        for side in sides:
            if side.label in failures:
                continue
            try:
                got = run_once(side, threads, runs, folder / f"{sides.index(side)}.bin")
            except Failure as failure:
                failures[side.label] = str(failure)
                say(f"  {side.label}: failed: {failure}")
                continue
            results[side.label].append(got)
            say(f"  {turn + 1}/{rounds}  {side.label:28}"
                f"{statistics.median(got['seconds']):9.3f} s{got['mib']:8.0f} MiB")
    return results, failures


def compare(what, sides, threads, rounds, runs, folder, say=print, truth=None):
    """Rows of one comparison: `what` (a dictionary that says what is measured) with each side.
    Ratios are taken pair by pair against the run of the first side in the same round, and their
    median counts; so do those against the yardstick with the shortest time."""
    results, failures = interleave(sides, threads, rounds, runs, folder, say)
    times = {label: [statistics.median(run["seconds"]) for run in got]
             for label, got in results.items() if label not in failures}
    baseline = next(iter(times), None)
    yardsticks = [side.label for side in sides if not side.ours and side.label in times]
    fastest = min(yardsticks, key=lambda label: statistics.median(times[label]), default=None)
    index = {side.label: i for i, side in enumerate(sides)}
    result_of = {label: numbers(folder / f"{index[label]}.bin") for label in times}
    right = numbers(truth, "d") if truth else None
    largest = max(map(abs, result_of[baseline])) if baseline else 0.0
    rows = []
    for side in sides:
        row = dict(what, label=side.label, ours=side.ours, fast=side.fast,
                   options=list(side.options), threads=threads, rounds=rounds, runs=runs)
        rows.append(row)
        if side.label in failures:
            row["failure"] = failures[side.label]
            continue
        got, mine = results[side.label], times[side.label]
        row |= {"version": got[0]["version"], "seconds": statistics.median(mine),
                "seconds_min": min(mine), "seconds_max": max(mine),
                "all_seconds": [run["seconds"] for run in got],
                "mib": statistics.median(run["mib"] for run in got),
                "start_mib": statistics.median(run["start_mib"] for run in got)}
        ratios = [a / b for a, b in zip(mine, times[baseline])]
        row |= {"ratio": statistics.median(ratios), "ratio_min": min(ratios),
                "ratio_max": max(ratios),
                "difference": differences(result_of[side.label], result_of[baseline])[0],
                "largest": largest,
                "compared_with": baseline}
        if fastest:
            ratios = [a / b for a, b in zip(mine, times[fastest])]
            row |= {"ratio_fastest": statistics.median(ratios), "fastest": fastest}
        if right:
            row["error_max"], row["error"] = differences(result_of[side.label], right)
        first = next(other for other in rows if other["label"] == baseline)
        for key in ("mib", "error"):
            if first.get(key):
                row[key + "_ratio"] = row[key] / first[key]
    return rows
