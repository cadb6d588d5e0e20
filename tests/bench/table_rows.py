"""The tables of the benchmarks, each a function from documents (section -> JSON) to Markdown,
or to nothing where its section was not measured."""

TITLES = {
    "sd1-decode": "Stable Diffusion 1, decode", "sd1-encode": "Stable Diffusion 1, encode",
    "tiny-decode": "TAESD, decode", "taef2-decode": "TAEF2, decode",
    "taef2-encode": "TAEF2, encode",
}
WEIGHTS = {"sd1": "seeded", "tiny": "seeded", "taef2": "trained"}


def table(head, rows, left=1):
    """Markdown: so many columns to the left, the rest to the right."""
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def seconds(value):
    if value < 1:
        return f"{1000 * value:.{1 if value < 0.1 else 0}f} ms"
    return f"{value:.{2 if value < 10 else 1}f} s"


def number(row, key, form):
    return format(row[key], form) if key in row else "–"


def ratio(row, key="ratio"):
    if key not in row:
        return "–"
    least, most = row[key + "_min"], row[key + "_max"]
    spread = f" ({least:.2f}–{most:.2f})" if least != most else ""
    return f"{row[key]:.2f}{spread}"


def against(row, key, form):
    """The value, and in brackets what part it is of PyTorch's."""
    part = f" ({row[key + '_ratio']:.2f})" if key + "_ratio" in row else ""
    return number(row, key, form) + part


def of_peak(row, peak):
    most = peak.get(str(row["threads"]), {}).get("gflops")
    if not most or "gflops_multiplied" not in row:
        return "–"
    return f"{100 * row['gflops_multiplied'] / most:.0f}%"


def chosen(document, **wanted):
    return [row for row in document["rows"]
            if all(row.get(key) == value for key, value in wanted.items())]


def failed(row, columns):
    return [row["label"], row["failure"].replace("|", "/")] + [""] * (columns - 2)


def autoencoder(case):
    def make(documents):
        document = documents.get("autoencoder")
        rows = chosen(document, case=case) if document else []
        if not rows:
            return ""
        most = max(row["threads"] for row in rows)
        head = [f"{TITLES[case]}, {rows[0]['size']}x{rows[0]['size']}, {most} threads", "time",
                "against eager", "against the fastest", "memory, MiB", "relative error",
                "largest error", "GFLOP/s, direct", "multiplied", "of the peak"]
        lines = []
        for row in rows:
            if row["threads"] != most:
                continue
            if "failure" in row:
                lines.append(failed(row, len(head)))
                continue
            lines.append([
                row["label"], seconds(row["seconds"]), ratio(row),
                number(row, "ratio_fastest", ".2f"), against(row, "mib", ".0f"),
                against(row, "error", ".1e"), number(row, "error_max", ".1e"),
                number(row, "gflops", ".0f"), number(row, "gflops_multiplied", ".0f"),
                of_peak(row, document["peak"])])
        return table(head, lines)
    return make


def threads(documents):
    document = documents.get("autoencoder")
    if not document:
        return ""
    lines = []
    for one in document["rows"]:
        if "slower" not in one:
            continue
        two = next(row for row in document["rows"] if "slower" not in row
                   and all(row[key] == one[key] for key in ("case", "size", "label")))
        lines.append([TITLES[one["case"]], one["label"], seconds(one["seconds"]),
                      seconds(two["seconds"]), ratio(one, "slower")])
    return lines and table(["", "", "1 thread", "2 threads", "faster by"], lines, 2)


def errors(documents):
    """Relative L2 errors, a column for each case."""
    document = documents.get("errors")
    if not document:
        return ""
    cases = list(dict.fromkeys(row["case"] for row in document["rows"]))
    head = ["relative error (largest)"] + [
        f"{TITLES[case]}, {WEIGHTS[case.split('-')[0]]}" for case in cases]
    lines = []
    for label in dict.fromkeys(row["label"] for row in document["rows"]):
        line = [label]
        for case in cases:
            row = (chosen(document, label=label, case=case) or [{}])[0]
            line.append(f"{row['error']:.2e} ({row['error_max']:.1e})" if "error" in row
                        else "failed" if "failure" in row else "–")
        lines.append(line)
    return table(head, lines)


def ops(documents):
    document = documents.get("ops")
    if not document:
        return ""
    head = ["operation", "by", "time", "against PyTorch", "GFLOP/s, direct", "multiplied",
            "of the peak", "GB/s"]
    lines, before = [], ""
    for row in document["rows"]:
        name = row["operation"] if row["operation"] != before else ""
        before = row["operation"]
        if "failure" in row:
            lines.append([name, *failed(row, len(head) - 1)])
            continue
        lines.append([name, row["label"], seconds(row["seconds"]), ratio(row),
                      number(row, "gflops", ".0f"), number(row, "gflops_multiplied", ".0f"),
                      of_peak(row, document["peak"]), number(row, "gigabytes", ".1f")])
    return table(head, lines, 2)


def by_size(name):
    """A line for each size: the time and the memory of every side."""
    def cell(row):
        if "failure" in row:
            return row["failure"]
        return f"{seconds(row['seconds'])}, {row['mib']:,.0f} MiB"

    def make(documents):
        document = documents.get(name)
        if not document:
            return ""
        labels = list(dict.fromkeys(row["label"] for row in document["rows"]))
        lines = []
        for size in dict.fromkeys(row["size"] for row in document["rows"]):
            rows = {row["label"]: row for row in chosen(document, size=size)}
            farthest = max((row["difference"] for row in rows.values() if "difference" in row),
                           default=0)
            lines.append([f"{size}x{size}", *(cell(rows[label]) for label in labels),
                          f"{farthest:.1e}"])
        return table(["SD1 decode", *labels, "images differ by"], lines)
    return make


def weights(documents):
    document = documents.get("weights")
    if not document:
        return ""
    lines = []
    for row in document["rows"]:
        if "failure" in row:
            lines.append(failed(row, 5))
            continue
        lines.append([row["label"], f"{row['start_mib']:.0f}", f"{row['mib']:.0f}",
                      seconds(row["seconds"]), number(row, "error", ".1e")])
    return table(["SD1 decode", "held when loaded, MiB", "beyond that", "time",
                  "relative error"], lines)


def compile_times(documents):
    document = documents.get("compile")
    if not document:
        return ""
    return table(["", "compiler", "before", "now", "grown by"], [
        [row["what"], row["label"], seconds(row["before"]) if "before" in row else "–",
         seconds(row["seconds"]),
         f"{100 * row['growth']:+.0f}%" if "growth" in row else "–"]
        for row in document["rows"]], 2)


def compile_summary(documents):
    """The README's sentence."""
    document = documents.get("compile")
    if not document:
        return ""
    parts = {row["what"]: [] for row in document["rows"]}
    for row in document["rows"]:
        if "native" not in row["label"]:
            parts[row["what"]].append(f"{row['seconds']:.1f} s with {row['label']}")
    ours, eigen = parts.values()
    return ("A program that decodes with AutoencoderKL compiles in " + " and ".join(ours)
            + "; one that only includes `<Eigen/Core>` takes " + " and ".join(eigen) + ".")


def conv2d(documents):
    """The ladder: each rung with each compiler."""
    document = documents.get("conv2d")
    if not document:
        return ""
    lines = []
    for row in sorted(document["rows"], key=lambda row: row["rung"]):  # a stable sort
        new = not lines or lines[-1][-1] != row["rung"]
        lines.append([f"{row['rung']}. {row['name']}" if new else "", row["label"],
                      str(row["threads"]), f"{1000 * row['seconds']:.1f}",
                      f"{row['gflops_direct']:.1f}", f"{row['gflops_multiplied']:.1f}",
                      f"{100 * row['gflops_multiplied'] / row['gflops_peak']:.0f}%",
                      f"{row['error']:.1e}", row["rung"]])
    return table(["rung", "compiler", "threads", "ms", "GFLOP/s", "multiplied", "of peak",
                  "error"], [line[:-1] for line in lines], 2)


def summary(documents):
    """What the README shows: who takes how long, and how much memory."""
    document = documents.get("autoencoder")
    if not document:
        return ""
    cases = [case for case in TITLES if chosen(document, case=case)]
    most = max(row["threads"] for row in document["rows"])
    head = [""]
    for case in cases:
        head += [TITLES[case], "", "memory"]
    lines = []
    for label in dict.fromkeys(row["label"] for row in document["rows"]):
        line = [label]
        for case in cases:
            row = (chosen(document, label=label, case=case, threads=most) or [{}])[0]
            line += (["–", "", ""] if "seconds" not in row else
                     [seconds(row["seconds"]), f"{row['ratio']:.2f}", f"{row['mib']:.0f} MiB"])
        lines.append(line)
    return table(head, lines)


def machine(documents):
    """One sentence: where it was measured."""
    document = documents.get("autoencoder")
    if not document:
        return ""
    about, peak = document["machine"], document["peak"]
    versions = {row["version"] for row in document["rows"] if row.get("version")}
    most = str(max(map(int, peak)))
    return (f"{about['processor']}, {about['processors']} processors, "
            f"{about['memory_gib']} GiB; "
            f"{peak['1']['gflops']:.0f} GFLOP/s with one thread and "
            f"{peak[most]['gflops']:.0f} with {most}, {peak[most]['triad']:.0f} GB/s (triad). "
            + "; ".join(sorted(versions)) + ". "
            + "; ".join(f"{label} with {how['flags']}"
                        for label, how in about["compilers"].items())
            + f". Commit {about['commit']}, {about['date']}.")


TABLES = {
    "summary": summary, "machine": machine, "sd1-decode": autoencoder("sd1-decode"),
    "sd1-encode": autoencoder("sd1-encode"), "tiny-decode": autoencoder("tiny-decode"),
    "threads": threads, "errors": errors, "ops": ops, "sizes": by_size("sizes"),
    "large": by_size("large"), "weights": weights, "compile": compile_times,
    "compile-summary": compile_summary, "conv2d": conv2d,
}


def of_section(name):
    return {"autoencoder": [TABLES[key] for key in
                            ("sd1-decode", "sd1-encode", "tiny-decode", "threads")],
            "compile": [compile_times]}.get(name, [TABLES[name]] if name in TABLES else [])
