"""./dev bench: measures Latent beside other engines, and writes JSON.

usage: run.py [SECTION...] [options]; --help lists them. docs/benchmarks.md tells what is
measured and how.
"""

import argparse
import json
import pathlib
import shutil
import sys
import tempfile

import arithmetic
import tables
from cases import SECTIONS, USUAL, Bench
from machine import ROOT, describe
from programs import BUILD, build, compilers, peaks
from sides import ENGINES


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.split("\n")[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", default=[],
                        help=", ".join(SECTIONS) + "; without one "
                        + ", ".join(USUAL))
    parser.add_argument("--write", action="store_true", help="store the results in "
                        "docs/benchmarks/ and rewrite the tables of README and docs")
    parser.add_argument("--case", action="append", help="of autoencoder, errors and ops: those "
                        "whose name holds this")
    parser.add_argument("--engine", action="append", choices=list(ENGINES),
                        help="these yardsticks alone")
    parser.add_argument("--compiler", help="those whose label holds this, as in clang")
    parser.add_argument("--size", type=int, help="the image's side in pixels (512)")
    parser.add_argument("--sizes", type=int, nargs="+", help="of the section sizes")
    parser.add_argument("--threads", type=int, nargs="+", help="numbers of threads (2, 1)")
    parser.add_argument("--rounds", type=int, help="interleaved rounds")
    parser.add_argument("--native", action="store_true", help="compile with -march=native")
    parser.add_argument("--quick", action="store_true", help="one round, at 256x256 pixels")
    chosen = parser.parse_args()
    for section in chosen.sections:
        if section not in SECTIONS:
            sys.exit(f"no section {section}: there are {', '.join(SECTIONS)}")
    chosen.sections = chosen.sections or USUAL
    if chosen.quick:
        chosen.size, chosen.rounds = chosen.size or 256, chosen.rounds or 1
    parts = (chosen.quick, chosen.case, chosen.engine, chosen.size, chosen.sizes,
             chosen.compiler, chosen.threads)
    if chosen.write and any(parts):
        sys.exit("--write: got a part of the measurement, expected the whole of a section")
    return chosen


def improve(peak, program, threads):
    for count in threads:
        most = peak.setdefault(str(count), {})
        for key, value in peaks(program, count).items():
            most[key] = max(most.get(key, 0), value)


def main():
    chosen = arguments()
    arithmetic.self_test()
    tables.self_test()
    found = compilers(chosen.native)
    if chosen.compiler:
        found = {label: how for label, how in found.items() if chosen.compiler in label}
    measured = {}
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        bench = Bench(chosen, found, pathlib.Path(folder))
        program = next(iter(build("peak", compilers()).values()))
        peak = {}
        for section in chosen.sections:
            about = describe(found)
            # Before and after: the larger is the machine's.
            improve(peak, program, bench.threads)
            rows = SECTIONS[section](bench)
            improve(peak, program, bench.threads)
            measured[section] = {"name": section, "machine": about, "peak": peak, "rows": rows}
            text = json.dumps(measured[section], indent=1) + "\n"
            (BUILD / f"{section}.json").write_text(text)
            print("\n" + tables.of_section(measured[section]), flush=True)
    (ROOT / "build" / "bench.json").write_text(json.dumps(measured, indent=1) + "\n")
    print("written: build/bench.json")
    try:
        for document in measured.values():
            tables.require_agreement(document)
    except tables.Refused as refusal:
        sys.exit(f"these results are not to be shown: {refusal}")
    if chosen.write:
        tables.STORED.mkdir(exist_ok=True)
        for section in measured:
            shutil.copy(BUILD / f"{section}.json", tables.STORED / f"{section}.json")
        tables.rewrite()


if __name__ == "__main__":
    main()
