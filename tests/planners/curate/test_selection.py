"""Questions answered by DuckDB and, the slow way, by Python."""

from collections import Counter

import duckdb
import numpy as np
import pytest

from engine.errors import UsageError
from engine.metrics.perceptual_hash import distance
from planners.curate.selection import Wanted, schema_of, select

COUNT = 400


def looks(draw, seen):
    """A hash of its own, or one that differs from an earlier one in up to six bits; negative ones too."""
    bits = int(draw.integers(0, 1 << 63)) | int(draw.integers(0, 2)) << 63
    if seen and draw.random() < 0.5:
        bits = seen[draw.integers(len(seen))]
        for place in draw.integers(0, 64, draw.integers(0, 7)):
            bits ^= 1 << int(place)
    seen.append(bits)
    return bits - (1 << 64) if bits >> 63 else bits


def made():
    draw, seen = np.random.default_rng(0), []
    names, often = ["dog", "cat", "mug", "vase", "kite"], (0.4, 0.3, 0.15, 0.1, 0.05)
    for number in range(COUNT):
        concepts = sorted(map(str, draw.choice(names, draw.integers(1, 4), replace=False, p=often)))
        yield {
            "unit_id": number // 16,
            "sample_id": f"{number:010d}",
            "status": str(draw.choice(["accepted", "rejected"])),
            "score": None if draw.random() < 0.1 else round(float(draw.random()), 2),
            "concepts": concepts,
            "num_objects": len(concepts),
            "phash": None if draw.random() < 0.05 else looks(draw, seen),
            "scene": str(draw.choice(["a", "b"], p=(0.8, 0.2))),
        }


ROWS = list(made())


@pytest.fixture(scope="module")
def table():
    connection = duckdb.connect()
    connection.execute(
        "create table scores (unit_id bigint, sample_id varchar, status varchar, score double, concepts varchar[], "
        "num_objects bigint, phash bigint, scene varchar)"
    )
    connection.executemany("insert into scores values (?, ?, ?, ?, ?, ?, ?, ?)", [list(row.values()) for row in ROWS])
    return connection


def ask(table, **wanted):
    relation = table.table("scores")
    selection = select(Wanted(**wanted), schema_of(dict(zip(relation.columns, relation.types, strict=True))))
    rows = [name for _, name in table.sql(selection.rows).fetchall()]
    (counts,) = table.sql(selection.counts).fetchall()
    assert counts[-1] == len(rows)
    assert rows == sorted(rows)
    return rows, dict(zip((text for text, _ in selection.steps), counts, strict=True)), selection


def best(rows):
    return sorted(rows, key=lambda row: (row["score"] is None, -(row["score"] or 0), row["sample_id"]))


def at_most(rows, most):
    seen, bad = Counter(), set()
    for row in best(rows):
        for concept in row["concepts"]:
            seen[concept] += 1
            if seen[concept] > most:
                bad.add(row["sample_id"])
    return [row for row in rows if row["sample_id"] not in bad]


ACCEPTED = [row for row in ROWS if row["status"] == "accepted"]


def names(rows):
    return sorted(row["sample_id"] for row in rows)


def test_rejected_rows_are_left_out_unless_they_are_asked_for(table):
    assert ask(table)[0] == names(ACCEPTED)
    rows, steps, _ = ask(table, where="status == 'rejected' or score > 0.5")
    assert rows == names(row for row in ROWS if row["status"] == "rejected" or (row["score"] or 0) > 0.5)
    assert list(steps) == ["all", "status == 'rejected' or score > 0.5"]


def test_each_part_of_a_condition_tells_what_it_leaves(table):
    _, steps, selection = ask(table, where="score > 0.5 and 'dog' in concepts")
    high = [row for row in ACCEPTED if (row["score"] or 0) > 0.5]
    assert steps == {
        "all": COUNT, "status == 'accepted'": len(ACCEPTED), "score > 0.5": len(high),
        "'dog' in concepts": len([row for row in high if "dog" in row["concepts"]]),
    }  # fmt: skip
    assert selection.reads == {"unit_id", "sample_id", "status", "score", "concepts"}


@pytest.mark.parametrize(("top", "count"), [("25", 25), ("10%", None), ("100%", None), ("99999", None)])
def test_the_best_are_kept_and_ties_go_to_the_earlier(table, top, count):
    scored = [row for row in best(ACCEPTED) if row["score"] is not None]
    count = count or (-(-len(ACCEPTED) // 10) if top == "10%" else len(scored))
    assert ask(table, top=top, by="score")[0] == names(scored[:count])


def test_a_share_is_of_the_rows_that_are_left(table):
    left = [row for row in ACCEPTED if row["scene"] == "a"]
    rows, _, _ = ask(table, where="scene == 'a'", top="50%", by="score")
    assert len(rows) == -(-len(left) // 2)


def test_no_concept_has_more_rows_than_asked_and_the_best_stay(table):
    rows, _, _ = ask(table, per_concept=9, by="score")
    assert rows == names(at_most(ACCEPTED, 9))
    counted = Counter(concept for row in ROWS if row["sample_id"] in rows for concept in row["concepts"])
    assert max(counted.values()) <= 9


def test_balance_by_scene_and_count_leaves_as_many_of_each(table):
    for key, balance in (("scene", "scene"), ("num_objects", "count")):
        rows, _, _ = ask(table, balance=balance, by="score")
        rarest = min(Counter(row[key] for row in ACCEPTED).values())
        assert set(Counter(row[key] for row in ROWS if row["sample_id"] in rows).values()) == {rarest}


def test_balance_by_concepts_caps_them_at_the_rarest(table):
    rows, _, _ = ask(table, balance="concepts", by="score")
    rarest = min(Counter(concept for row in ACCEPTED for concept in row["concepts"]).values())
    assert rows == names(at_most(ACCEPTED, rarest))


@pytest.mark.parametrize("bits", [0, 1, 4, 12])
def test_a_row_goes_if_a_better_one_looks_like_it(table, bits):
    rows, _, selection = ask(table, dedup=f"phash:{bits}", by="score")
    ranked = [row for row in best(ACCEPTED) if row["phash"] is not None]
    alone = {hash_: row["sample_id"] for row in reversed(ranked) for hash_ in [row["phash"]]}
    first = [row for row in ranked if alone[row["phash"]] == row["sample_id"]]
    gone = {
        later["sample_id"]
        for place, row in enumerate(first)
        for later in first[place + 1 :]
        if distance(row["phash"], later["phash"]) <= bits
    }
    unhashed = [row for row in ACCEPTED if row["phash"] is None]
    assert rows == names([*unhashed, *(row for row in first if row["sample_id"] not in gone)])
    assert 50 < len(rows) < len(ACCEPTED) - 5
    assert "phash" in selection.reads


def test_everything_at_once_goes_in_order(table):
    rows, steps, _ = ask(table, where="score > 0.1", per_concept=60, balance="scene", top="10", by="score")
    assert len(rows) == 10
    assert list(steps) == [
        "all", "status == 'accepted'", "score > 0.1", "at most 60 of each concept", "balanced by scene",
        "top 10 by score",
    ]  # fmt: skip
    assert list(steps.values()) == sorted(steps.values(), reverse=True)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"top": "10%"}, "FILTER_TOP"),
        *(({"top": top, "by": "score"}, "FILTER_TOP") for top in ("0", "-1", "x", "101%", "0%", "nan%", "1e3", "5;")),
        ({"balance": "colour"}, "FILTER_BALANCE"),
        *(({"dedup": dedup}, "FILTER_DEDUP") for dedup in ("phash", "phash:13", "phash:-1", "embedding:2", "4")),
        ({"by": "scene", "top": "5"}, "EXPRESSION_TYPE"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_named(table, wanted, code):
    with pytest.raises(UsageError, match=code):
        ask(table, **wanted)


def test_a_table_without_concepts_cannot_be_balanced_by_them():
    with pytest.raises(UsageError, match="FILTER_COLUMN"):
        select(Wanted(balance="concepts"), {})
    with pytest.raises(UsageError, match="mycanvas score"):
        select(Wanted(dedup="phash:4"), {})
