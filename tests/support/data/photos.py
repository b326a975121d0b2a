"""Folders of made-up photos: things with an alpha of their own, things on a plain ground, and everything unfit."""

import io
import json
import struct
import zlib

import numpy as np
from PIL import Image

CONCEPTS = {
    "mug1": ((190, 60, 40), "mug", "CC0-1.0"),
    "mug2": ((60, 90, 190), "mug", "CC0-1.0"),
    "teapot": ((70, 150, 80), "teapot", "CC-BY-4.0"),
    "rc_car": ((210, 170, 50), "toy", "CC0-1.0"),
}
"""Folder name: colour, class and licence."""
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)


def thing(color, side=96, seed=0):
    """An ellipse with a texture of its own, RGBA, transparent around it: side x side."""
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    inside = (rows / 0.45) ** 2 + (columns / 0.36) ** 2 < 1
    texture = np.random.default_rng(seed).integers(-12, 13, (side, side, 1))
    light = np.clip(np.array(color) + texture + 40 * (0.5 - columns[..., None]), 0, 255)
    return np.dstack([light, np.where(inside, 255, 0)]).astype(np.uint8)


def on_ground(color, side=160):
    """The same thing, RGB, before a plain bright wall: what GrabCut separates without doubt."""
    canvas = np.full((side, side, 3), 225, np.uint8)
    item, start = thing(color), (side - 96) // 2
    window = canvas[start : start + 96, start : start + 96]
    window[item[..., 3] > 0] = item[..., :3][item[..., 3] > 0]
    return canvas


def encoded(pixels, kind="PNG", **options):
    """The bytes of an image file."""
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, kind, **options)
    return sink.getvalue()


def with_orientation(pixels, orientation, kind, **options):
    """The same with the EXIF note that says how the camera was held, 1 to 8."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(pixels, kind, exif=exif, **options)


def bomb(width=12_000, height=12_000):
    """A sound PNG of black pixels, some 18 kB, whose pixels would take 144 MB."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packer = zlib.compressobj()
    row = bytes(1 + -(-width // 8))
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def moving(kind, **options):
    """Two frames."""
    first, second = (Image.fromarray(on_ground(color)) for color in ((200, 50, 50), (50, 200, 50)))
    sink = io.BytesIO()
    first.save(sink, kind, save_all=True, append_images=[second], **options)
    return sink.getvalue()


def unfit():
    """Every kind of photo that cannot become a cut-out: file name to (bytes, code of its failure)."""
    photo = encoded(on_ground((200, 60, 40)), "JPEG")
    return {
        "empty.jpg": (b"", "IMAGE_EMPTY"),
        "truncated.jpg": (photo[: len(photo) // 2], "IMAGE_UNREADABLE"),
        "text.png": (b"<html>not a picture</html>", "IMAGE_UNREADABLE"),
        "bomb.png": (bomb(), "IMAGE_TOO_LARGE"),
        "flat.png": (encoded(np.full((64, 64, 3), 90, np.uint8)), "NOTHING_TO_CUT"),
        "glass.png": (encoded(np.zeros((64, 64, 4), np.uint8)), "NOTHING_TO_CUT"),
    }


def odd():
    """Photos that look like trouble and are none: file name to bytes."""
    color = (200, 60, 40)
    rgba = thing(color)
    turned = Image.Exif()
    turned[0x0112] = 6
    wide = np.round(np.array(Image.fromarray(on_ground(color)).convert("L")) * 257.0).astype(np.uint16)
    return {
        "a png.jpg": encoded(rgba),
        "cmyk.jpg": encoded_as("CMYK", on_ground(color), "JPEG"),
        "grey16.png": encoded(wide),
        "palette.png": encoded_as("P", rgba, "PNG"),
        "moving.gif": moving("GIF"),
        "turned.jpg": encoded(on_ground(color)[:, 10:], "JPEG", exif=turned),
    }


def encoded_as(mode, pixels, kind):
    """The bytes of an image file in another of Pillow's modes."""
    sink = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(sink, kind)
    return sink.getvalue()


def write(path, data):
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def concept_folder(folder, concepts=None, each=2):
    """``<concept>/<n>.png`` with the things' own alpha, and a metadata.jsonl; returns the folder as a URI."""
    lines = []
    for name, (color, class_name, license_name) in (CONCEPTS if concepts is None else concepts).items():
        for number in range(each):
            write(folder / name / f"{number}.png", encoded(thing(color, seed=number)))
            facts = {"file_name": f"{name}/{number}.png", "class": class_name, "license": license_name}
            lines.append(json.dumps(facts))
    write(folder / "metadata.jsonl", "\n".join(lines).encode())
    return str(folder)
