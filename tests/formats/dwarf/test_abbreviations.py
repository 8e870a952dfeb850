import pytest

from crashtool.formats.dwarf.abbreviations import Abbreviations
from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf

NAMED = bytes([0x03, 0x08, 0, 0])  # DW_AT_name, DW_FORM_string


class Sections:
    """.debug_abbrev alone; counts how often a table is begun."""

    def __init__(self, data):
        self.data = data
        self.begun = 0

    def open(self, name, offset, size):
        assert name == "debug_abbrev"
        self.begun += 1
        return Cursor(self.data, offset, min(len(self.data), offset + size))


def table(*codes):
    return b"".join(bytes([code, 0x2E, code % 2]) + NAMED for code in codes) + b"\0"


def test_a_table_is_read_once_however_its_codes_are_asked_for():
    sections = Sections(table(*range(1, 100)))
    tables = Abbreviations(sections)

    found = [tables.find(0, code) for code in (*range(99, 0, -1), *range(1, 100))]

    assert sections.begun == 1
    assert [row.has_children for row in found[:3]] == [True, False, True]
    assert found[0].attributes == ((0x03, 0x08, 0),)


def test_a_table_longer_than_the_window_is_read_to_its_end(monkeypatch):
    monkeypatch.setattr("crashtool.formats.dwarf.abbreviations.WINDOW", 16)
    sections = Sections(b"padding" + table(*range(1, 100)))

    assert Abbreviations(sections).list_codes(7) == [*range(1, 100)]
    assert 0 < sections.begun < 99


def test_a_table_that_runs_out_is_damage():
    with pytest.raises(DamagedDwarf, match="cut short"):
        Abbreviations(Sections(table(1, 2)[:-3])).find(0, 2)


def test_of_two_declarations_with_one_code_the_first_counts():
    data = bytes([1, 0x11, 0, 0, 0]) + bytes([1, 0x2E, 1]) + NAMED + b"\0"

    assert Abbreviations(Sections(data)).find(0, 1).tag == 0x11


def test_a_code_that_is_not_there_is_damage():
    tables = Abbreviations(Sections(table(1, 2) + table(3)))

    with pytest.raises(DamagedDwarf, match="abbreviation 3 is missing"):
        tables.find(0, 3)
    assert tables.find(len(table(1, 2)), 3).tag == 0x2E
