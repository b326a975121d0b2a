"""Write a photo folder of made-up things to try the engine on: `python examples/made_up_concepts.py photos/`.

Six shapes, ray-marched through their signed distance functions (Hart 1996) with one light, so that every pixel of them
is ours to give away. They bring their own alpha. The picture in the README is composed of them.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, STEPS, VIEWS = 320, 48, 3
LIGHT = np.array([-0.45, 0.75, -0.5]) / np.linalg.norm([-0.45, 0.75, -0.5])


def ball(p):
    return np.linalg.norm(p, axis=-1) - 0.8


def ring(p):
    flat = np.stack([np.hypot(p[..., 0], p[..., 1]) - 0.62, p[..., 2]], -1)
    return np.linalg.norm(flat, axis=-1) - 0.24


def die(p):
    q = np.abs(p) - 0.5
    return np.linalg.norm(np.maximum(q, 0), axis=-1) + np.minimum(q.max(-1), 0) - 0.14


def mug(p):
    wall = np.maximum(np.abs(np.hypot(p[..., 0], p[..., 2]) - 0.5) - 0.06, np.abs(p[..., 1]) - 0.62)
    floor = np.maximum(np.hypot(p[..., 0], p[..., 2]) - 0.5, np.abs(p[..., 1] + 0.56) - 0.06)
    flat = np.stack([np.hypot(p[..., 0] - 0.58, p[..., 1]) - 0.3, p[..., 2]], -1)
    handle = np.maximum(np.linalg.norm(flat, axis=-1) - 0.08, 0.52 - p[..., 0])
    return np.minimum(np.minimum(wall, floor), handle) - 0.02


def cone(p):
    slope = 0.9 * np.hypot(p[..., 0], p[..., 2]) + 0.43 * (p[..., 1] - 0.8)
    return np.maximum(slope, -p[..., 1] - 0.7) * 0.9


def snowman(p):
    parts = [(0.0, -0.42, 0.46), (0.0, 0.22, 0.33), (0.0, 0.66, 0.22)]
    return np.min([np.linalg.norm(p - (x, y, 0), axis=-1) - radius for x, y, radius in parts], axis=0)


SHAPES = {
    "ball": (ball, (230, 60, 50), (250, 235, 220)),
    "ring": (ring, (240, 180, 40), (250, 210, 90)),
    "die": (die, (60, 120, 220), (235, 240, 250)),
    "mug": (mug, (70, 160, 120), (240, 230, 200)),
    "cone": (cone, (240, 120, 30), (250, 250, 245)),
    "snowman": (snowman, (235, 240, 248), (215, 225, 240)),
}

CLASSES = {"ring": "toy ring", "die": "toy die", "cone": "toy cone", "snowman": "toy snowman"}


def photo(shape, first, second, turn):
    """One view as RGBA, SIDE x SIDE: marched at twice the size, then halved."""
    size = 2 * SIDE
    y, x = np.mgrid[1 : -1 : size * 1j, -1 : 1 : size * 1j]
    tilt = 0.35
    start = np.stack([x, y * np.cos(tilt) + 2 * np.sin(tilt), y * np.sin(tilt) - 2 * np.cos(tilt)], -1)
    ray = np.array([0.0, -np.sin(tilt), np.cos(tilt)])
    spin = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    depth = np.zeros(x.shape)
    for _ in range(STEPS):
        depth += np.clip(shape((start + depth[..., None] * ray) @ spin.T), -0.1, 0.5)
    at = (start + depth[..., None] * ray) @ spin.T
    hit = (np.abs(shape(at)) < 0.01) & (depth < 4)
    steps = 0.004 * np.eye(3)
    normal = np.stack([shape(at + step) - shape(at - step) for step in steps], -1) @ spin
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    stripes = (np.sin(7 * at[..., 1] + 0.6) > 0.35)[..., None]
    color = np.where(stripes, second, first) / 255.0
    diffuse = np.clip(normal @ LIGHT, 0, 1)[..., None]
    shine = np.clip((normal @ (LIGHT - ray)) / np.linalg.norm(LIGHT - ray), 0, 1)[..., None] ** 40
    lit = np.clip(color * (0.34 + 0.72 * diffuse) + 0.45 * shine, 0, 1)
    pixels = np.dstack([lit * 255, hit * 255]).astype(np.uint8)
    return Image.fromarray(pixels).convert("RGBa").resize((SIDE, SIDE), Image.Resampling.BOX).convert("RGBA")


def main(folder):
    """Write `VIEWS` photos of every shape and their metadata."""
    lines = []
    for name, (shape, first, second) in SHAPES.items():
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        for view in range(VIEWS):
            photo(shape, first, second, 0.5 * view - 0.3).save(target / f"{view:02d}.png")
            lines.append(
                json.dumps(
                    {"file_name": f"{name}/{view:02d}.png", "class": CLASSES.get(name, name), "license": "CC0-1.0"}
                )
            )
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "photos"))
