from importlib.util import find_spec

import pytest

from jobs.doctor import FLOORS, examine


def finding(name):
    (found,) = [item for item in examine() if item.name == name]
    return found


def pretend_installed(folder, monkeypatch, name, version):
    """Put the metadata of a package before the real one's, as a broken installation does."""
    record = folder / f"{name}-{version}.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(folder)


def test_the_machine_that_runs_the_tests_is_fit():
    assert [item for item in examine() if item.verdict == "fail"] == []


def test_whatever_is_not_fine_comes_with_a_fix():
    for item in examine():
        assert item.detail
        assert bool(item.fix) == (item.verdict != "ok"), item


@pytest.mark.parametrize(("name", "old"), [("ray", "2.9.3"), ("pillow", "12.9.0"), ("pyarrow", "25.0.1")])
def test_versions_with_known_holes_fail(tmp_path, monkeypatch, name, old):
    pretend_installed(tmp_path, monkeypatch, name, old)
    found = finding(name)
    assert (found.verdict, found.detail) == ("fail", old)
    assert f"{name}>={FLOORS[name]}" in found.fix


@pytest.mark.parametrize("version", ["13", "13.0.0", "13.1.dev0", "113.2", "13.0.0+local.1"])
def test_newer_versions_pass_however_they_are_written(tmp_path, monkeypatch, version):
    pretend_installed(tmp_path, monkeypatch, "pillow", version)
    assert finding("pillow").verdict == "ok"


@pytest.mark.skipif(find_spec("torchvision") is None, reason="without torchvision there is nothing to compare")
def test_a_torch_and_a_torchvision_of_different_builds_fail(tmp_path, monkeypatch):
    pretend_installed(tmp_path / "one", monkeypatch, "torch", "2.13.0+cpu")
    pretend_installed(tmp_path / "two", monkeypatch, "torchvision", "0.28.0+cu126")
    found = finding("torch")
    assert found.verdict == "fail"
    assert "nms" in found.detail


def test_a_token_that_others_can_read_is_reported(tmp_path, monkeypatch):
    token = tmp_path / "token"
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    assert finding("ray token").verdict == "ok", "none yet"
    token.write_text("secret")
    token.chmod(0o644)
    found = finding("ray token")
    assert (found.verdict, found.fix) == ("warn", f"chmod 600 {token}")
    assert "secret" not in found.detail
    token.chmod(0o600)
    assert finding("ray token").verdict == "ok"
