"""Where and with what it is measured: goes into every JSON file."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ("sse2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512dq", "avx512bw", "avx512vl",
         "avx512_vnni", "avx512_bf16", "amx_tile", "asimd", "asimdhp", "sve")


def first(path, pattern):
    try:
        found = re.search(pattern, pathlib.Path(path).read_text(), re.MULTILINE)
    except OSError:
        return ""
    return found.group(1).strip() if found else ""


def available_mib():
    return int(first("/proc/meminfo", r"^MemAvailable: *(\d+)") or 0) / 1024


def words_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def describe(compilers):
    """`compilers`: label -> (command, flags)."""
    flags = first("/proc/cpuinfo", r"^(?:flags|Features)\s*: (.*)$").split()
    packages = ("torch", "diffusers", "onnxruntime", "openvino")
    return {
        "date": datetime.date.today().isoformat(),
        "commit": words_of("git", "rev-parse", "--short=10", "HEAD"),
        "uncommitted": bool(words_of("git", "status", "--porcelain", "include", "tests/bench")),
        "processor": first("/proc/cpuinfo", r"^model name\s*: (.*)$") or platform.processor(),
        "processors": len(os.sched_getaffinity(0)),
        "instructions": [flag for flag in FLAGS if flag in flags],
        "memory_gib": round(int(first("/proc/meminfo", r"^MemTotal: *(\d+)") or 0) / 2**20, 1),
        "huge_pages": first("/sys/kernel/mm/transparent_hugepage/enabled", r"\[(\w+)\]"),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),
        "compilers": {label: {"version": words_of(command, "--version").split("\n")[0],
                              "flags": " ".join(options)}
                      for label, (command, options) in compilers.items()},
        "versions": {name: version(name) for name in packages},
        "python": platform.python_version(),
    }
