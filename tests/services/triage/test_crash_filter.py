"""Which crashes count."""

import pytest

from crashtool.errors import UsageError
from crashtool.model.triage.row import Row
from crashtool.services.triage.crash_filter import Conditions, choose, parse_moment, parse_where

UUID = "0123abcd-0123-0123-0123-0123456789ab"
NOW = 1_764_500_000


def statuses(*rows, **options):
    conditions = options.pop("conditions", Conditions())
    return [row.status for row in choose(rows, conditions, **options)]


def test_a_report_counts_once_by_its_bytes_or_its_identifier():
    one = Row("a", digest="01" * 16, report_id=UUID)
    same_bytes, same_report = Row("b", digest="01" * 16), Row("c", digest="02" * 16, report_id=UUID)
    other = Row("d", digest="03" * 16)
    assert statuses(one, same_bytes, same_report, other) == [
        "ok",
        "duplicate",
        "duplicate",
        "ok",
    ]
    assert statuses(one, same_bytes, count_duplicates=True) == ["ok", "ok"]


def test_what_is_unreadable_stays_so():
    assert statuses(Row("a", "unreadable"), Row("a", "unreadable")) == ["unreadable"] * 2


@pytest.mark.parametrize(
    ("conditions", "counts"),
    [
        (Conditions(since=NOW), True),
        (Conditions(since=NOW + 1), False),
        (Conditions(until=NOW + 1), True),
        (Conditions(until=NOW), False),
        (Conditions(versions=("2.*", "1.4*")), True),
        (Conditions(versions=("2.*",)), False),
        (Conditions(where=(("product", "Game"), ("annotation.gpu", "Rad*"))), True),
        (Conditions(where=(("gpu", "Rad*"),)), True),
        (Conditions(where=(("product", "Game"), ("gpu", "Ge*"))), False),
    ],
)
def test_conditions(conditions, counts):
    row = Row(
        "a",
        digest="0" * 32,
        written=NOW,
        product="Game",
        version="1.4.2",
        annotations=(("gpu", "Radeon"),),
    )
    assert statuses(row, conditions=conditions) == ["ok" if counts else "left_out"]


def test_a_crash_of_unknown_time_is_left_out_when_times_are_asked_for():
    assert statuses(Row("a", digest="0" * 32), conditions=Conditions(since=1)) == ["left_out"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", NOW - 7 * 86400),
        ("12h", NOW - 12 * 3600),
        ("2w", NOW - 14 * 86400),
        ("1970-01-02", 86400),
        ("1970-01-01T01:00:00+01:00", 0),
    ],
)
def test_moments(text, moment):
    assert parse_moment(text, "--since", NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "7x", "99999999d"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(UsageError, match="--since"):
        parse_moment(text, "--since", NOW)


@pytest.mark.parametrize("text", ["product", "=Game", "product="])
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(UsageError, match="KEY=GLOB"):
        parse_where(text)
