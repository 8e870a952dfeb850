from io import BytesIO

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.crashpad.metadata import pack_windows_metadata, read_windows_metadata
from crashtool.formats.crashpad.windows_records import WindowsRecords
from tests.synth.database import report_id, windows_report

ROWS = [windows_report(i, state, id=b"id%d" % i) for i, state in enumerate(["pending"] * 3)]


def changed(row, **metadata):
    return row._replace(state="completed", metadata=row.metadata._replace(**metadata))


def test_a_record_is_changed_where_it_is_and_the_others_stay():
    file = BytesIO(pack_windows_metadata(ROWS))
    wanted = changed(ROWS[1], uploaded=True, id=b"a longer id than before", upload_attempts=2)
    before = file.getvalue()
    records = WindowsRecords(file, {})
    assert records.find(report_id(1)) == ROWS[1]
    records.change(wanted)
    assert records.changed
    assert records.find(report_id(1)) == wanted
    assert read_windows_metadata(file.getvalue()) == [ROWS[0], wanted, ROWS[2]]
    assert file.getvalue()[: 16 + 56] == before[: 16 + 56]


def test_a_record_without_a_change_is_not_written():
    file = BytesIO(pack_windows_metadata(ROWS))
    records = WindowsRecords(file, {})
    records.change(ROWS[2])
    assert not records.changed
    assert file.getvalue() == pack_windows_metadata(ROWS)


def test_a_record_that_moved_since_the_last_opening_is_found():
    places = {}
    WindowsRecords(BytesIO(pack_windows_metadata(ROWS)), places).find(report_id(2))
    moved = BytesIO(pack_windows_metadata([ROWS[2], ROWS[0]]))
    records = WindowsRecords(moved, places)
    assert records.find(report_id(2)) == ROWS[2]
    assert records.find(report_id(1)) is None
    with pytest.raises(MalformedFile, match="no record"):
        records.change(ROWS[1])
    assert WindowsRecords(BytesIO(), places).find(report_id(2)) is None


GOOD = pack_windows_metadata(ROWS)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (GOOD[:10], "cut short"),
        (b"X" + GOOD[1:], "version 1"),
        (GOOD[:100], "3 records cut short"),
        (GOOD[:-1], "does not end in a NUL"),
        (GOOD[:32] + b"\xff\xff\xff\x00" + GOOD[36:], "beyond the string table"),
        (GOOD[:60] + b"\x07" + GOOD[61:], "unknown state 7"),
        (GOOD[:-2] + b"x" * (1 << 16) + b"\0", "has no end"),
    ],
)
def test_a_damaged_file_is_told(data, words):
    with pytest.raises(MalformedFile, match=words):
        list(map(WindowsRecords(BytesIO(data), {}).find, [report_id(0), report_id(2)]))
