"""Builds the benchmarks' C++ programs with every compiler that is found."""

import pathlib
import re
import shutil
import subprocess
import sys

from machine import ROOT, words_of

BUILD = ROOT / "build" / "bench"
FLAGS = ["-std=c++20", "-O3", "-DNDEBUG", "-pthread"]
LIBRARIES = {"autoencoder": ["-lzip"], "ops": [], "peak": [], "conv2d": []}
CANDIDATES = ("g++", "clang++", "clang++-18", "clang++-14")


def includes():
    """Where Eigen and the readers' libraries stand, as pkg-config and the usual folders say."""
    found = words_of("pkg-config", "--cflags-only-I", "eigen3", "libzip").split()
    for prefix in ("/usr", "/usr/local", "/opt/homebrew"):
        if pathlib.Path(prefix, "include", "stb").is_dir():
            found.append(f"-I{prefix}/include/stb")
    return [flag.replace("-I", "-isystem") for flag in found]


def compilers(native=False):
    """label -> (command, flags): the first g++ and the first clang. With `native` for this
    processor alone; without it, as a small project compiles: kernels for each processor are in
    the program and are chosen when it runs."""
    found = {}
    for command in CANDIDATES:
        if not shutil.which(command):
            continue
        line = words_of(command, "--version").split("\n")[0]
        name = "clang" if "clang" in line else "g++"
        number = re.search(r"(\d+)\.\d+\.\d+", line)
        label = f"{name} {number.group(1)}" if number else name
        if any(other.startswith(name) for other in found):
            continue
        flags = list(FLAGS)
        if native:
            # g++ tunes for the processor it names, and that slows Eigen's product down.
            flags += ["-march=native"] + (["-mtune=generic"] if name == "g++" else [])
        found[label] = (command, flags)
    if not found:
        sys.exit("no compiler: expected g++ or clang++")
    return found


def newest_source():
    folders = (ROOT / "include", ROOT / "tests" / "bench")
    return max(path.stat().st_mtime for folder in folders for path in folder.rglob("*")
               if path.suffix in (".hpp", ".cpp", ".inc"))


def folder_of(label, native=False):
    return BUILD / (label.replace(" ", "-") + ("-native" if native else ""))


def build(name, found, native=False):
    """label -> program of tests/bench/NAME.cpp, compiled where a source is newer."""
    running, made = [], {}
    for label, (command, flags) in found.items():
        out = folder_of(label, native) / name
        out.parent.mkdir(parents=True, exist_ok=True)
        made[label] = str(out)
        if out.exists() and out.stat().st_mtime > newest_source():
            continue
        print(f"compiling tests/bench/{name}.cpp with {label}", flush=True)
        running.append(subprocess.Popen(
            [command, *flags, "-Iinclude", *includes(), f"tests/bench/{name}.cpp",
             "-o", str(out), *LIBRARIES[name]], cwd=ROOT))
    if any(process.wait() != 0 for process in running):
        sys.exit(f"tests/bench/{name}.cpp does not compile")
    return made


def peaks(program, threads):
    """What this machine can do at most with so many threads: GFLOP/s of each set of vector
    instructions, and GB/s. Asked twice, the larger counts: others may disturb."""
    best = {}
    for _ in range(2):
        done = subprocess.run([program, str(threads)], capture_output=True, text=True,
                              check=True)
        for line in done.stdout.splitlines():
            kind, value, *name = line.split(maxsplit=2)
            key = f"gflops {name[0]}" if name else kind
            best[key] = max(best.get(key, 0), float(value))
    best["gflops"] = max(value for key, value in best.items() if key.startswith("gflops"))
    return best
