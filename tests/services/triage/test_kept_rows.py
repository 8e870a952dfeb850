"""Rows that are kept: what has not changed is not read again, whatever ended the last call."""

import os

import pytest

from crashtool.model.triage.row import Row
from crashtool.services.analyze.inspect_dumps import FoundDump
from crashtool.services.triage.kept_rows import KeptRows, identify, name_state


def keep(folder, found, row, state="s"):
    with KeptRows(str(folder), state, print) as kept:
        kept.add(identify(found), row)


def find(folder, found, state="s"):
    with KeptRows(str(folder), state, print) as kept:
        return kept.find(found)


def make(tmp_path, name="a.dmp"):
    path = tmp_path / name
    path.write_bytes(b"MDMP")
    return FoundDump(str(path), str(path))


def test_a_row_comes_back_until_its_file_changes(tmp_path):
    found, row = make(tmp_path), Row("a.dmp", digest="0" * 32, calls=("f",))
    keep(tmp_path / "work", found, row)
    assert find(tmp_path / "work", found) == row
    os.utime(found.file, (1, 1))
    assert find(tmp_path / "work", found) is None


def test_another_way_of_reading_has_rows_of_its_own(tmp_path):
    found, row = make(tmp_path), Row("a.dmp", digest="0" * 32)
    keep(tmp_path / "work", found, row)
    assert find(tmp_path / "work", found, state="t") is None


def test_a_line_that_was_torn_is_read_again_and_harms_no_other(tmp_path):
    one, other = make(tmp_path), make(tmp_path, "b.dmp")
    row = Row("a.dmp", digest="0" * 32)
    keep(tmp_path / "work", one, row)
    keep(tmp_path / "work", other, row)
    (path,) = (tmp_path / "work").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    assert find(tmp_path / "work", one) == row
    assert find(tmp_path / "work", other) is None
    keep(tmp_path / "work", other, row)
    assert find(tmp_path / "work", other) == row


def test_what_was_unpacked_or_is_unreadable_is_not_kept(tmp_path):
    found = make(tmp_path)
    keep(tmp_path / "work", found._replace(temporary=True), Row("a.dmp"))
    keep(tmp_path / "work", found, Row("a.dmp", "unreadable"))
    assert find(tmp_path / "work", found) is None


def test_the_state_changes_with_a_file_of_symbols(tmp_path):
    (tmp_path / "symbols").mkdir()
    before = name_state(["x"], [str(tmp_path / "symbols")])
    assert name_state(["x"], [str(tmp_path / "symbols")]) == before
    assert name_state(["y"], [str(tmp_path / "symbols")]) != before
    (tmp_path / "symbols" / "game.sym").write_bytes(b"MODULE")
    assert name_state(["x"], [str(tmp_path / "symbols")]) != before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_is_told_once_and_loses_no_answer(tmp_path):
    said = []
    one, other = make(tmp_path, "a.dmp"), make(tmp_path, "b.dmp")
    with KeptRows(str(tmp_path / "work"), "s", said.append) as kept:
        kept.add(identify(one), Row("a.dmp"))
        kept._file.close()
        kept._file = open("/dev/full", "wb", buffering=0)  # noqa: PTH123, SIM115
        kept.add(identify(other), Row("b.dmp"))
        kept.add(identify(other), Row("b.dmp"))
    assert len(said) == 1
    assert "No space left" in said[0]
    assert find(tmp_path / "work", one) == Row("a.dmp")
    assert find(tmp_path / "work", other) is None
