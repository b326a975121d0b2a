from dataclasses import replace

import pytest

from engine.run.journal import KILLED, TIMED_OUT, Note, after_death, open_journal
from engine.storage.open_store import open_store


def deaths(store, count, *, run="r", row="", stage="", timed_out=False):
    """Let `count` processes die on unit 7, each with `row` open."""
    for _ in range(count):
        journal = open_journal(store, 7, "paste", run)
        if row:
            journal.begin(row, stage)
        if timed_out:
            journal.expire()
    return open_journal(store, 7, "paste", run)


def test_a_first_attempt_works_in_batches(tmp_path):
    journal = open_journal(open_store(str(tmp_path)), 7, "paste", "r")
    assert (journal.attempt, journal.row_by_row) == (1, False)


def test_two_deaths_ask_for_one_row_at_a_time(tmp_path):
    store = open_store(str(tmp_path))
    assert not deaths(store, 1).row_by_row
    assert deaths(store, 1).row_by_row


def test_a_row_that_was_open_at_two_deaths_is_named_with_its_stage(tmp_path):
    store = open_store(str(tmp_path))
    deaths(store, 2)
    journal = deaths(store, 1, row="0003", stage="inpaint")
    assert journal.verdict("0003") is None
    journal.begin("0003", "inpaint")
    assert open_journal(store, 7, "paste", "r").verdict("0003") == ("inpaint", KILLED)


def test_a_timeout_is_certain_the_first_time(tmp_path):
    store = open_store(str(tmp_path))
    journal = deaths(store, 1, timed_out=True)
    assert journal.row_by_row
    journal.begin("0005", "layout")
    journal.expire()
    assert open_journal(store, 7, "paste", "r").verdict("0005") == ("layout", TIMED_OUT)


def test_a_kill_after_a_timeout_is_not_taken_for_another_timeout():
    note = after_death(Note(attempts=1, timed_out=True))
    note = after_death(replace(note, open_row="1", open_stage="score"))
    assert note.row_by_row
    assert not note.verdicts


def test_deaths_of_other_runs_do_not_count_against_rows(tmp_path):
    store = open_store(str(tmp_path))
    for run in ("a", "b"):
        open_journal(store, 7, "paste", run).begin("0001", "inpaint")
    journal = open_journal(store, 7, "paste", "c")
    assert (journal.row_by_row, journal.verdict("0001")) == (False, None)


def test_a_row_that_three_whole_runs_left_open_is_suspected_and_not_judged(tmp_path):
    store = open_store(str(tmp_path))
    for run in ("a", "b", "c"):
        assert not open_journal(store, 7, "paste", "d").suspect_stage("0001")
        open_journal(store, 7, "paste", run).begin("0001", "inpaint")
    journal = open_journal(store, 7, "paste", "e")
    assert journal.row_by_row
    assert (journal.suspect_stage("0001"), journal.suspect_stage("0002")) == ("inpaint", "")
    assert journal.verdict("0001") is None


def test_what_dies_while_no_row_is_at_work_is_no_rows_doing(tmp_path):
    store = open_store(str(tmp_path))
    for _ in range(4):
        journal = open_journal(store, 7, "paste", "r")
        journal.begin("0003", "inpaint")
        journal.rest()
    assert open_journal(store, 7, "paste", "r").verdict("0003") is None


def test_what_stops_for_a_reason_with_a_name_leaves_nothing(tmp_path):
    store = open_store(str(tmp_path))
    journal = open_journal(store, 7, "paste", "r")
    journal.begin("0003", "inpaint")
    journal.abandon()
    journal.abandon()
    assert not list(store.names("_journal"))
    assert open_journal(store, 7, "paste", "r").attempt == 1


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b'{"attempts": "many"}', b'{"verdicts": {"1": 2}}', b"\xff"]
)
def test_a_file_that_is_no_note_blocks_nothing(tmp_path, data):
    store = open_store(str(tmp_path))
    store.put("_journal/00000007.paste.r.json", data)
    store.put("_journal/00000007.paste.other.json", data)
    journal = open_journal(store, 7, "paste", "r")
    assert (journal.attempt, journal.row_by_row, journal.others) == (1, False, ())


def test_a_finished_group_leaves_nothing(tmp_path):
    store = open_store(str(tmp_path))
    open_journal(store, 7, "paste", "r").finish()
    assert not list(store.names("_journal"))


def test_units_and_groups_have_notes_of_their_own(tmp_path):
    store = open_store(str(tmp_path))
    deaths(store, 3)
    assert not open_journal(store, 7, "score", "r").row_by_row
    assert not open_journal(store, 8, "paste", "r").row_by_row
