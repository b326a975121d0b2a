"""Expressions: what they mean, checked in DuckDB against Python; and what they may not say."""

import itertools

import duckdb
import pytest

from engine.errors import UsageError
from planners.curate.expression import LONGEST, Column
from planners.curate.selection import schema_of
from planners.curate.where import clauses, condition, number

ROWS = [
    # clip_score, cp_clip, scene, concepts, caption, layout_valid, objects
    (0.31, 0.7, "beach", ["dog", "mug"], "a dog's day", True, [("dog", 0.9, 0.5), ("mug", 0.4, None)]),
    (0.25, None, "moon", ["cat"], "100% cat", False, [("cat", 0.8, 0.0)]),
    (None, 0.2, "beach", [], "", None, []),
    (-0.1, 0.5, "it's", ["dog"], "two\nlines", True, [("dog", -0.2, 1.0)]),
]
SQL = """create table scores (n int, clip_score double, cp_clip double, scene varchar, concepts varchar[],
caption varchar, layout_valid boolean, objects struct(class_name varchar, identity double, detection double)[])"""


@pytest.fixture(scope="module")
def table():
    connection = duckdb.connect()
    connection.execute(SQL)
    for place, (*plain, objects) in enumerate(ROWS):
        items = [dict(zip(("class_name", "identity", "detection"), item, strict=True)) for item in objects]
        connection.execute("insert into scores values (?, ?, ?, ?, ?, ?, ?, ?)", [place, *plain, items])
    return connection


@pytest.fixture(scope="module")
def schema(table):
    relation = table.table("scores")
    return schema_of(dict(zip(relation.columns, relation.types, strict=True)))


def test_the_schema_knows_lists_and_the_fields_of_their_items(schema):
    assert schema["clip_score"] == Column("number")
    assert schema["concepts"] == Column("text", many=True)
    assert schema["objects.identity"] == Column("number", group="objects")
    assert "objects" not in schema


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("clip_score >= 0.28", [0]),
        ("clip_score >= 0.25 and cp_clip > 0.5", [0]),
        ("clip_score > 0 or scene == 'beach'", [0, 1, 2]),
        ("not clip_score > 0", [3]),
        ("cp_clip is null", [1]),
        ("cp_clip is not None and clip_score != null", [0, 3]),
        ("cp_clip == null", [1]),
        ("0 < clip_score <= 0.25", [1]),
        ("'dog' in concepts", [0, 3]),
        ("'dog' not in concepts", [1, 2]),
        ("'dog' in caption", [0]),
        ("scene in ['beach', 'moon']", [0, 1, 2]),
        ("scene not in ('beach',)", [1, 3]),
        ("scene in []", []),
        ('scene == "it\'s"', [3]),
        ("layout_valid", [0, 3]),
        ("layout_valid == false", [1]),
        ("min(objects.identity) > 0.3", [0, 1]),
        ("max(objects.identity) - min(objects.identity) > 0.4", [0]),
        ("any(objects.identity > 0.3 and objects.class_name == 'mug')", [0]),
        ("all(objects.identity > 0.3)", [0, 1, 2]),
        ("count(objects.identity > 0.3) == 2", [0]),
        ("mean(objects.detection * 2) >= 1", [0, 3]),
        ("sum(objects.identity) > 1.2", [0]),
        ("'mug' in objects.class_name", [0]),
        ("len(objects.class_name) == 2", [0]),
        ("len(concepts) == 0 or len(caption) == 8", [1, 2]),
        ("abs(clip_score) < 0.2", [3]),
        ("min(clip_score, cp_clip, 0.3) >= 0.3", [0]),
        ("lower(scene) == 'moon' and true", [1]),
        ("clip_score / 0 > 1", [0, 1]),  # infinity, as in SQL
        ("-clip_score > 0", [3]),
    ],
)
def test_a_condition_keeps_the_rows_that_python_would(table, schema, text, kept):
    found = table.sql(f"select n from scores where {condition(text, schema).sql} order by n").fetchall()
    assert [n for (n,) in found] == kept


def test_parts_between_ands_are_known_one_by_one(schema):
    parts = clauses("clip_score > 0.2 and 'dog' in concepts and (cp_clip > 1 or layout_valid)", schema)
    assert [text for text, _ in parts] == ["clip_score > 0.2", "'dog' in concepts", "cp_clip > 1 or layout_valid"]
    assert parts[2][1].reads == {"cp_clip", "layout_valid"}


def test_what_is_best_is_a_number(schema):
    assert number("min(objects.identity) * 2", schema).reads == {"objects.identity"}
    with pytest.raises(UsageError, match="should be a number"):
        number("scene", schema)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("clip_scor > 1", "EXPRESSION_NAME", "did you mean clip_score"),
        ("clip_score = 1", "EXPRESSION_SYNTAX", "equality is =="),
        ("clip_score >", "EXPRESSION_SYNTAX", "character 13"),
        ("", "EXPRESSION_SYNTAX", ""),
        ("clip_score", "EXPRESSION_TYPE", "should be a condition"),
        ("clip_score > 'a'", "EXPRESSION_TYPE", "should be a number"),
        ("scene > 3", "EXPRESSION_TYPE", "should be a text"),
        ("concepts == 'dog'", "EXPRESSION_TYPE", "is a list"),
        ("objects.identity > 0.5", "EXPRESSION_TYPE", "any("),
        ("3 in concepts", "EXPRESSION_TYPE", "cannot hold"),
        ("clip_score is 3", "EXPRESSION_TYPE", "is null"),
        ("any(clip_score > 1)", "EXPRESSION_TYPE", "conditions on objects"),
        ("min(concepts) > 1", "EXPRESSION_TYPE", "numbers"),
        ("any(any(objects.identity > 1))", "EXPRESSION_TYPE", "already"),
        ("median(clip_score) > 1", "EXPRESSION_NAME", "there are: min"),
        ("abs(1, 2) > 1", "EXPRESSION_TYPE", "one argument"),
        ("clip_score > 1e999", "EXPRESSION_TYPE", "no number"),
        ("clip_score ** 2 > 1", "EXPRESSION_SYNTAX", "no +"),
        ("x" * (LONGEST + 1), "EXPRESSION_SYNTAX", "longer"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(schema, text, code, said):
    with pytest.raises(UsageError, match=code) as caught:
        condition(text, schema)
    assert said in str(caught.value)


PIECES = (
    "__import__('os').system('touch PWNED')", "open('/etc/passwd').read()", "(lambda: 1)()", "[x for x in concepts]",
    "{**{}}", "f'{clip_score}'", "clip_score.__class__", "scores.clip_score", "concepts[0]", "x := 1", "await x",
    "clip_score if 1 else 2", "*concepts", "exec('1')", "eval('1')", "getattr(clip_score, 'x')", "b'1'", "1j", "...",
    "'; drop table scores; --'", "\"'); copy scores to 'x'; --\"", "' or 1=1 --", "clip_score; select 1",
    "read_csv('/etc/passwd')", "glob('/*')", "getenv('HOME')", "select 1", "(select 1)", "clip_score -- x",
    "clip_score /* x */", "$1", "?", ":x", "@x", "`scene`", '"scene"', "scene\x00", "'\x00'", "\u202escene", "\ud800",
    "item.identity", "min(item.identity)", "any(objects)", "objects.identity.real", "min(objects.identity, key=abs)",
    "min(*objects.identity)", "print(1)", "1 << 62", "~1", "1 @ 2", "1 // 2", "1 % 2", "9" * 1999, "-" * 1900 + "1",
    "not " * 480 + "true", "(" * 900 + "1" + ")" * 900, "[" * 900, "a." * 900 + "b", "1 < " * 480 + "2",
    "and", "or or", "import os", "def f(): 1", "\\", "'''", "'\\N{DIGIT ONE}'", "\t\n", "#", "clip_score\n> 1",
)  # fmt: skip
FRAMES = ("{}", "{} > 0", "clip_score > 0 and {}", "{} in concepts", "min({}) > 1")
HOSTILE = [frame.format(piece) for frame, piece in itertools.product(FRAMES, PIECES)]


def test_hostile_expressions_are_refused_or_harmless(table, schema, tmp_path, monkeypatch):
    """More than three hundred; what passes is a condition that touches no row and no file."""
    assert len(HOSTILE) > 300
    monkeypatch.chdir(tmp_path)
    before = table.sql("select * from scores").fetchall()
    passed, codes = 0, set()
    for text in HOSTILE:
        try:
            term = condition(text, schema)
        except UsageError as error:
            codes.add(error.code if error.fix else "no advice")
            continue
        passed += 1
        assert len(duckdb.extract_statements(f"select n from scores where {term.sql}")) == 1
        table.sql(f"select n from scores where {term.sql}").fetchall()
    assert passed < 30
    assert codes == {"EXPRESSION_SYNTAX", "EXPRESSION_NAME", "EXPRESSION_TYPE"}
    assert table.sql("select * from scores").fetchall() == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("all(objects.detection >= 0)", [1, 2, 3]),
        ("not any(objects.detection > 0.6)", [1, 2]),
        ("any(objects.detection > 0.4)", [0, 3]),
        ("min(clip_score, cp_clip) < 0.6", [0, 3]),
        ("cp_clip not in [0.7]", [2, 3]),
        ("cp_clip not in []", [0, 2, 3]),
        ("min(objects.detection) >= 0.5", [0, 3]),
    ],
)
def test_what_was_not_measured_makes_no_condition_true(table, schema, text, kept):
    """Row 0 has an object without a detection, row 1 no cp_clip, row 2 no clip_score and no object."""
    found = table.sql(f"select n from scores where {condition(text, schema).sql} order by n").fetchall()
    assert [n for (n,) in found] == kept


def test_a_text_that_no_file_could_hold_is_refused(schema):
    with pytest.raises(UsageError, match="EXPRESSION_SYNTAX"):
        condition("scene == '\ud800'", schema)


@pytest.mark.parametrize(("word", "rest"), [("-", "1 > 0"), ("not ", "true")])
def test_what_is_nested_too_deeply_is_refused_and_what_is_not_is_whole(schema, word, rest):
    """How deep is too deep depends on the stack of the caller."""
    answers = [answer(word * depth + rest, schema) for depth in range(1, 480, 6)]
    refused = [each.startswith("EXPRESSION_SYNTAX") and "nested too deeply" in each for each in answers]
    assert not refused[0]
    assert refused[-1]
    assert refused == sorted(refused)
    assert all(each.count("(") == each.count(")") >= each.count(word) for each in answers[: refused.index(True)])


def answer(text, schema):
    """The SQL of a condition, or why there is none."""
    try:
        return condition(text, schema).sql
    except UsageError as error:
        return str(error)
