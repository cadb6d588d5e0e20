"""Time and memory against the image's size, as an SVG: two panels with logarithmic axes.

The background is transparent and all colours are of middle brightness, so that it reads on
light and on dark pages.
"""

import math
from xml.sax.saxutils import escape

TEXT, LINE = "#7d8590", "#7d859055"
COLOURS = {"PyTorch": "#e0792b", "exact": "#3b82f6", "fast": "#2da44e", "stream": "#a864e8"}
WIDTH, HEIGHT, PANEL, LEFT, TOP = 860, 400, 330, 62, 46
FLOOR = HEIGHT - 48


def colour(row):
    if not row["ours"]:
        return COLOURS["PyTorch"]
    return COLOURS[row["options"][0] if row["options"] else "exact"]


def powers(low, high, base):
    """The powers of the base from the one below `low` to the one above `high`."""
    first = math.floor(math.log(low, base) + 1e-9)
    last = max(math.ceil(math.log(high, base) - 1e-9), first + 1)
    return [base ** exponent for exponent in range(first, last + 1)]


def along(value, low, high):
    return math.log(value / low) / math.log(high / low)


def text(x, y, words, anchor="middle", size=12, fill=TEXT, more=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
            f'fill="{fill}"{more}>{escape(words)}</text>')


def time_words(value):
    if value < 1:
        return f"{value * 1000:g} ms"
    return f"{value:g} s"


def memory_words(value):
    return f"{value / 1024:g} GiB" if value >= 1024 else f"{value:g} MiB"


def panel(rows, key, title, words, base, left):
    """One panel: axes and a line for each label."""
    sizes = sorted({row["size"] for row in rows})
    ticks = powers(min(row[key] for row in rows), max(row[key] for row in rows), base)

    def x_of(size):
        return left + PANEL * along(size, sizes[0], max(sizes[-1], 2 * sizes[0]))

    def y_of(value):
        return FLOOR - (FLOOR - TOP) * along(value, ticks[0], ticks[-1])

    parts = [text(left, TOP - 18, title, "start", 14)]
    for tick in ticks:
        y = y_of(tick)
        parts.append(f'<line x1="{left}" x2="{left + PANEL}" y1="{y:.1f}" y2="{y:.1f}" '
                     f'stroke="{LINE}"/>')
        parts.append(text(left - 7, y + 4, words(tick), "end"))
    for size in sizes:
        x = x_of(size)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{FLOOR}" y2="{FLOOR + 4}" '
                     f'stroke="{TEXT}"/>')
        # Logarithms crowd the larger sizes.
        parts.append(text(x, FLOOR + 18, str(size), size=11))
    parts.append(text(left + PANEL / 2, FLOOR + 38, "side of the image, pixels"))
    for label in dict.fromkeys(row["label"] for row in rows):
        mine = sorted((row["size"], row) for row in rows if row["label"] == label)
        shade = colour(mine[0][1])
        points = [(x_of(size), y_of(row[key])) for size, row in mine]
        parts.append('<polyline fill="none" stroke-width="2" stroke="{}" points="{}"/>'.format(
            shade, " ".join(f"{x:.1f},{y:.1f}" for x, y in points)))
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{shade}"/>'
                  for x, y in points]
    return parts


def sizes(rows):
    """The SVG of the section `sizes`."""
    rows = [row for row in rows if "failure" not in row]
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + 26}" '
             f'width="{WIDTH}" height="{HEIGHT + 26}" '
             f'font-family="system-ui, -apple-system, Segoe UI, sans-serif">',
             "<title>Stable Diffusion 1 decode: time and memory against size</title>"]
    parts += panel(rows, "seconds", "time", time_words, 10, LEFT)
    parts += panel(rows, "mib", "memory beyond the weights", memory_words, 4,
                   WIDTH - PANEL - 20)
    x = LEFT
    for label in dict.fromkeys(row["label"] for row in rows):
        shade = colour(next(row for row in rows if row["label"] == label))
        parts.append(f'<rect x="{x}" y="{HEIGHT + 4}" width="16" height="4" fill="{shade}"/>')
        parts.append(text(x + 22, HEIGHT + 10, label, "start"))
        x += 46 + 7 * len(label)
    return "\n".join([*parts, "</svg>", ""])
