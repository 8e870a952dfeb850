"""What handlers do by themselves, with the cases of Crashpad's own tests by their names."""

import pytest

from crashtool.formats.crashpad.database_report import DatabaseReport
from crashtool.formats.crashpad.handler_rules import (
    is_beyond_age,
    is_rate_limited,
    predict_pruning,
    walk_beyond_size,
)
from tests.synth.database import NOW, report_id

DAY = 86400
MIB = 1 << 20


@pytest.mark.parametrize(
    ("last", "limited"),
    [
        (NOW + DAY, False),
        (NOW + DAY + 1, False),
        (NOW + DAY - 1, True),
        (NOW + 1, True),
        (NOW, True),
        (NOW - 1, True),
        (NOW - 3599, True),
        (NOW - 3600, False),
        (NOW - 3601, False),
        (0, False),
    ],
)
def test_crash_report_upload_rate_limit(last, limited):
    assert is_rate_limited(NOW, last) is limited


@pytest.mark.parametrize(("days", "pruned"), [(80, True), (10, False), (30, False)])
def test_prune_crash_reports_age_condition(days, pruned):
    assert is_beyond_age(NOW - days * DAY, NOW, days=30) is pruned


@pytest.mark.parametrize(
    ("sizes", "most", "pruned"),
    [
        ([1, 3], 1, [False, True]),
        ([3, 1], 1, [True, True]),
        ([3, 3, 1], 6, [False, False, True]),
        ([0, 0, 5, 0], 5, [False] * 4),
    ],
)
def test_prune_crash_reports_size_condition(sizes, most, pruned):
    assert list(walk_beyond_size((size * 1024 for size in sizes), most)) == pruned


def test_sizes_count_in_whole_kib():
    assert list(walk_beyond_size([1, 1, 1025], 3)) == [False, False, True]


def report(number, *, created=NOW, state="completed", size=MIB, locked_since=None):
    return DatabaseReport(
        report_id(number),
        state,
        None,
        "",
        created,
        False,
        0,
        None,
        False,
        locked_since is not None,
        locked_since,
        (),
        size,
        "",
    )


def test_prune_crash_reports_prune_order():
    """The newest are kept, whatever the order they are found in."""
    rows = [report(number, created=NOW - number * DAY, size=50 * MIB) for number in (3, 1, 4, 2)]
    prunings = predict_pruning(rows, NOW)
    assert prunings.keys() == {report_id(3), report_id(4)}
    assert "newer reports fill the 128 MiB" in prunings[report_id(4)]


def test_what_is_older_than_a_year_is_about_to_go():
    rows = [report(1, created=NOW - 367 * DAY), report(2, created=NOW - 364 * DAY)]
    prunings = predict_pruning(rows, NOW)
    assert prunings == {report_id(1): "about to be deleted by a handler: it is older than a year"}


def test_a_report_larger_than_all_that_is_kept_goes_itself():
    assert predict_pruning([report(1, size=129 * MIB)], NOW).keys() == {report_id(1)}


def test_neither_what_is_uploaded_right_now_nor_what_is_locked_is_pruned():
    rows = [
        report(1, state="uploading", created=NOW - 400 * DAY, size=500 * MIB),
        report(2, locked_since=NOW - DAY, created=NOW - 400 * DAY, size=500 * MIB),
        report(3, state="new", created=NOW - DAY),
    ]
    assert predict_pruning(rows, NOW) == {}
