#!/usr/bin/env python3
"""Writes the corpus: files that lie and must be refused, files that are odd and must be read.

    python3 tests/corpus/make.py            writes hostile/, valid/, hostile.tsv, valid.tsv
    python3 tests/corpus/make.py --check    exits 1 where the stored files differ

Everything is made by hand, byte by byte, from the standard library alone: no writer of ours or
of others could be talked into these files. The same bytes come out everywhere and always.
A hostile file is a sound one with one thing changed; its name and its line in hostile.tsv say
which. README.md describes the tables.
"""

import json
import pathlib
import sys

from makers import (config_files, hostile_zip_files, image_files, index_files, legacy_files,
                    npy_files, pickle_files, safetensors_files, valid_zip_files)
from makers.common import FILES, HOSTILE, VALID

HERE = pathlib.Path(__file__).resolve().parent


def table(rows): return "".join("\t".join(row) + "\n" for row in rows).encode()


def make():
    safetensors_files.make_safetensors()
    index_files.make_index()
    pickle_files.make_pickle()
    hostile_zip_files.make_hostile_zip()
    valid_zip_files.make_valid_zip()
    legacy_files.make_legacy()
    npy_files.make_npy()
    config_files.make_config()
    image_files.make_image()
    FILES["hostile.tsv"] = table((path, lie, " & ".join(words))
                                 for path, lie, words in HOSTILE)
    FILES["valid.tsv"] = table((path, json.dumps(name), dtype, shape, values)
                               for path, name, dtype, shape, values in VALID)


def stored():
    """The files that stand there, below the two folders and the two tables."""
    found = {}
    for path in HERE.rglob("*"):
        name = path.relative_to(HERE).as_posix()
        ours = name.startswith(("hostile/", "valid/")) or name.endswith(".tsv")
        if ours and path.is_file():
            found[name] = path
    return found


def main():
    make()
    there = stored()
    if "--check" in sys.argv[1:]:
        wrong = sorted(set(there) ^ set(FILES))
        wrong += sorted(name for name in set(there) & set(FILES)
                        if there[name].read_bytes() != FILES[name])
        for name in wrong:
            print(f"tests/corpus/{name}: not as make.py writes it")
        return 1 if wrong else 0
    for name in sorted(set(there) - set(FILES)):
        there[name].unlink()
    for name, data in FILES.items():
        path = HERE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    size = sum(map(len, FILES.values()))
    print(f"{len(FILES)} files, {size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
