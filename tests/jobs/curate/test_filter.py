"""`mycanvas filter` and `query`, as they are typed."""

import json

import pytest

from benchmarks.support.curate_data import write_dataset
from engine.dataset.score_table import open_scores
from engine.dataset.views import open_dataset
from jobs.curate.filter import choose
from planners.curate.selection import Wanted
from tests.support.processes.command import mycanvas


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("filter") / "data"
    write_dataset(folder, units=6, unit_rows=50, image_bytes=16)
    return folder


def test_a_question_without_a_place_is_only_explained(data):
    told = json.loads(mycanvas("filter", data, "--where", "clip_score > 0.28", "--format", "json"))
    assert [text for text, _ in told["steps"]] == ["all", "status == 'accepted'", "clip_score > 0.28"]
    assert told["steps"][0][1] == 300
    assert told["rows"] == told["steps"][-1][1] > 0
    assert set(told["reads"]) == {"unit_id", "sample_id", "status", "clip_score"}
    assert 0 < sum(told["reads"].values()) < 0.2 * told["table_bytes"]


def test_a_view_is_filtered_asked_and_looked_at_like_a_dataset(data, tmp_path):
    view = tmp_path / "view"
    told = mycanvas("filter", data, "--top", "20%", "--by", "cp_clip", "--view", view)
    count = int(told.split()[0])
    last = f"select cp_clip from scores where status = 'accepted' order by 1 desc limit 1 offset {count - 1}"
    worst = mycanvas("query", data, last, "--format", "json")
    kept = mycanvas("query", view, "select count(*) as n, min(cp_clip) as m from scores", "--format", "json")
    (row,) = json.loads(kept)["rows"]
    assert row == {"n": count, "m": json.loads(worst)["rows"][0]["cp_clip"]}
    assert "  5  top 5" in mycanvas("filter", view, "--top", 5, "--by", "clip_score")
    told = json.loads(mycanvas("stats", view, "--format", "json"))
    assert (told["rows"], told["accepted"], told["failed"]) == (count, count, 0)


def test_a_choice_of_nothing_says_which_part_left_nothing(data, tmp_path):
    told = mycanvas("filter", data, "--where", "clip_score > 0 and scene == 'mars'", "--view", tmp_path / "v", code=2)
    assert "FILTER_EMPTY" in told
    assert "scene == 'mars'" in told
    assert not (tmp_path / "v").exists()


def test_a_score_that_no_row_has_is_named_with_the_command_that_measures_it(data, tmp_path):
    for words in (("--where", "unsafe < 0.5"), ("--top", "5", "--by", "unsafe")):
        told = mycanvas("filter", data, *words, "--view", tmp_path / "v", code=2)
        assert "FILTER_UNMEASURED" in told
        assert "mycanvas score" in told
    assert not (tmp_path / "v").exists()


def test_the_best_by_a_score_that_is_better_when_lower_are_the_lowest(data):
    with open_scores(open_dataset(str(data))) as scores:
        best = scores.ask("select sample_id from scores where status = 'accepted' order by seam limit 5")
    chosen = choose(str(data), Wanted(by="seam", top="5"), explain=False)
    assert sorted(chosen.rows.column("sample_id").to_pylist()) == sorted(best.column("sample_id").to_pylist())
    named = choose(str(data), Wanted(by="0 - seam", top="5"), explain=False)
    assert named.rows.equals(chosen.rows), "an expression is taken at its word"


HOSTILE = (
    "copy scores to 'x.csv'", "copy (select 1) to 'x.parquet'", "create table x as select 1", "drop view scores",
    "insert into scores values (1)", "attach 'x.db'", "install httpfs", "load httpfs", "set threads = 1",
    "pragma version",
    "select 1; select 2", "select 1; copy scores to 'x'", "", ";", "selec 1", "select nothing from scores",
    "select * from read_csv('/etc/passwd')", "select * from '/etc/passwd'", "select * from read_text('/etc/hostname')",
    "select * from glob('/etc/*')", "select * from read_parquet('/etc/passwd')", "select getenv('HOME')",
    "select * from read_csv('http://127.0.0.1:9/x')", "select * from 's3://bucket/x.parquet'", "export database 'x'",
    "checkpoint", "call pragma_version()", "explain analyze select 1", "vacuum", "begin", "prepare a as select 1",
    "with x as (copy (select 1) to 'x.parquet') select 1", "with x as (copy scores to '{scores}') select 1",
    "select * from read_text('{scores}')", "select * from glob('{folder}/*')", "select * from read_parquet('{scores}')",
    "select * from '{scores}'", "with x as (update scores set seed = 1) select 1",
    "select * from s0_files; drop view s0",
    "select * from sniff_csv('/etc/passwd')", "select * from read_blob('/proc/self/environ')",
    "select * from read_json('/etc/passwd')", "with x as (delete from scores) select 1", "use memory", "detach memory",
    "select * from duckdb_secrets()", "select query('select 1')", "select * from query('copy scores to ''x''')",
)  # fmt: skip


def test_hostile_queries_read_and_write_nothing(data, tmp_path, monkeypatch):
    """In one process: what the command calls. A few are harmless and may answer."""
    from engine.errors import UsageError
    from jobs.curate.query import query

    monkeypatch.chdir(tmp_path)
    answered = []
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    (scores,) = (data / "scores").iterdir()
    for sql in HOSTILE:
        try:
            rows = query(str(data), sql.replace("{scores}", str(scores)).replace("{folder}", str(data)))
        except UsageError as error:
            assert error.code == "QUERY_SQL"  # noqa: PT017
        else:
            answered.append((sql, rows.rows.to_pylist()))
    assert list(tmp_path.iterdir()) == []
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
    assert "root:" not in str(answered)
    assert len(answered) <= 4, answered


def test_values_that_cannot_be_computed_are_named_and_columns_of_one_name_are_kept_apart(data):
    told = mycanvas("filter", data, "--where", "seed * seed * seed > 0", code=2)
    assert "EXPRESSION_VALUE" in told
    told = json.loads(mycanvas("query", data, "select scene, scene from scores limit 1", "--format", "json"))
    assert set(told["rows"][0]) == {"scene", "scene_2"}


def test_an_answer_is_a_table_without_control_characters(data):
    told = mycanvas("query", data, "select chr(27) || '[31mred' as colour, 0.123456::double as number")
    assert told.splitlines() == ["colour    number", "\N{REPLACEMENT CHARACTER}[31mred  0.1235"]
    told = mycanvas("query", data, "select sample_id from scores")
    assert told.splitlines()[-1] == "… 260 more rows; --format json prints all"


def test_a_view_is_verified_by_its_list_and_its_rows(data, tmp_path):
    mycanvas("filter", data, "--top", "20", "--by", "clip_score", "--view", tmp_path / "view")
    assert mycanvas("verify", tmp_path / "view").startswith("20 rows are there")
    listed = next((tmp_path / "view").glob("rows-*.parquet"))
    whole = listed.read_bytes()
    listed.write_bytes(whole[:60] + bytes([whole[60] ^ 1]) + whole[61:])
    assert "VIEW_ROWS" in mycanvas("verify", tmp_path / "view", code=6)
