"""One minidump to a row: no more of the stack is walked than can change it."""

import csv

import pytest

from crashtool.model.own_calls import FrameRule
from crashtool.model.triage.grouping_rules import Rules
from crashtool.services.analyze.inspect_dumps import FoundDump, InspectOptions, read_report
from crashtool.services.triage import read_row as reading
from crashtool.services.triage.read_row import make_consumer, read_row
from tests.synth.crashes import crash

DEEP = ("draw", "load", "check", "main", "draw", "load", "check", "main")


@pytest.fixture
def deep(tmp_path):
    path = tmp_path / "deep.dmp"
    path.write_bytes(crash(1, *DEEP))
    return str(path)


def count_frames(path, until):
    return len(read_report(path, path, InspectOptions(until=until)).crashed_thread.frames)


def test_a_walk_ends_at_the_guess_after_what_is_sure(deep):
    assert count_frames(deep, None) == len(DEEP)
    assert count_frames(deep, make_consumer(Rules())) == 2


def test_a_consumer_that_takes_all_gets_all_and_no_frame_is_lost(deep):
    taken = []
    assert count_frames(deep, lambda _report, frames: taken.extend(frames)) == len(DEEP)
    assert len(taken) == len(DEEP)


def test_who_takes_one_frame_has_one(deep):
    assert count_frames(deep, lambda _report, frames: next(frames)) <= 2


def test_who_asks_for_none_gets_the_whole_walk(deep):
    assert count_frames(deep, lambda _report, _frames: None) == len(DEEP)


def test_with_a_rule_of_where_to_start_all_is_walked():
    assert make_consumer(Rules((FrameRule("start", "x", 1),))) is None


def test_rows_are_those_of_whole_stacks(truth, monkeypatch):
    with (truth / "labels.tsv").open(encoding="utf-8") as file:
        paths = [str(truth / row["dump"]) for row in csv.DictReader(file, delimiter="\t")]
    monkeypatch.setattr(reading, "_find_missing", lambda _report: ())  # of what was walked
    rules = Rules()
    for path in paths:
        found = FoundDump(path, path)
        rows = [
            read_row(found, InspectOptions(until=until), rules, ())
            for until in (None, make_consumer(rules))
        ]
        assert rows[0] == rows[1]
