"""Turns the JSON of `./dev bench` into tables, and puts them between their markers.

usage: tables.py              rewrite README.md and docs/benchmarks.md from docs/benchmarks/
       tables.py JSON...      print the tables of these files
       tables.py --self-test

A table stands between <!-- bench:NAME --> and <!-- /bench:NAME -->. Nothing is written when a
result differs from PyTorch's by more than 1e-4, is not finite, or is missing: Refused names it.
"""

import json
import math
import pathlib
import re
import sys

import plot
import table_rows

ROOT = pathlib.Path(__file__).resolve().parents[2]
STORED = ROOT / "docs" / "benchmarks"
PAGES = ("README.md", "docs/benchmarks.md", "docs/ops/conv2d.md")
LIMIT = 1e-4  # of the largest value, which counts as 1 at least
# Weights that were rounded to half precision give other images: 11 bits instead of 24.
LIMIT_HALF = 1e-2
NOTHING = "*not yet measured*"


class Refused(Exception):
    pass


def name_of(row):
    what = (row.get("operation") or row.get("what") or row.get("name")
            or f"{row.get('case')} at {row.get('size')}")
    return f"{what}, {row.get('label')}, {row.get('threads')} thread(s)"


def require_agreement(document):
    """Written so that NaN fails."""
    for row in document["rows"]:
        if "failure" in row:
            # Another engine may be missing, and a size too large; ours may not break.
            if row["ours"] and not row["failure"].startswith("needs about"):
                raise Refused(f"{name_of(row)}: {row['failure']}")
            continue
        if not 0 < row["seconds"] < math.inf:
            raise Refused(f"{name_of(row)}: got {row['seconds']} seconds")
        if document["name"] in ("compile", "conv2d"):
            continue  # the one has no result, the other's program has held it against float64
        limit = LIMIT_HALF if "half" in row["options"] else LIMIT
        limit *= max(1.0, row.get("largest", 1.0))  # pixels end at 1, latents do not
        if not row.get("difference", math.nan) <= limit:
            raise Refused(f"{name_of(row)}: got a difference of {row.get('difference')} from "
                          f"{row.get('compared_with')}, expected at most {limit:g}")


def replace(text, name, table, where="the text"):
    """The text with the table between the markers of this name."""
    start, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    if text.count(start) != 1 or text.count(end) != 1 or text.index(end) < text.index(start):
        raise Refused(f"{where}: got no pair of markers {start} {end}, expected one")
    before, rest = text.split(start)
    return f"{before}{start}\n{table.strip()}\n{end}{rest.split(end)[1]}"


def of_section(document):
    """All tables of one section, for the terminal."""
    name = document["name"]
    made = [make({name: document}) for make in table_rows.of_section(name)]
    return "\n\n".join(table for table in made if table)


def stored_documents(folder=STORED):
    documents = {}
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text())
        if not isinstance(document, dict) or document.get("name") != path.stem:
            continue  # another program's
        require_agreement(document)
        documents[document["name"]] = document
    return documents


def rewrite(pages=PAGES, documents=None):
    """A table whose section was never measured stays as it is; an empty one says so."""
    documents = stored_documents() if documents is None else documents
    written = {}
    for page in pages:
        text = (ROOT / page).read_text()
        for name in re.findall(r"<!-- bench:([a-z0-9-]+) -->", text):
            if name not in table_rows.TABLES:
                raise Refused(f"{page}: got a marker bench:{name}, expected one of "
                              f"{', '.join(table_rows.TABLES)}")
            table = table_rows.TABLES[name](documents)
            if table:
                text = replace(text, name, table, page)
            elif not text.split(f"<!-- bench:{name} -->")[1].split("<!-- /bench")[0].strip():
                text = replace(text, name, NOTHING, page)
        written[page] = text
    # All pages or none: nothing was refused.
    for page, text in written.items():
        (ROOT / page).write_text(text)
        print(f"written: {page}")
    if "sizes" in documents:
        (STORED / "sizes.svg").write_text(plot.sizes(documents["sizes"]["rows"]))
        print("written: docs/benchmarks/sizes.svg")


def self_test():
    """That bad results are refused, each by name, and good ones are not."""
    good = {"case": "sd1-decode", "size": 512, "label": "Latent, g++ 12", "threads": 2,
            "ours": True, "options": [], "seconds": 8.0, "difference": 1e-4,
            "compared_with": "PyTorch eager"}
    missing = {key: value for key, value in good.items() if key != "difference"}
    bad = {
        "too far": good | {"difference": 1.0001e-4}, "NaN": good | {"difference": math.nan},
        "infinite": good | {"difference": math.inf}, "no difference": missing,
        "no time": good | {"seconds": math.nan}, "zero time": good | {"seconds": 0.0},
        "broken": good | {"failure": "exit status 1"},
        "another engine is far": good | {"ours": False, "difference": 2e-4},
        "half is far": good | {"options": ["half"], "difference": 0.1},
        "too far for latents": good | {"difference": 4.1e-4, "largest": 4.0},
        "too far for dark pixels": good | {"difference": 2e-4, "largest": 0.1},
    }
    fine = [good, good | {"failure": "not installed", "ours": False},
            good | {"options": ["half"], "difference": 1e-3},
            good | {"difference": 3.9e-4, "largest": 4.0},
            good | {"failure": "needs about 99 GiB of memory"}]
    require_agreement({"name": "autoencoder", "rows": fine})
    for why, row in bad.items():
        try:
            require_agreement({"name": "autoencoder", "rows": [good, row]})
        except Refused as refusal:
            if "sd1-decode at 512, Latent, g++ 12, 2 thread(s)" not in str(refusal):
                raise AssertionError(f"{why}: the refusal does not name the row: {refusal}")
        else:
            raise AssertionError(f"{why}: got a table, expected a refusal")
    text = "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n"
    new = replace(text, "x", "new")
    if new != text.replace("old", "new") or replace(new, "x", "new") != new:
        raise AssertionError(f"replace: got {new!r}")
    for broken in (text.replace("/bench", "bench"), "", text + text):
        try:
            replace(broken, "x", "new")
        except Refused:
            continue
        raise AssertionError("replace: got text without its markers, expected a refusal")


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["--self-test"]:
            self_test()
            print("tables.py: bad results are refused")
        elif len(sys.argv) > 1:
            for path in sys.argv[1:]:
                document = json.loads(pathlib.Path(path).read_text())
                print(of_section(document) + "\n")
                require_agreement(document)
        else:
            rewrite()
    except Refused as refusal:
        sys.exit(f"nothing was written: {refusal}")
