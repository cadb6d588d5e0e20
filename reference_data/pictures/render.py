"""Renders the pictures that `./dev demo` shows when it is given none: balls on a tiled floor,
in the evening and in the morning, with textures from smooth to fine, by four rays a pixel.

    python3 render.py [SIDE]        (needs numpy and pillow)
"""

import pathlib
import sys

import numpy as np
from PIL import Image

SCENES = {
    # Where the sun is, the sky at the horizon and above, and the balls: centre, radius, material.
    "still_life": (
        (0.80, 0.46, 0.22), (0.98, 0.66, 0.42), (0.16, 0.30, 0.58), (
            ((-1.25, 0.85, 0.6), 0.85, "mirror"),
            ((0.55, 0.62, -0.55), 0.62, "stripes"),
            ((1.75, 1.0, 1.5), 1.0, "marble"),
            ((-0.25, 0.3, -1.45), 0.3, "red"),
            ((-1.75, 0.26, -1.05), 0.26, "gold"),
            ((1.5, 0.24, -1.3), 0.24, "green"),
        )),
    "morning": (
        (-0.85, 0.30, 0.25), (0.93, 0.80, 0.70), (0.20, 0.45, 0.80), (
            ((0.95, 1.05, 0.9), 1.05, "gold"),
            ((-1.35, 0.55, -0.3), 0.55, "marble"),
            ((-0.35, 0.36, -1.2), 0.36, "green"),
            ((1.15, 0.30, -1.35), 0.30, "stripes"),
            ((-2.4, 0.8, 2.2), 0.8, "red"),
        )),
}
EYE = np.array([0.0, 1.25, -4.6])


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def hashed(*cells):
    """A number in [0, 1) for each lattice point, the same everywhere."""
    h = np.zeros(cells[0].shape, np.uint64)
    for prime, cell in zip((0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9), cells):
        h ^= cell.astype(np.int64).astype(np.uint64) * np.uint64(prime)
        h ^= h >> np.uint64(29)
        h *= np.uint64(0xBF58476D1CE4E5B9)
        h ^= h >> np.uint64(32)
    return (h >> np.uint64(40)).astype(float) / 2**24


def noise(p, octaves=5):
    """Smooth noise of points [..., 3], about 0 to 1: lattice noise at doubling frequencies."""
    total, weight = np.zeros(p.shape[:-1]), 0.0
    for octave in range(octaves):
        q = p * 2.0**octave + 17.3 * octave
        cell = np.floor(q)
        t = q - cell
        t = t * t * (3 - 2 * t)
        value = 0
        for corner in np.ndindex(2, 2, 2):
            share = np.prod([t[..., i] if c else 1 - t[..., i] for i, c in enumerate(corner)], axis=0)
            value = value + share * hashed(*(cell[..., i] + c for i, c in enumerate(corner)))
        total += value / 2**octave
        weight += 1 / 2**octave
    return total / weight


def sky(d):
    """One colour at the horizon, another above, clouds, and the light about the sun."""
    height = np.clip(d[..., 1:2], 0, 1)
    colour = np.array(LOW) + (np.array(HIGH) - np.array(LOW)) * height**0.45
    flat = d / np.maximum(d[..., 1:2], 0.04)
    cloud = noise(np.stack([flat[..., 0] * 0.55, 0 * flat[..., 0], flat[..., 2] * 0.55], -1), 6)
    cover = np.clip((cloud - 0.5) * 5, 0, 1)[..., None] * np.clip(height * 9, 0, 1)
    colour = colour * (1 - 0.75 * cover) + np.array([1.0, 0.86, 0.76]) * 0.75 * cover
    glow = np.clip((d @ SUN)[..., None], 0, 1)
    return colour + np.array([1.0, 0.8, 0.5]) * (0.35 * glow**24 + 2.0 * glow**1500)


def hit_balls(origin, direction):
    """(distance, index) of the nearest ball; infinity and -1 where there is none."""
    nearest = np.full(origin.shape[:-1], np.inf)
    index = np.full(origin.shape[:-1], -1)
    for i, (centre, radius, _) in enumerate(BALLS):
        to = origin - np.array(centre)
        b = (to * direction).sum(-1)
        inside = b * b - (to * to).sum(-1) + radius**2
        t = -b - np.sqrt(np.maximum(inside, 0))
        better = (inside > 0) & (t > 1e-4) & (t < nearest)
        nearest, index = np.where(better, t, nearest), np.where(better, i, index)
    return nearest, index


def shadow(point, rng, samples=4):
    """How much of the sun is seen: a disc, so that shadows are soft."""
    light = np.zeros(point.shape[:-1])
    for _ in range(samples):
        towards = unit(SUN + 0.045 * rng.standard_normal(point.shape))
        light += np.isinf(hit_balls(point + 1e-3 * towards, towards)[0])
    return light[..., None] / samples


def floor_colour(p):
    """Tiles with mortar between them, each with a grain and a tint of its own."""
    cell = np.floor(p[..., [0, 2]] * 1.25)
    within = p[..., [0, 2]] * 1.25 - cell
    edge = np.minimum(within, 1 - within).min(-1)
    dark = ((cell.sum(-1) % 2) == 0)[..., None]
    tint = (hashed(cell[..., 0], cell[..., 1]) - 0.5)[..., None]
    grain = noise(p * np.array([9.0, 1, 9]), 4)[..., None]
    tile = np.where(dark, np.array([0.34, 0.20, 0.16]), np.array([0.82, 0.74, 0.62]))
    tile = tile * (0.75 + 0.5 * grain + 0.25 * tint)
    return np.where((edge < 0.022)[..., None], np.array([0.42, 0.39, 0.36]), tile)


def ball_colour(material, local):
    """local: unit vectors from the centre."""
    if material == "stripes":
        angle = np.arctan2(local[..., 2], local[..., 0]) + 2.2 * local[..., 1]
        white = (np.sin(angle * 9) > 0)[..., None]
        return np.where(white, np.array([0.93, 0.92, 0.88]), np.array([0.08, 0.30, 0.52]))
    if material == "marble":
        vein = noise(local * 2.2, 6) * 7 + local[..., 1] * 4
        share = (0.5 + 0.5 * np.sin(vein))[..., None] ** 3
        return np.array([0.90, 0.88, 0.84]) * (1 - share) + np.array([0.24, 0.33, 0.30]) * share
    base = {"red": (0.72, 0.08, 0.07), "gold": (0.95, 0.66, 0.20), "green": (0.16, 0.46, 0.16),
            "mirror": (0.90, 0.92, 0.95)}[material]
    return np.broadcast_to(np.array(base), local.shape)


GLOSS = {"mirror": 0.86, "gold": 0.55, "red": 0.12, "green": 0.12, "stripes": 0.08, "marble": 0.1}


def trace(origin, direction, rng, depth=0):
    """Light along rays [n, 3]."""
    colour = sky(direction)
    ball_at, index = hit_balls(origin, direction)
    falls = direction[..., 1] < -1e-4
    floor_at = np.where(falls, -origin[..., 1] / np.where(falls, direction[..., 1], -1), np.inf)
    for what in range(-1, len(BALLS)):
        hit = (floor_at < ball_at) if what < 0 else (index == what) & (ball_at <= floor_at)
        if not hit.any():
            continue
        at = (floor_at if what < 0 else ball_at)[hit]
        point = origin[hit] + at[:, None] * direction[hit]
        if what < 0:
            normal, own, gloss = np.broadcast_to([0.0, 1, 0], point.shape), floor_colour(point), 0.1
        else:
            centre, radius, material = BALLS[what]
            normal = (point - np.array(centre)) / radius
            own, gloss = ball_colour(material, normal), GLOSS[material]
        sun = np.clip((normal @ SUN)[:, None], 0, 1) * shadow(point + 1e-3 * normal, rng)
        ambient = 0.20 + 0.14 * normal[:, 1:2]
        lit = own * (ambient * np.array([0.75, 0.85, 1.05]) + 1.35 * sun * np.array([1.0, 0.86, 0.66]))
        if depth < 2:
            facing = np.clip(-(direction[hit] * normal).sum(-1, keepdims=True), 0, 1)
            share = gloss + (1 - gloss) * 0.5 * (1 - facing) ** 5
            bounced = direction[hit] + 2 * facing * normal
            seen = trace(point + 1e-3 * normal, unit(bounced), rng, depth + 1)
            tint = own if gloss > 0.5 else 1
            lit = lit * (1 - share) + seen * share * tint
        if what < 0:  # the air between
            haze = 1 - np.exp(-at[:, None] / 26)
            lit = lit * (1 - haze) + np.array([0.95, 0.70, 0.52]) * haze
        colour[hit] = lit
    return colour


def render(name, side):
    global SUN, LOW, HIGH, BALLS
    SUN, LOW, HIGH, BALLS = SCENES[name]
    SUN = unit(np.array(SUN))
    fine = 2 * side
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:fine, 0:fine]
    right, up = (x + 0.5) / fine * 2 - 1, 1 - (y + 0.5) / fine * 2
    direction = unit(np.stack([right * 0.62, up * 0.62 - 0.10, np.ones_like(right)], -1))
    eyes = np.broadcast_to(EYE, (fine, 3)).copy()
    light = np.stack([trace(eyes, direction[row], rng) for row in range(fine)])
    light = light.reshape(side, 2, side, 2, 3).mean((1, 3))
    shown = 1 - np.exp(-1.35 * light)  # film: bright light saturates softly
    pixels = np.clip(shown / (1 - np.exp(-1.35 * 1.25)), 0, 1) ** (1 / 1.45)
    path = pathlib.Path(__file__).with_name(name + ".png")
    Image.fromarray((pixels * 255).round().astype(np.uint8)).save(path, optimize=True)
    print(path)


if __name__ == "__main__":
    for name in SCENES:
        render(name, int(sys.argv[1]) if len(sys.argv) > 1 else 512)
