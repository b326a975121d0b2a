"""Bases of random weights, saved once for a file of tests."""

import pytest

from tests.support.models.tiny_bases import tiny_sd
from tests.support.models.tiny_flows import save_flux2_klein


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(tiny_sd(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="module")
def klein(tmp_path_factory):
    return str(save_flux2_klein(tmp_path_factory.mktemp("klein") / "base", blocks=4, is_distilled=False))
