"""The sides of each comparison: Latent with each compiler, and the yardsticks."""

import importlib.util
import pathlib
import subprocess
import sys

from machine import version
from measure import Side
from programs import BUILD

HERE = pathlib.Path(__file__).parent
ENGINES = {  # engine: its label, and the package that it needs
    "eager": ("PyTorch eager", "torch"),
    "channels_last": ("PyTorch channels_last", "torch"),
    "compile": ("PyTorch compile", "torch"),
    "onnxruntime": ("ONNX Runtime", "onnxruntime"),
    "openvino": ("OpenVINO", "openvino"),
}


def prepared(what, case, size, suffix):
    """The file that prepare.py makes, made unless it is there, or its error. Its name carries
    the versions that it depends on."""
    stamp = f"torch{version('torch')}-diffusers{version('diffusers')}"
    path = BUILD / "prepared" / f"{case}-{size}-{stamp}.{suffix}"
    if path.exists():
        return path, ""
    path.parent.mkdir(parents=True, exist_ok=True)
    print(f"making {path.name}", flush=True)
    part = path.with_name("part-" + path.name)
    done = subprocess.run([sys.executable, HERE / "prepare.py", what, case, str(size), part],
                          capture_output=True, text=True)
    if done.returncode != 0:
        part.unlink(missing_ok=True)
        return path, (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    part.rename(path)
    return path, ""


def given(case, size):
    path, error = prepared("input", case, size, "input")
    if error:
        sys.exit(f"{case}: no input: {error}")
    return str(path)


def yardsticks(case, size, engines):
    sides = []
    for engine in engines:
        label, package = ENGINES[engine]
        side = Side(label, [sys.executable, str(HERE / "yardsticks.py"), engine, case,
                            str(size), given(case, size), "THREADS", "RUNS", "OUT"], ours=False,
                    environment={"TORCHINDUCTOR_CACHE_DIR": str(BUILD / "inductor")})
        if importlib.util.find_spec(package) is None:
            side.error = "not installed"
        elif engine in ("onnxruntime", "openvino"):
            path, side.error = prepared("onnx", case, size, "onnx")
            side.command.append(str(path))
        sides.append(side)
    return sides


def label_of(way, compiler):
    """As in: Latent fast, g++ 12."""
    return " ".join(["Latent", *way]) + f", {compiler}"


def latent(programs, case, size, ways=((),)):
    """`programs`: label of a compiler -> autoencoder; a way: words for the program's end."""
    return [Side(label_of(way, compiler),
                 [program, case, str(size), given(case, size), "THREADS", "RUNS", "OUT", *way],
                 fast="fast" in way, options=tuple(way))
            for way in ways for compiler, program in programs.items()]
