import io
import json
import sys
import time

import pytest

from jobs.console import Console, clock, plain, size

HOSTILE = [
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x9b2J",
    "a\rb",
    "a\x08b",
    "\u202eback",
    "\u2066x\u2069",
    "\u200b",
    "\x7f",
    "\udce9",
]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_nothing_from_outside_moves_the_cursor_or_colours_the_screen(text):
    shown = plain(f"name {text}")
    assert shown.isprintable()
    assert "\N{REPLACEMENT CHARACTER}" in shown
    assert shown.encode(), "and any terminal can encode it"


def test_words_of_any_language_markup_and_lines_stay_as_they_are():
    text = "naïve 日本語 🦊 [/red] <b> {obj_1} %s\n\tindented"
    assert plain(text) == text


def test_data_goes_to_stdout_and_talk_to_stderr(capsys):
    console = Console("human")
    console.say("talk")
    console.result({"rows": 3}, ["3 rows"])
    assert capsys.readouterr() == ("3 rows\n", "talk\n")


def test_json_is_one_line_for_programs_and_talk_stays_on_stderr(capsys):
    console = Console("json")
    console.say("talk")
    console.result({"path": "\x1b[31m", "rows": 3}, ["3 rows"])
    out, err = capsys.readouterr()
    assert json.loads(out) == {"path": "\x1b[31m", "rows": 3}
    assert out.count("\n") == 1
    assert "\x1b" not in out + err


def test_quiet_says_nothing(capsys):
    console = Console("quiet")
    console.say("talk")
    console.result({}, ["data"])
    progress = console.progress("compose", 2)
    progress.advance(2)
    progress.close()
    assert capsys.readouterr() == ("", "")


def test_hostile_names_do_not_reach_the_terminal(capsys):
    console = Console("human")
    console.say("\x1b[2J")
    console.result({}, ["\x1b]0;x\x07"])
    progress = console.progress("\x1b[31m", 1)
    progress.advance(1, "\x9b1m")
    out, err = capsys.readouterr()
    assert not {"\x1b", "\x07", "\x9b"} & set(out + err)


def test_without_a_terminal_progress_is_a_line_now_and_then_and_one_at_the_end(capsys):
    progress = Console().progress("compose", 1_000)
    for _ in range(99):
        progress.advance(10)
    assert capsys.readouterr().err == "", "ten seconds have not passed"
    progress.spoken -= 11
    progress.advance(5, "2 failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("compose  995/1,000  ")
    assert line.endswith("2 failed")
    progress.advance(5)
    progress.close()
    assert capsys.readouterr().err.startswith("compose  1,000/1,000  ")


def test_on_a_terminal_progress_is_a_bar_on_one_line(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = Console().progress("compose", 4)
    progress.spoken -= 1
    progress.advance(2, "\x1b[31mhostile")
    progress.advance(2)
    progress.close()
    shown = sys.stderr.getvalue()
    assert shown.count("\n") == 1
    assert shown.split("\r\x1b[K")[1].startswith("━" * 12 + "╌" * 12 + " compose  2/4")
    assert "━" * 24 in shown
    assert shown.replace("\r\x1b[K", "").count("\x1b") == 0


def test_when_nothing_comes_that_is_said(capsys, monkeypatch):
    """A worker that was stopped for a minute went without a word."""
    progress = Console().progress("compose", 4)
    progress.advance(2)
    progress.look()
    assert capsys.readouterr().err == ""
    progress.moved -= 61
    progress.spoken -= 61
    progress.look()
    progress.look()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("compose  2/4  ")
    assert line.endswith("nothing new for 61 s")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress.watch():
        time.sleep(1.2)
    assert sys.stderr.getvalue().count("nothing new for 62 s") == 1
    assert sys.stderr.getvalue().endswith("\n")


def test_what_is_said_beside_a_bar_has_a_line_of_its_own(monkeypatch):
    """A run that waits for its share says so while its bar is drawn each second."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = Console().progress("compose", 4)
    progress.look()
    progress.say("waiting for a share")
    progress.look()
    progress.close()
    lines = [line.rpartition("\x1b[K")[2] for line in sys.stderr.getvalue().split("\n")]
    assert [line[:24] for line in lines] == ["╌" * 24, "waiting for a share", "╌" * 24, ""]


def test_a_run_with_nothing_to_do_shows_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    Console().progress("compose", 0).close()
    assert sys.stderr.getvalue() == ""


def test_times_and_sizes_are_said_as_a_person_says_them():
    assert [clock(seconds) for seconds in (0, 42.4, 89, 180, 5399, 18_720)] == [
        "0 s", "42 s", "89 s", "3 min", "90 min", "5.2 h",
    ]  # fmt: skip
    assert [size(count) for count in (0, 999, 1000, 2.5e6, 1e9, 3.2e12)] == [
        "0 B", "999 B", "1.0 KB", "2.5 MB", "1.0 GB", "3.2 TB",
    ]  # fmt: skip
