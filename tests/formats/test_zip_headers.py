import io
import zipfile

import pytest

from crashtool.formats import zip_structs
from crashtool.formats.zip_headers import ZipEntry, pack_descriptor, pack_local, walk_directory

FOUR_GIB = 1 << 32


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("LocalHeader", 30),
        ("Descriptor", 16),
        ("LargeDescriptor", 24),
        ("CentralEntry", 46),
        ("End", 22),
        ("LargeEnd", 56),
        ("Locator", 20),
        ("Extra", 4),
    ],
)
def test_structs_have_the_sizes_of_the_specification(kind, size):
    assert size == getattr(zip_structs, kind).SIZE


def archive_of(entries):
    body = b""
    placed = []
    for entry in entries:
        placed.append(entry._replace(offset=len(body)))
        body += pack_local(entry) + pack_descriptor(entry)
    return body + b"".join(walk_directory(placed, len(body)))


def test_more_entries_than_sixteen_bits_can_count_are_all_there():
    names = [str(number) for number in range(0x10000)]
    entry = ZipEntry("")
    data = b"".join(walk_directory([entry._replace(name=name) for name in names], 0))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.namelist() == names


def test_sizes_and_places_above_four_gib_are_read_back(tmp_path):
    entries = [
        ZipEntry("large", 8, True, 1, FOUR_GIB, FOUR_GIB + 1, 0),
        ZipEntry("edge", 0, False, 2, 3, 3, FOUR_GIB - 1),
        ZipEntry("far", 0, False, 3, 4, 4, FOUR_GIB),
    ]
    path = tmp_path / "sparse.zip"
    with path.open("wb") as file:
        file.seek(FOUR_GIB + 1000)
        file.writelines(walk_directory(entries, FOUR_GIB + 1000))
    with zipfile.ZipFile(path) as opened:
        rows = [
            (row.filename, row.file_size, row.compress_size, row.CRC, row.header_offset)
            for row in opened.infolist()
        ]
    assert rows == [(row.name, row.size, row.packed_size, row.crc, row.offset) for row in entries]


def test_a_name_is_utf8_or_what_the_file_system_has():
    data = archive_of([ZipEntry("plain"), ZipEntry("日本"), ZipEntry("\udcff.so")])
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        flags = [(row.filename, bool(row.flag_bits & 1 << 11)) for row in opened.infolist()]
        assert opened.testzip() is None
    assert flags == [("plain", False), ("日本", True), (b"\xff.so".decode("cp437"), False)]
    assert data.count(b"\xff.so") == 2
