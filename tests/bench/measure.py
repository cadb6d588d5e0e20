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
    threads: int = 0  # 0: as many as its comparison has

    @property
    def key(self):
        """The label, unless the same side is there with other threads."""
        return f"{self.label}, {self.threads} thread(s)" if self.threads else self.label


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
    """The measurements of each side, by its key, and the errors of those that fail, who then
    sit out."""
    results = {side.key: [] for side in sides}
    failures = {side.key: side.error for side in sides if side.error}
    for turn in range(rounds):
        for side in sides:
            if side.key in failures:
                continue
            try:
                got = run_once(side, side.threads or threads, runs,
                               folder / f"{sides.index(side)}.bin")
            except Failure as failure:
                failures[side.key] = str(failure)
                say(f"  {side.key}: failed: {failure}")
                continue
            results[side.key].append(got)
            say(f"  {turn + 1}/{rounds}  {side.key:40}"
                f"{statistics.median(got['seconds']):9.3f} s{got['mib']:8.0f} MiB")
    return results, failures


def ratios(key, of, to):
    """Of the times of each turn: their median, the smallest and the largest."""
    each = [a / b for a, b in zip(of, to)]
    return {key: statistics.median(each), key + "_min": min(each), key + "_max": max(each)}


def compare(what, sides, threads, rounds, runs, folder, say=print, truth=None):
    """Rows of one comparison: `what` (a dictionary that says what is measured) with each side.
    Ratios are taken pair by pair against the run of the first side in the same round, and their
    median counts; so do those against the yardstick with the shortest time, and those of a
    side with fewer threads against itself."""
    results, failures = interleave(sides, threads, rounds, runs, folder, say)
    times = {key: [statistics.median(run["seconds"]) for run in got]
             for key, got in results.items() if key not in failures}
    baseline = next(iter(times), None)
    yardsticks = [side.key for side in sides
                  if not side.ours and not side.threads and side.key in times]
    fastest = min(yardsticks, key=lambda key: statistics.median(times[key]), default=None)
    index = {side.key: i for i, side in enumerate(sides)}
    result_of = {key: numbers(folder / f"{index[key]}.bin") for key in times}
    right = numbers(truth, "d") if truth else None
    largest = max(map(abs, result_of[baseline])) if baseline else 0.0
    rows, row_of = [], {}
    for side in sides:
        key = side.key
        row = row_of[key] = dict(what, label=side.label, ours=side.ours, fast=side.fast,
                                 options=list(side.options), threads=side.threads or threads,
                                 rounds=rounds, runs=runs)
        rows.append(row)
        if key in failures:
            row["failure"] = failures[key]
            continue
        got, mine = results[key], times[key]
        row |= {"version": got[0]["version"], "seconds": statistics.median(mine),
                "seconds_min": min(mine), "seconds_max": max(mine),
                "all_seconds": [run["seconds"] for run in got],
                "mib": statistics.median(run["mib"] for run in got),
                "start_mib": statistics.median(run["start_mib"] for run in got)}
        row |= ratios("ratio", mine, times[baseline])
        row |= {"difference": differences(result_of[key], result_of[baseline])[0],
                "largest": largest, "compared_with": baseline}
        if fastest:
            row["ratio_fastest"] = ratios("ratio", mine, times[fastest])["ratio"]
            row["fastest"] = fastest
        if side.threads and side.label in times:
            row |= ratios("slower", mine, times[side.label])
        if right:
            row["error_max"], row["error"] = differences(result_of[key], right)
        for name in ("mib", "error"):
            if row_of[baseline].get(name):
                row[name + "_ratio"] = row[name] / row_of[baseline][name]
    return rows
