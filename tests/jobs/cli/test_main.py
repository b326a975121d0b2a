import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
import yaml
from typer.main import get_command

from engine.errors import EXIT_INTERRUPTED, EXIT_STOPPED, Damaged
from engine.storage.manifest import write_manifest
from engine.storage.open_store import open_store
from jobs.cli.main import app
from tests.support.data.gallery_rows import HOSTILE, commit, composition, failed, hostile
from tests.support.data.photos import concept_folder, write
from tests.support.data.units import make_run

ROOT = Path(__file__).parents[3]
HEAVY = ("ray", "torch", "pyarrow", "numpy", "cv2", "PIL", "pydantic", "yaml", "fsspec")


def commands(command=None, path=()):
    """Every command with the words that call it."""
    command = command or get_command(app)
    if not hasattr(command, "commands"):
        yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


COMMANDS = list(commands())


def dataset(folder):
    """A finished run of twelve rows; two of them failed."""
    make_run(open_store(str(folder)))
    return str(folder)


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_shows_an_example_that_it_would_accept(run, path, command):
    code, out, _ = run(*path, "--help")
    assert code == 0
    assert "Example:" in out
    example = (
        command.help.split("Example:")[1].split(">")[0] if ">" in command.help else command.help.split("Example:")[1]
    )
    words = shlex.split(example)
    assert words[: len(path) + 1] == ["mycanvas", *path]
    command.make_context(words[0], words[len(path) + 1 :])


def test_all_commands_are_there():
    assert {" ".join(path) for path, _ in COMMANDS} == {
        "demo", "train", "sample", "evaluate", "import", "segment", "compose", "recipe list", "recipe show",
        "recipe schema",
        "init", "stats", "verify", "gc",
        "gallery", "doctor", "toybox", "micro train", "micro evaluate", "submit", "status", "logs", "stop", "layout",
        "models list", "models pull", "models check", "models dummy", "backgrounds index", "backgrounds generate",
        "scenes propose", "filter", "query", "score", "compact", "export",
        "gate calibrate", "card", "compare",
        "library add", "library list", "library show", "library review", "library exclude", "library calibrate",
            "library export",
    }  # fmt: skip


def test_help_imports_nothing_heavy():
    script = (
        "import sys; sys.argv = ['mycanvas', '--help']; from jobs.cli.process import run; run();"
        f"print('LOADED', *(name for name in {HEAVY} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout
    assert done.stdout.splitlines()[-1] == "LOADED"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--nonsense",),
        ("nonsense",),
        ("stats",),
        ("stats", "a", "--format", "xml"),
        ("compose", "classic", "--phots", "x"),
        ("compose", "classic", "--photos", "x", "--out", "y"),
        ("compose", "classic", "--photos", "x", "--out", "y", "--samples", "0"),
        ("compose", "classic", "--photos", "x", "--out", "y", "--samples", "1", "--seed", "-1"),
        ("demo", "-n", "0"),
        ("gallery", "x"),
        ("gc", "x", "--older-than", "soon"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_ends_with_2_and_a_word(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err


def test_no_command_at_all_shows_the_help_and_ends_with_2(run):
    code, out, err = run()
    assert code == 2
    assert "compose" in out + err


def test_a_recipe_that_is_missing_ends_with_2_and_the_one_that_was_meant(run, tmp_path):
    code, out, err = run("compose", "clasic", "--photos", tmp_path, "--samples", 1, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert err.startswith("RECIPE_MISSING")
    assert "did you mean 'classic'?" in err


def test_everything_wrong_is_found_before_anything_is_written(run, tmp_path):
    out, photos = tmp_path / "out", tmp_path / "photos"
    write(photos / "dog" / "0.jpg", b"")
    write(photos / "cat" / "0.jpg", b"")
    order = ("compose", "classic", "--samples", 1, "--out", out)
    for arguments, expected in [
        (("--photos", tmp_path / "nowhere"), "PHOTOS_UNREADABLE"),
        (("--photos", "memory://photos"), "PHOTOS_UNREADABLE"),
        (("--photos", photos / "dog"), "PHOTOS_EMPTY"),
        (("--photos", photos, "--max-failures", "lots"), "BUDGET_VALUE"),
        (("--photos", photos, "--set", "unit_sise=4"), "RECIPE_KEY"),
        (("--photos", photos, "--set", "unit_size"), "RECIPE_SET"),
        (("--photos", photos, "--set", "pools={all: {stages: [gate, commit]}}"), "POOLS_ORDER"),
        (("--photos", photos, "--backgrounds", tmp_path / "nowhere"), "PHOTOS_UNREADABLE"),
    ]:
        code, _, err = run(*order, *arguments)
        assert (code, err.split()[0]) == (2, expected)
        assert "fix: " in err
    assert not out.exists()


def test_recipes_are_listed_shown_and_described(run):
    code, out, _ = run("recipe", "list")
    assert (code, out.split()[0]) == (0, "classic")
    code, out, _ = run("recipe", "show", "classic", "--set", "unit_size=8", "--set", "gate.max_seam=0.3")
    shown = yaml.safe_load(out)
    assert (code, shown["unit_size"], shown["phases"]["compose"]["stages"]["gate"]["max_seam"]) == (0, 8, 0.3)
    code, out, _ = run("recipe", "schema")
    assert (code, json.loads(out)["type"]) == (0, "object")
    code, _, err = run("recipe", "show", "classic", "--set", "gate.max_sean=0.3")
    assert (code, err.split()[0]) == (2, "RECIPE_KEY")


def test_init_writes_once_and_says_what_comes_next(run, tmp_path):
    path = tmp_path / "mine.yaml"
    code, out, _ = run("init", path)
    assert (code, out.splitlines()[0]) == (0, str(path))
    assert f"mycanvas compose {path}" in out
    code, out, err = run("init", path)
    assert (code, out, err.split()[0]) == (2, "", "FILE_EXISTS")
    assert run("init", path, "--force")[0] == 0
    assert run("recipe", "show", path)[0] == 0


def test_stats_verify_gc_and_gallery_read_a_dataset(run, tmp_path):
    out = dataset(tmp_path / "set")
    code, text, _ = run("stats", out)
    assert code == 0
    assert "12 rows in 3 units" in text
    assert json.loads(run("stats", out, "--format", "json")[1])["rows"] == 12
    assert run("stats", out, "--format", "quiet") == (0, "", "")
    code, text, _ = run("verify", out)
    assert code == 0
    assert "0 damaged" in text
    assert json.loads(run("verify", out, "--format", "json")[1])["damage"] == []
    code, text, _ = run("gc", out)
    assert (code, text.splitlines()[-1]) == (0, "would delete 0 leftovers, 0 B   (add --delete)")


def test_a_damaged_dataset_ends_with_6_and_the_name_of_the_file(run, tmp_path):
    out = dataset(tmp_path)
    path = tmp_path / "data" / "part-00000001.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    code, text, err = run("verify", out)
    assert code == Damaged.exit_code == 6
    assert "damaged  data/part-00000001.parquet" in text
    assert err.startswith("DATASET_DAMAGED")


@pytest.mark.parametrize("command", [("stats",), ("verify",), ("gallery", "-o", "page.html")], ids=" ".join)
def test_a_folder_that_holds_no_dataset_is_refused(run, tmp_path, command):
    code, _, err = run(command[0], tmp_path / "nowhere", *command[1:])
    assert (code, err.split()[0]) == (2, "DATASET_EMPTY")
    assert "fix: " in err


def test_doctor_ends_with_0_on_a_fit_machine_and_with_4_on_another(run, tmp_path, monkeypatch):
    code, out, _ = run("doctor", "--format", "json")
    assert code == 0
    assert {"python", "ray", "pillow", "disk"} <= {finding["name"] for finding in json.loads(out)["findings"]}
    record = tmp_path / "pillow-9.0.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: pillow\nVersion: 9.0.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    code, out, _ = run("doctor")
    assert code == 4
    assert "fail  pillow" in out
    assert "fix: pip install 'pillow>=13'" in out


def test_hostile_names_never_reach_the_terminal_as_they_are(run, tmp_path):
    rows = [hostile(0), composition(1)]
    out = commit(tmp_path / "set", rows, [failed(9, HOSTILE)])
    write_manifest(open_store(out))
    evil = tmp_path / "\x1b[31m\u202eevil[/red]<b>\x07"
    write(evil / "dog" / "0.jpg", b"")
    write(evil / "metadata.jsonl", b"\x1b[2J not json")
    for arguments in [
        ("stats", out),
        ("stats", out, "--format", "json"),
        ("verify", out),
        ("compose", "classic", "--photos", evil, "--samples", 1, "--out", tmp_path / "out"),
        ("compose", "classic", "--photos", evil / "\x1b[1m", "--samples", 1, "--out", tmp_path / "out"),
        ("compose", evil, "--photos", evil, "--samples", 1, "--out", tmp_path / "out"),
        ("recipe", "show", "classic", "--set", "\x1b[31m=\x07"),
        ("stats", evil),
        ("gallery", evil, "-o", tmp_path / "page.html"),
    ]:
        _, text, err = run(*arguments)
        assert text + err
        assert not {"\x1b", "\x07", "\u202e"} & set(text + err), arguments


@pytest.mark.parametrize(
    ("signum", "code", "said"),
    [(signal.SIGINT, EXIT_INTERRUPTED, "interrupted"), (signal.SIGTERM, EXIT_STOPPED, "stopped")],
)
def test_an_ended_command_has_its_exit_code_and_says_how_to_go_on(tmp_path, signum, code, said):
    words = ["toybox", "--concepts", "1000", "--size", "64", "--out", str(tmp_path / "toys")]
    script = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        f"sys.argv = ['mycanvas', *{words!r}]; from jobs.cli.process import run; run()"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, cwd=ROOT)
    while not list(tmp_path.glob("toys/photos/*/*.jpg")):
        time.sleep(0.1)
    process.send_signal(signum)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code == 128 + signum
    assert err.strip() == f"{said}; the same command goes on where it stopped"


def test_pipes_and_devices_are_refused_and_neither_waited_for_nor_read_for_ever(run, tmp_path):
    """`recipe show` of a pipe and `compose` of a metadata.jsonl that leads to /dev/zero hung."""
    pipe = tmp_path / "run.yaml"
    os.mkfifo(pipe)
    for place in (pipe, "/dev/zero"):
        for words in (["recipe", "show", place], ["submit", place, "--address", "http://127.0.0.1:9"]):
            code, _, err = run(*words)
            assert code == 2
            assert "no regular file" in err
    photos = concept_folder(tmp_path / "photos")
    one = next(place for place in Path(photos).iterdir() if place.is_dir())
    (one / "metadata.jsonl").symlink_to("/dev/zero")
    os.mkfifo(one / "z.jpg")
    words = ["segment", "--recipe", "classic", "--photos", photos, "--out", tmp_path / "library", "--address", "none"]
    code, _, err = run(*words)
    assert code == 0, err
    assert "left out 2: a pipe or device" in err
    shard = next((tmp_path / "library" / "data").glob("*.parquet"))
    shard.unlink()
    os.mkfifo(shard)
    code, _, err = run("verify", tmp_path / "library")
    assert code == 2
    assert "STORE_LINK" in err


def test_a_run_that_is_ended_by_sigterm_tells_its_workers_and_leaves_no_folder(tmp_path):
    """`docker stop` ended in exit 15 without a word."""
    concept_folder(tmp_path / "photos")
    with tempfile.TemporaryDirectory(prefix="mct") as folder:  # not tmp_path: paths to sockets end at 107 bytes
        words = ["compose", "classic", "--photos", tmp_path / "photos", "--samples", "2000", "--out", tmp_path / "out"]
        command = [sys.executable, "-W", "ignore", "-m", "jobs", *map(str, words), "--set", "size=128"]
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": folder}, cwd=ROOT
        )
        children = psutil.Process(process.pid)
        while process.poll() is None and not list((tmp_path / "out").glob("data/*.parquet")):
            time.sleep(0.1)
        workers = children.children(recursive=True)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode == EXIT_STOPPED, err
        assert err.strip().splitlines()[-1] == "stopped; the same command goes on where it stopped"
        _, alive = psutil.wait_procs(workers, timeout=30)
        assert not alive
        assert not list(Path(folder).iterdir())


def test_a_terminal_of_ascii_ends_no_command(tmp_path):
    """`stats` draws its histograms with blocks."""
    make_run(open_store(str(tmp_path)))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "jobs", "stats", str(tmp_path)],
        cwd=ROOT, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"accepted" in done.stdout


def test_a_query_that_never_ends_is_ended(run, tmp_path):
    make_run(open_store(str(tmp_path)))
    endless = "with recursive n(i) as (select 0 union all select i + 1 from n) select count(*) from n"
    code, _, err = run("query", tmp_path, endless, "--timeout-s", "0.5")
    assert code == 2
    assert "QUERY_TIME" in err
