import json
import threading
import time
from dataclasses import replace

import pytest
from pydantic import ValidationError

from actors.chat.answer_cache import Answers, question_key
from actors.compose.layout import Layout
from engine.errors import EnvironmentProblem, UsageError
from engine.rows.composition import Composition
from engine.run.recipe_parse import parse_recipe
from engine.storage.open_store import open_store
from planners.compose.layout import problems
from tests.support.data.cutouts import cutout
from tests.support.data.libraries import run_with_library
from tests.support.processes.chat_server import MODEL, Reply, chat_server, says

ROW = Composition(sample_id="0", unit_id=0, seed=7, cast=("rex-0", "pot-1"), concepts=("rex", "pot"), ground_line=0.45)
OTHER = replace(ROW, cast=("tom-0", "pot-1"), concepts=("tom", "pot"))
GOOD = '{"0":[27,1],"1":[73,2]}'
BUSY = Reply({"error": {"message": "too many"}}, 429, {"Retry-After": "0"})
BROKEN = Reply({"error": {"message": "out of memory"}}, 500)


def spec(url, *, server=None, **changes):
    at = {"url": url, "retries": 0, **(server or {})}
    return Layout(**{"backend": "openai", "model": MODEL, "prompt": "short", "max_tokens": 64, "server": at, **changes})


def about(question, name):
    return f'["{name}"' in question["messages"][0]["content"]


def test_an_answer_is_believed_and_the_question_is_complete(tmp_path):
    with chat_server(lambda *_: says(GOOD)) as (url, asked):
        (row,) = spec(url).load(run_with_library(tmp_path))([ROW])
    assert row.layout_source == "openai"
    assert [model.name for model in row.planners] == [MODEL]
    cast = [cutout("dog", 0.8, key="rex-0"), cutout("teapot", 0.8, key="pot-1")]
    assert problems(row.placements, cast, ROW.ground_line) == ()
    (question,) = asked
    assert question["response_format"]["json_schema"]["schema"]["additionalProperties"] is False
    assert question["chat_template_kwargs"] == {"enable_thinking": False}
    assert (question["temperature"], question["max_completion_tokens"], "seed" in question) == (0.0, 64, False)


def test_warm_answers_are_drawn_by_the_seed_of_their_row(tmp_path):
    with chat_server(lambda *_: says(GOOD)) as (url, asked):
        rows = [ROW, replace(ROW, seed=8), ROW]
        spec(url, temperature=0.7).load(run_with_library(tmp_path))(rows)
    assert {question["seed"] for question in asked} == {7, 8}


def test_what_was_answered_once_is_never_asked_again(tmp_path):
    run = run_with_library(tmp_path)
    with chat_server(lambda *_: says(GOOD)) as (url, asked):
        first = spec(url).load(run)([ROW, OTHER])
        assert spec(url, server={"concurrency": 3}).load(run)([OTHER, ROW]) == first[::-1]
        assert len(asked) == 2
        spec(url, max_tokens=65).load(run)([ROW])
        assert len(asked) == 3
        spec(url, server={"answers": str(tmp_path / "elsewhere")}).load(run)([ROW])
        assert len(asked) == 4


def test_a_busy_server_is_asked_again(tmp_path):
    with chat_server(lambda _, number: BUSY if number < 2 else says(GOOD)) as (url, asked):
        (row,) = spec(url, server={"retries": 3}).load(run_with_library(tmp_path))([ROW])
    assert row.layout_source == "openai"
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("reply", "source"),
    [
        (BROKEN, "solver (SERVER_SILENT)"),
        (BUSY, "solver (SERVER_SILENT)"),
        (Reply({"error": {"message": "context too long"}}, 400), "solver (SERVER_REFUSED)"),
        (Reply({"error": {"message": "what?"}}, 422), "solver (SERVER_REFUSED)"),
        (Reply({"choices": []}), "solver (LAYOUT_JSON)"),
        (Reply({"choices": None}), "solver (LAYOUT_JSON)"),
        (Reply({"choices": [{"message": None}]}), "solver (LAYOUT_JSON)"),
        (Reply({"choices": [{"message": {"content": [1]}}]}), "solver (LAYOUT_JSON)"),
        (Reply([]), "solver (LAYOUT_JSON)"),
        (Reply(None), "solver (LAYOUT_JSON)"),
        (Reply(b"<html>", headers={"Content-Type": "text/html"}), "solver (LAYOUT_JSON)"),
        (Reply(b"{"), "solver (SERVER_SILENT)"),
        (Reply(b"\xff\xfe"), "solver (SERVER_SILENT)"),
        (says(""), "solver (LAYOUT_JSON)"),
        (says("no"), "solver (LAYOUT_JSON)"),
        (says('{"0":[27,1]}'), "solver (LAYOUT_IDS)"),
        (says("{" * 20_000), "solver (LAYOUT_JSON)"),
    ],
)
def test_a_bad_answer_costs_only_its_own_row(tmp_path, reply, source):
    with chat_server(lambda question, _: reply if about(question, "cat") else says(GOOD)) as (url, _):
        work = spec(url).load(run_with_library(tmp_path))
        assert [row.layout_source for row in work([ROW, OTHER])] == ["openai", source]
        assert [row.layout_source for row in work([OTHER])] == [source]


def test_a_question_that_hangs_is_given_up(tmp_path):
    done = threading.Event()

    def answer(question, _):
        if about(question, "cat"):
            done.wait(20)
        return says(GOOD)

    with chat_server(answer) as (url, _):
        work = spec(url, server={"patience_s": 1.0}).load(run_with_library(tmp_path))
        assert [row.layout_source for row in work([ROW, OTHER])] == ["openai", "solver (SERVER_SILENT)"]
        patient = spec(url, timeout_s=1.5, server={"answers": str(tmp_path / "new")})
        work = patient.load(run_with_library(tmp_path))
        assert [row.layout_source for row in work([ROW, OTHER])] == ["openai", "solver (SERVER_SILENT)"]
        done.set()


def test_a_server_that_never_answers_stops_the_run(tmp_path):
    with chat_server(lambda *_: BROKEN) as (url, _):
        work = spec(url).load(run_with_library(tmp_path))
        with pytest.raises(EnvironmentProblem, match=r"SERVER_SILENT.*\n.*out of memory"):
            work([ROW, OTHER])


def test_a_server_that_dies_stops_the_run(tmp_path):
    with chat_server(lambda *_: says(GOOD)) as (url, _):
        work = spec(url).load(run_with_library(tmp_path))
        work([ROW])
    with pytest.raises(EnvironmentProblem, match=r"SERVER_SILENT.*\n(.|\n)*the same command again"):
        work([OTHER])
    assert work([ROW])[0].layout_source == "openai"


def test_a_server_that_hangs_is_found_silent_before_the_stage_runs_out_of_time(tmp_path):
    done, greeted = threading.Event(), []

    def models():
        greeted.append(1)
        if len(greeted) > 1:
            done.wait(20)
        return (MODEL,)

    with chat_server(lambda *_: done.wait(20) and says(GOOD), models=models) as (url, _):
        work = spec(url, timeout_s=5.0, server={"patience_s": 1.0}).load(run_with_library(tmp_path))
        began = time.monotonic()
        with pytest.raises(EnvironmentProblem, match="SERVER_SILENT"):
            work([ROW, OTHER])
        assert time.monotonic() - began < 5.0, "the watchdog would have bitten"
        done.set()


@pytest.mark.parametrize(
    ("models", "code"),
    [
        (("another",), "SERVER_REFUSED"),
        ((), "SERVER_REFUSED"),
        (Reply({}, 401), "SERVER_REFUSED"),
        (Reply({}, 404), "SERVER_REFUSED"),
        (Reply({}, 302, {"Location": "http://127.0.0.1:9/v1/models"}), "SERVER_SILENT"),
        (Reply({}, 503), "SERVER_SILENT"),
        (Reply({}), "SERVER_SILENT"),
        (Reply(b"hello", headers={"Content-Type": "text/plain"}), "SERVER_SILENT"),
    ],
)
def test_a_server_that_cannot_serve_is_named_before_a_row_is_touched(tmp_path, models, code):
    run = run_with_library(tmp_path)
    with chat_server(lambda *_: says(GOOD), models=models) as (url, asked):
        with pytest.raises(EnvironmentProblem, match=code):
            spec(url).load(run)
        assert asked == []


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(tmp_path, monkeypatch):
    keyed = {"key_variable": "MINE_KEY"}
    run = run_with_library(tmp_path)
    with chat_server(lambda *_: Reply({"error": {"message": "no"}}, 401)) as (url, asked):
        with pytest.raises(UsageError, match="SERVER_KEY"):
            spec(url, server=keyed).load(run)
        monkeypatch.setenv("MINE_KEY", "sesame-0451")
        with pytest.raises(EnvironmentProblem, match="SERVER_REFUSED") as caught:
            spec(url, server=keyed).load(run)([ROW])
    assert asked[0]["headers"]["authorization"] == "Bearer sesame-0451"
    assert "sesame" not in str(caught.value)
    assert not any(b"sesame" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_no_more_questions_are_open_than_allowed(tmp_path):
    lock, now, most = threading.Lock(), [0], [0]
    together = threading.Barrier(4, timeout=20)

    def answer(*_):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait()  # four must be open at once, or nobody is answered
        with lock:
            now[0] -= 1
        return says(GOOD)

    rows = [replace(ROW, ground_line=0.3 + number / 100) for number in range(8)]
    with chat_server(answer) as (url, _):
        made = spec(url, server={"concurrency": 4}).load(run_with_library(tmp_path))(rows)
    assert {row.layout_source.partition("+")[0] for row in made} == {"openai"}
    assert most == [4]


@pytest.mark.parametrize(
    "url", ["", "host:8000", "ftp://host/v1", "http://", "http://me:secret@host/v1", "http://h/v1?key=1", "http://h/\n"]
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ValidationError):
        spec(url)


def test_the_server_is_no_part_of_what_a_resume_must_agree_with():
    def text(url):
        layout = {"backend": "openai", "model": MODEL, "server": {"url": url}}
        phase = {"record": "composition", "source": "samples", "stages": {"layout": layout}}
        return json.dumps({"name": "x", "phases": {"layout": phase}, "pools": {}})

    from actors.compose.stages import STAGES

    one, other = (parse_recipe(text(f"http://{host}/v1"), where="x", stages=STAGES) for host in ("a", "b"))
    assert one.affects_data(one.phase("layout")) == other.affects_data(other.phase("layout"))


def test_a_damaged_answer_is_replaced(tmp_path):
    answers, key = Answers(open_store(str(tmp_path))), question_key({"a": 1})
    assert answers.find(key) is None
    assert answers.keep(key, "one") == answers.keep(key, "two") == "one"
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(path.read_bytes()[:-3])
    assert answers.find(key) is None
    assert answers.keep(key, "two") == answers.find(key) == "two"
