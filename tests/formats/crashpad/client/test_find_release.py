from itertools import pairwise

import pytest

from crashtool.errors import UsageError
from crashtool.formats.crashpad.arguments import HANDLER_KINDS
from crashtool.formats.crashpad.client.find_release import find_release
from crashtool.formats.crashpad.client.layouts import LAYOUTS, PLATFORMS, find_layouts
from crashtool.formats.crashpad.client.releases import (
    DEFAULTED,
    FOR_BACKTRACE,
    PARAMETER_TYPES,
    RELEASES,
)

EVERY = [row for rows in RELEASES.values() for row in rows]


def test_each_handler_has_clients_and_each_client_a_layout():
    assert set(RELEASES) == set(HANDLER_KINDS)
    for fork in RELEASES:
        assert any(find_layouts(fork, platform) for platform in PLATFORMS), fork
    assert {fork for layout in LAYOUTS.values() for fork in layout.forks} == set(RELEASES)


@pytest.mark.parametrize("fork", RELEASES)
def test_rows_are_in_order_and_each_tells_something_new(fork):
    rows = RELEASES[fork]
    assert [row.since for row in rows] == sorted({row.since for row in rows})
    for before, after in pairwise(rows):
        assert before._replace(since="", tags=()) != after._replace(since="", tags=())


@pytest.mark.parametrize("row", EVERY, ids=lambda row: f"{row.fork}-{row.since}")
def test_parameters_are_known_and_those_with_defaults_are_the_last(row):
    for names in (row.parameters, FOR_BACKTRACE):
        assert set(names) <= set(PARAMETER_TYPES)
        defaulted = [name in DEFAULTED for name in names]
        assert defaulted == sorted(defaulted)


@pytest.mark.parametrize(
    ("fork", "version", "since"),
    [
        ("upstream", "", "2025-12-01"),
        ("upstream", "2020-06-23", "2019-08-19"),
        ("upstream", "2020-06-24", "2020-06-24"),
        ("upstream", "2022-09", "2022-07-07"),
        ("backtrace", "2024-02-13", "2023-03-31"),
        ("sentry", "0.6.2", "2020-07-21"),
        ("sentry", "0.8.3", "2025-03-01"),
        ("sentry", "v0.12", "2025-10-01"),
        ("sentry", "0.16.8", "2026-02-01"),
        ("sentry", "2025-09-30", "2025-03-01"),
    ],
)
def test_a_date_or_tag_finds_the_client_of_its_time(fork, version, since):
    assert find_release(fork, version).since == since


@pytest.mark.parametrize(
    ("fork", "version", "said"),
    [
        ("upstream", "2018-01-01", "before 2019-05-02"),
        ("upstream", "2019-08", "changed on 2019-08-19: 2019-08 is before and after"),
        ("upstream", "2019-13-01", "is not a date"),
        ("upstream", "2019-02-30", "is not a date"),
        ("upstream", "0.12.0", "has no releases"),
        ("upstream", "main", "neither a date nor a version"),
        ("sentry", "0.3.9", "before 0.4.0"),
    ],
)
def test_what_names_no_known_client_is_refused(fork, version, said):
    with pytest.raises(UsageError, match=said):
        find_release(fork, version)
