"""Colour profiles made by hand (ICC.1:2001, matrix and gamma), and pictures of sRGB colours in them."""

import struct

import numpy as np

WHITE = (0.9642, 1.0, 0.8249)  # D50, of the profile connection space
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
"""Red, green and blue as XYZ under D50, as the two others."""
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
GAMMA = 2.19921875


def profile(colorants, name):
    """An RGB profile of three colorants with a gamma of 2.2."""
    tags = {b"desc": _text(name), b"cprt": b"text\0\0\0\0none\0", b"wtpt": _xyz(WHITE)}
    for letter, colorant in zip("rgb", colorants, strict=True):
        tags[f"{letter}XYZ".encode()] = _xyz(colorant)
        tags[f"{letter}TRC".encode()] = _gamma()
    return _packed(b"RGB ", tags)


def grey_profile(name):
    """A profile of one channel with a gamma of 2.2."""
    tags = {b"desc": _text(name), b"cprt": b"text\0\0\0\0none\0", b"wtpt": _xyz(WHITE), b"kTRC": _gamma()}
    return _packed(b"GRAY", tags)


def seen_in(pixels, colorants):
    """What a device of these colorants stores for sRGB pixels HxWx3 uint8, should it be able to show them."""
    encoded = pixels / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    there = linear @ np.array(SRGB) @ np.linalg.inv(np.array(colorants))
    return np.rint(255 * np.clip(there, 0, 1) ** (1 / GAMMA)).astype(np.uint8)


def _packed(space, tags):
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, tag in tags.items():
        data = tag + b"\0" * (-len(tag) % 4)
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"none", 0x02100000, b"mntr", space, b"XYZ ")
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + struct.pack(">iii", *(round(65536 * value) for value in WHITE))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _text(name):
    return b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name.encode() + b"\0" * (1 + 4 + 4 + 2 + 1 + 67)


def _xyz(values):
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(65536 * value) for value in values))


def _gamma():
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(256 * GAMMA))
