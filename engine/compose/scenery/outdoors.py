"""Places under the sky: each paints a horizon and a ground in a frame. `engine.compose.backdrops` lists them."""

from __future__ import annotations

from engine.compose.scenery import horizons, materials
from engine.compose.scenery.frames import Frame, add_haze, blades, ground, pick, shaded_edge
from engine.compose.scenery.textures import RGB, Field, blur


def beach(frame: Frame) -> tuple[Field, Field]:
    """Sand, a strip of sea, sky."""
    top, low = pick(frame, ((92, 152, 206), (214, 230, 238)), ((120, 160, 200), (246, 226, 200)))
    view = horizons.sky(frame, top, low, frame.rng.uniform(0.3, 0.7))
    view = horizons.sea(frame, view, (58, 116, 152), (132, 190, 196), frame.rng.uniform(0.28, 0.4))
    tile = materials.sand(frame.rng, frame.sun, (172, 142, 104), (232, 210, 174))
    return view, ground(frame, tile, 1.1, 0.14)


def desert(frame: Frame) -> tuple[Field, Field]:
    """Dunes behind dunes."""
    top, low = pick(frame, ((88, 142, 204), (226, 222, 204)), ((104, 126, 172), (250, 208, 160)))
    view = horizons.sky(frame, top, low, 0.15)
    view = horizons.hills(frame, view, (206, 164, 128), 0.3, 0.35)
    view = horizons.hills(frame, view, (214, 160, 104), 0.16, 0.25)
    tile = materials.sand(frame.rng, frame.sun, (182, 124, 74), (234, 180, 120))
    return view, add_haze(ground(frame, tile, 1.6, 0.05), (222, 176, 126), 0.5)


def meadow(frame: Frame) -> tuple[Field, Field]:
    """Grass, the edge of a wood, hills and clouds."""
    view = horizons.sky(frame, (96, 150, 210), (216, 230, 240), frame.rng.uniform(0.35, 0.75))
    view = horizons.hills(frame, view, (138, 164, 172), 0.36)
    view = horizons.hills(frame, view, (112, 146, 118), 0.24)
    view = horizons.wood(frame, view, (44, 74, 38), (110, 142, 66), 0.16)
    dark, light = pick(frame, ((46, 84, 26), (138, 168, 66)), ((62, 92, 30), (170, 176, 84)))
    return view, _grass(frame, dark, light)


def park(frame: Frame) -> tuple[Field, Field]:
    """Fallen leaves before trees in autumn, which are out of focus."""
    view = horizons.sky(frame, (150, 178, 206), (238, 234, 222), 0.4)
    view = horizons.wood(frame, view, (112, 66, 26), (222, 166, 74), 0.74)
    view = horizons.wood(frame, view, (84, 56, 24), (196, 118, 44), 0.42)
    fallen = ((206, 128, 34), (178, 82, 26), (222, 172, 62), (138, 70, 28), (120, 118, 40))
    tile = materials.litter(frame.rng, frame.sun, (104, 112, 54), fallen)
    return blur(view, frame.size / 120), add_haze(ground(frame, tile, 1.1, 0.07), (190, 136, 66), 0.5)


def forest(frame: Frame) -> tuple[Field, Field]:
    """The floor of a wood, among trunks."""
    glow, leaf = pick(frame, ((222, 232, 168), (96, 128, 62)), ((236, 226, 170), (120, 130, 66)))
    view = horizons.trunks(frame, glow, leaf, (58, 46, 34))
    fallen = ((150, 108, 60), (118, 86, 50), (172, 130, 74), (108, 116, 52), (130, 138, 62))
    tile = materials.litter(frame.rng, frame.sun, (92, 82, 50), fallen)
    return view, add_haze(ground(frame, tile, 1.0, 0.08), (124, 130, 78), 0.55)


def snow(frame: Frame) -> tuple[Field, Field]:
    """Drifts, firs, pale hills."""
    top, low = pick(frame, ((128, 168, 212), (228, 236, 244)), ((176, 190, 208), (240, 236, 236)))
    view = horizons.sky(frame, top, low, 0.45)
    view = horizons.hills(frame, view, (192, 206, 222), 0.42)
    view = horizons.wood(frame, view, (46, 64, 68), (120, 142, 146), 0.26, pointed=True)
    tile = materials.snow(frame.rng, frame.sun, (196, 210, 230), (248, 250, 253))
    return view, add_haze(ground(frame, tile, 1.3, 0.08), (232, 238, 246), 0.5)


def jetty(frame: Frame) -> tuple[Field, Field]:
    """Weathered boards over a lake, a far shore, evening light."""
    top, low = pick(frame, ((108, 120, 172), (252, 196, 150)), ((96, 148, 196), (250, 222, 190)))
    view = horizons.sky(frame, top, low, 0.35)
    view = horizons.hills(frame, view, (104, 108, 138), 0.5)
    view = horizons.sea(frame, view, (70, 92, 128), (136, 146, 160), 0.34)
    boards = materials.planks(frame.rng, frame.sun, (110, 96, 86), (178, 164, 148), boards=8)
    return view, shaded_edge(ground(frame, boards, 1.5, 0.16), 0.3)


def moon(frame: Frame) -> tuple[Field, Field]:
    """Grey dust under a black sky full of stars."""
    view = horizons.stars(frame, horizons.sky(frame, (4, 4, 8), (10, 10, 16), 0.0), count=190)
    view = horizons.hills(frame, view, (120, 120, 124), 0.2, 0.3)
    tile = materials.sand(frame.rng, frame.sun, (104, 104, 108), (190, 190, 192))
    return view, ground(frame, tile, 1.3, 0.04)


def night(frame: Frame) -> tuple[Field, Field]:
    """A field under stars."""
    top, low = pick(frame, ((12, 18, 44), (58, 74, 112)), ((20, 20, 52), (104, 84, 112)))
    view = horizons.stars(frame, horizons.sky(frame, top, low, 0.1))
    view = horizons.hills(frame, view, (34, 42, 66), 0.28)
    view = horizons.wood(frame, view, (10, 14, 22), (26, 34, 42), 0.16)
    return view, _grass(frame, (22, 34, 34), (72, 94, 84))


def pavement(frame: Frame) -> tuple[Field, Field]:
    """Slabs of concrete before a brick wall."""
    dark, light, mortar = pick(
        frame,
        ((124, 62, 46), (188, 106, 78), (196, 186, 172)),
        ((104, 74, 60), (170, 128, 104), (172, 164, 152)),
        ((190, 184, 174), (228, 224, 216), (176, 170, 160)),
    )
    view = horizons.wall(frame, materials.bricks(frame.rng, frame.sun, (dark, light), mortar), 1.5)
    tile = materials.slabs(frame.rng, frame.sun, (128, 126, 122), (184, 180, 174))
    return blur(view, frame.size / 420), shaded_edge(ground(frame, tile, 2.2, 0.2), 0.4)


def street(frame: Frame) -> tuple[Field, Field]:
    """Cobbles before a row of houses."""
    walls = ((206, 168, 120), (188, 120, 92), (222, 206, 176), (150, 162, 160), (196, 150, 140))
    view = horizons.facades(frame, walls, (206, 218, 230))
    tones = pick(frame, ((104, 102, 102), (176, 172, 166)), ((118, 104, 90), (186, 168, 146)))
    tile = materials.cobbles(frame.rng, frame.sun, *tones)
    return view, shaded_edge(add_haze(ground(frame, tile, 1.5, 0.1), (160, 154, 146), 0.4), 0.4)


def terrace(frame: Frame) -> tuple[Field, Field]:
    """Slabs of stone, with a wide view."""
    view = horizons.sky(frame, (96, 150, 210), (226, 232, 236), 0.4)
    view = horizons.hills(frame, view, (132, 156, 176), 0.42)
    view = horizons.wood(frame, view, (52, 78, 46), (128, 152, 82), 0.3)
    stone = pick(
        frame,
        ((170, 150, 122), (222, 204, 176)),
        ((150, 146, 140), (208, 204, 198)),
        ((160, 104, 76), (208, 150, 112)),
    )
    tile = materials.slabs(frame.rng, frame.sun, *stone)
    return blur(view, frame.size / 130), ground(frame, tile, 2.4, 0.12)


def _grass(frame: Frame, dark: RGB, light: RGB) -> Field:
    turf = ground(frame, materials.turf(frame.rng, frame.sun, dark, light), 1.3, 0.05)
    middle = (dark[0] + light[0]) // 2, (dark[1] + light[1]) // 2, (dark[2] + light[2]) // 2
    return add_haze(blades(frame, turf, dark, light), middle, 0.5)
