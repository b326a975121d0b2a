import ast
import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from actors.models.provenance import fingerprint, identify
from actors.models.weights import forbid_code, local_weights, read_header, read_tensors
from engine.errors import EnvironmentProblem, UsageError

ACTORS = Path(__file__).parents[3] / "actors"
PINNED = "0123456789abcdef0123456789abcdef01234567"
SAFE_LOADERS = {
    "load_file": "safetensors' own reader: the format holds no code",
    "load_state_dict": "takes tensors that have been read already",
}
WITHOUT_WEIGHTS = ("Processor", "Tokenizer", "Scheduler")  # read JSON and text alone
PICKLE_MODULES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
PICKLE_NAMES = {"UnpicklingError"}  # what torch raises when it refuses a file


class Canary:
    """Leaves a file behind when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def save_model(folder, name="model.safetensors"):
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"a": np.arange(6, dtype=np.float32).reshape(2, 3)}, folder / name)
    return folder


def calls():
    for path in sorted(ACTORS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
                arguments = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
                yield f"{path.relative_to(ACTORS)}:{node.lineno} {owner}.{name}", owner, name, arguments


def own_functions():
    trees = [ast.parse(path.read_text()) for path in ACTORS.rglob("*.py")]
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_loader_in_actors_asks_for_safetensors_or_is_known_to_be_safe():
    own = own_functions()
    loaders = [
        (where, name, arguments)
        for where, owner, name, arguments in calls()
        if name.startswith(("load_", "from_p")) and name not in own and not owner.endswith(WITHOUT_WEIGHTS)
    ]
    assert loaders
    assert [
        where
        for where, name, arguments in loaders
        if name not in SAFE_LOADERS and arguments.get("use_safetensors") is not True
    ] == []


def test_nothing_in_actors_unpickles_evaluates_or_trusts_code():
    found = []
    for where, owner, name, arguments in calls():
        unsafe = (
            (owner == "torch" and name == "load" and arguments.get("weights_only") is not True)
            or (not owner and name in {"eval", "exec", "compile", "__import__"})
            or arguments.get("trust_remote_code")
            or arguments.get("allow_pickle")
            or "custom_pipeline" in arguments
        )
        found += [where] if unsafe else []
    assert found == []


def test_nothing_in_actors_imports_a_pickle_library():
    found = []
    for path in ACTORS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names if alias.name.split(".")[0] in PICKLE_MODULES]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PICKLE_MODULES:
                found += [alias.name for alias in node.names if alias.name not in PICKLE_NAMES]
    assert found == []


def test_a_folder_of_safetensors_passes_even_with_a_pickle_beside_them(tmp_path):
    folder = save_model(tmp_path / "model")
    (folder / "pytorch_model.bin").write_bytes(b"never read")
    assert local_weights(str(folder)) == folder


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.PT", "unet.ckpt", "model.pkl", "model.pth"])
def test_a_folder_of_pickles_is_refused_by_name_and_not_read(tmp_path, name):
    folder = save_model(tmp_path / "model") / "unet"
    folder.mkdir()
    (folder / name).write_bytes(pickle.dumps(Canary(tmp_path / "canary")))
    with pytest.raises(UsageError, match="WEIGHTS_PICKLE_ONLY") as refusal:
        local_weights(str(tmp_path / "model"))
    assert name in refusal.value.what
    assert refusal.value.where == str(folder)
    assert not (tmp_path / "canary").exists()


def test_a_hub_model_needs_the_digits_of_a_commit():
    for revision in ("", "main", "v1.0", PINNED[:12], PINNED.upper()):
        with pytest.raises(UsageError, match="WEIGHTS_UNPINNED"):
            local_weights("org/name", revision)


def test_missing_weights_say_how_to_get_them_without_a_stack_trace_of_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match="WEIGHTS_MISSING") as problem:
        local_weights("org/name", PINNED)
    assert f"hf download org/name --revision {PINNED}" in problem.value.fix
    assert problem.value.__suppress_context__
    with pytest.raises(EnvironmentProblem, match="no folder"):
        local_weights(str(tmp_path / "absent"))
    with pytest.raises(EnvironmentProblem, match="holds no safetensors"):
        local_weights(str(tmp_path))


def evil_files():
    good = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    whole = len(good).to_bytes(8, "little") + good + bytes(8)
    deep = b"[" * 100_000
    return {
        "empty": b"",
        "short": b"\x01\x02",
        "header of a terabyte": (1 << 40).to_bytes(8, "little") + bytes(64),
        "header past the end": (64).to_bytes(8, "little") + bytes(8),
        "cut off": whole[:-1],
        "bytes appended": whole + b"\0",
        "not JSON": (8).to_bytes(8, "little") + b"........",
        "nested deeply": len(deep).to_bytes(8, "little") + deep,
        "a list": (2).to_bytes(8, "little") + b"[]",
        "offsets missing": (8).to_bytes(8, "little") + b'{"a":{}}',
        "a pickle": pickle.dumps({"a": 1}, protocol=2),
        "a zip": b"PK\x03\x04" + bytes(100),
    }


@pytest.mark.parametrize("data", list(evil_files().values()), ids=list(evil_files()))
def test_a_damaged_or_disguised_file_is_refused_by_its_header(tmp_path, data):
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    for read in (read_header, read_tensors, lambda path: local_weights(str(path.parent))):
        with pytest.raises(EnvironmentProblem, match="WEIGHTS_UNREADABLE") as problem:
            read(path)
        assert problem.value.where == str(path)


def test_an_intact_file_gives_its_header_and_tensors(tmp_path):
    path = save_model(tmp_path) / "model.safetensors"
    assert read_header(path)["a"]["shape"] == [2, 3]
    assert read_tensors(path)["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model_index.json", {"_class_name": "StableDiffusionXLInpaintPipeline", "unet": ["evil", "Net"]}),
        ("model_index.json", {"_class_name": ["evil", "Pipeline"], "unet": ["diffusers", "UNet2DConditionModel"]}),
        ("config.json", {"auto_map": {"AutoModel": "evil.Net"}}),
        ("config.json", {"text_config": [{"auto_map": {"AutoConfig": "evil.Config"}}]}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]}}),
    ],
)
def test_a_model_that_brings_code_is_refused_and_its_code_not_run(tmp_path, name, content):
    folder = save_model(tmp_path / "model")
    (folder / name).write_text(json.dumps(content))
    for place in (folder, folder / "unet"):
        place.mkdir(exist_ok=True)
        (place / "evil.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    with pytest.raises(UsageError, match="WEIGHTS_CUSTOM_CODE"):
        local_weights(str(folder))
    assert not (tmp_path / "canary").exists()


def test_the_model_libraries_are_told_to_run_no_code(monkeypatch):
    monkeypatch.delenv("DIFFUSERS_DISABLE_REMOTE_CODE", raising=False)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    forbid_code()
    assert os.environ["DIFFUSERS_DISABLE_REMOTE_CODE"] == "1"
    assert "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" not in os.environ


def test_a_model_is_named_by_its_bytes_and_not_by_its_place(tmp_path):
    one, other = save_model(tmp_path / "one"), save_model(tmp_path / "other")
    assert fingerprint(one) == fingerprint(other)
    data = bytearray((other / "model.safetensors").read_bytes())
    data[-3] ^= 1
    (other / "model.safetensors").write_bytes(data)
    assert fingerprint(one) != fingerprint(other)


def test_the_licence_is_what_the_model_card_states(tmp_path):
    folder = save_model(tmp_path / "model")
    assert identify("m", folder).license == "unknown"
    (folder / "README.md").write_text("---\ntags:\n- clip\nlicense: openrail++\n---\n# A card\nlicense: none\n")
    assert identify("m", folder).license == "openrail++"
    (folder / "README.md").write_text("No front matter.\n\nlicense: none\n")
    assert identify("m", folder).license == "unknown"


def test_a_row_names_a_hub_model_by_its_commit_and_a_folder_by_its_bytes_but_never_by_its_path(tmp_path):
    snapshot, folder = save_model(tmp_path / "snapshots" / PINNED), save_model(tmp_path / "mine")
    assert (identify("org/name", snapshot).name, identify("org/name", snapshot).revision) == ("org/name", PINNED)
    assert (identify(str(folder), folder).name, identify(str(folder), folder).revision) == ("mine", fingerprint(folder))


def test_a_shipped_model_is_found_at_the_repositorys_root_and_goes_by_its_name():
    folder = local_weights("shipped:micro/scorer")
    assert folder == ACTORS.parent / "weights" / "micro" / "scorer"
    model = identify("shipped:micro/scorer", folder)
    assert (model.name, model.revision) == ("micro/scorer", fingerprint(folder))


NOT_SHIPPED = ("micro/scorr", "micro", "", "../actors/backends", "micro/../../actors", "/etc", "a/b/c")
ASK = """
import json, sys
from actors.models.weights import local_weights
from engine.errors import EnvironmentProblem
for name in sys.argv[1:]:
    try:
        print(json.dumps(["found", str(local_weights(f"shipped:{name}")), ""]))
    except EnvironmentProblem as error:
        print(json.dumps([error.code, error.why, error.fix]))
"""


def test_in_a_wheel_models_are_beside_the_packages_and_nothing_else_is_read(tmp_path):
    for package in ("engine", "actors"):
        (tmp_path / package).symlink_to(ACTORS.parent / package)
    whole = save_model(tmp_path / "weights" / "micro" / "scorer")
    broken = save_model(tmp_path / "weights" / "micro" / "painter") / "model.safetensors"
    broken.write_bytes(b"PK")
    command = [sys.executable, "-c", ASK, "micro/scorer", "micro/painter", *NOT_SHIPPED]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    found, unreadable, *missing = map(json.loads, done.stdout.splitlines())
    assert found == ["found", str(whole), ""]
    assert unreadable[0] == "WEIGHTS_UNREADABLE"
    assert [code for code, _, _ in missing] == ["WEIGHTS_NOT_SHIPPED"] * len(NOT_SHIPPED)
    assert all(why == "there are: micro/painter, micro/scorer" for _, why, _ in missing)
    assert all("mycanvas micro train --parts" in fix for _, _, fix in missing)


def test_a_hub_that_listens_and_never_answers_is_given_up(monkeypatch):
    """Its client waited for more than two minutes."""
    monkeypatch.setenv("MYCANVAS_ANSWER_S", "0.5")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        with pytest.raises(EnvironmentProblem, match=r"WEIGHTS_MISSING(.|\n)*does not answer"):
            local_weights("nobody/nothing", "0" * 40)
