"""A recipe as somebody writes it, to be broken in tests."""

import pytest

from actors.compose.stages import STAGES
from engine.errors import UsageError
from engine.run.recipe_parse import parse_recipe

MINE = """\
name: mine
size: 512
seed: 0
unit_size: 16  # samples

phases:
  segment:
    record: cutout
    source: photos
    stages:
      segment:
        backend: grabcut
  layout:
    record: composition
    source: samples
    stages:
      scene:
        min_objects: 2
        max_objects: 5
      layout:
        mirror: true
  compose:
    source: layout
    stages:
      paste:
      inpaint:
      restore:
      caption:
      score:
      gate:
        min_identity_psnr: 34.0
        min_visible_fraction: 0.7

pools:
  all:
    stages: [scene, layout, paste, inpaint, restore, caption, score, gate, commit]
    cpus: 1
"""


def parsed(text=MINE, *overrides):
    return parse_recipe(text, where="mine.yaml", stages=STAGES, overrides=overrides)


def refused(text, *overrides):
    with pytest.raises(UsageError) as caught:
        parsed(text, *overrides)
    assert caught.value.exit_code == 2
    return caught.value


def edited(old, new):
    assert MINE.count(old) == 1
    return MINE.replace(old, new)


def line_of(text, part):
    return f"mine.yaml:{next(number for number, line in enumerate(text.splitlines(), 1) if part.rstrip() in line)}"
