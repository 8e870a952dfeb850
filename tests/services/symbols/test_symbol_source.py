"""Several sources, asked in turn."""

import pytest

from crashtool.model.module import Module
from crashtool.model.symbol_lookup import Candidate
from crashtool.services.symbols.symbol_source import ChainedSource

APP = Module(0, 1, "app", "app", None, None, None)


class Source:
    def __init__(self, *rows):
        self.rows = rows

    def walk_candidates(self, _):
        yield from self.rows


class Forbidden:
    def walk_candidates(self, _):
        pytest.fail("asked too early")


def test_sources_are_asked_in_order():
    first, second = Candidate("a", "not_found"), Candidate("b", "found", path="/b")

    assert list(ChainedSource([Source(first), Source(second)]).walk_candidates(APP)) == [
        first,
        second,
    ]


def test_a_later_source_is_not_asked_before_its_turn():
    row = Candidate("a", "found", path="/a")

    assert next(ChainedSource([Source(row), Forbidden()]).walk_candidates(APP)) == row


def test_a_file_that_two_sources_have_is_given_once():
    rows = [Candidate("a", "found", path="/a"), Candidate("again", "found", path="/a")]

    assert list(ChainedSource([Source(rows[0]), Source(rows[1])]).walk_candidates(APP)) == rows[:1]


def test_places_without_a_file_are_all_told():
    rows = [Candidate("a", "not_found"), Candidate("b", "not_found")]

    assert list(ChainedSource([Source(*rows)]).walk_candidates(APP)) == rows
