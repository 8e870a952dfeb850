import io
import zipfile
from hashlib import sha256

import pytest

from crashtool.errors import InputUnusable, UsageError
from crashtool.formats.identifiers import DebugId
from crashtool.formats.object_kinds import ObjectFile
from crashtool.model.symbol_upload import SymbolFile, UploadMember
from crashtool.services.symbol_upload import archive
from crashtool.services.symbol_upload.archive import (
    SymbolFileBody,
    ZipBody,
    plan_members,
    split_files,
)
from crashtool.services.symbol_upload.upload import plan_archives, plan_single
from crashtool.services.transport import balance

SMALL_ARCHIVE = "d05f129b24a23ea75390f34517921556fb6977e0012bd99cbdb71309de507997"
ID = DebugId(bytes(range(16)), 1)


def symbol_file(name, *, kind="elf", debug_id=ID, size=10, layout="", companions=(), path=""):
    row = ObjectFile(kind, "library", "x86_64", debug_id=debug_id)
    return SymbolFile(path or name, "/" + name, name, size, (row,), layout, companions)


def test_files_keep_their_names_and_alike_ones_get_folders():
    files = [
        symbol_file("libfoo.so"),
        symbol_file("libfoo.so"),
        symbol_file("LibFoo.so"),
        symbol_file("libfoo.so", debug_id=None),
    ]

    placed = [member.name for member in plan_members(files)]

    assert placed == [
        "libfoo.so",
        f"{ID.breakpad}/libfoo.so",
        f"{ID.breakpad}/2/LibFoo.so",
        "no-id/libfoo.so",
    ]


def test_bundles_of_one_name_move_as_a_whole():
    info = UploadMember("A.dSYM/Contents/Info.plist", "/plist", 3)
    layout = "A.dSYM/Contents/Resources/DWARF/A"
    files = [symbol_file("A", layout=layout, companions=(info,)) for _ in range(2)]

    assert [member.name for member in plan_members(files)] == [
        layout,
        info.name,
        f"{ID.breakpad}/{layout}",
        f"{ID.breakpad}/{info.name}",
    ]


def test_two_dwarf_files_of_a_bundle_share_its_companions():
    info = UploadMember("A.dSYM/Contents/Info.plist", "/plist", 3)
    files = [
        symbol_file(name, layout=f"A.dSYM/Contents/Resources/DWARF/{name}", companions=(info,))
        for name in ("A", "B")
    ]

    assert sorted(member.name for member in plan_members(files)) == [
        info.name,
        "A.dSYM/Contents/Resources/DWARF/A",
        "A.dSYM/Contents/Resources/DWARF/B",
    ]


def test_groups_hold_no_more_than_they_may():
    files = [symbol_file(str(index), size=size) for index, size in enumerate((4, 4, 4, 20, 1))]

    assert [len(group) for group in split_files(files, 10)] == [2, 1, 1, 1]
    assert split_files([], None) == ()
    assert [row.name for row in plan_archives(files, most=10, name="out.zip")] == [
        "out-1.zip",
        "out-2.zip",
        "out-3.zip",
        "out-4.zip",
    ]
    assert [row.name for row in plan_archives(files)] == ["symbols.zip"]


def test_single_files_must_be_of_a_kind_that_goes_alone():
    alone = [symbol_file("a.pdb", kind="pdb"), symbol_file("a.exe", kind="pe")]

    assert [row.name for row in plan_single(alone)] == ["a.pdb", "a.exe"]
    with pytest.raises(UsageError, match="libfoo"):
        plan_single([*alone, symbol_file("libfoo.so")])


@pytest.fixture
def members(tmp_path):
    sources = {"a": b"a" * 3_000_000, "b": b"", "c": bytes(range(256))}
    rows = []
    for name, content in sources.items():
        (tmp_path / name).write_bytes(content)
        rows.append(UploadMember(f"x/{name}", str(tmp_path / name), len(content)))
    return rows, sources


def test_the_archive_opens_with_zipfile_and_is_the_same_each_time(members):
    rows, sources = members
    seen = []
    body = ZipBody(rows, seen.append)

    first, second = b"".join(body), b"".join(body)

    assert first == second
    assert body.sent == len(first)
    assert seen[-1] == body.source_size == 3_000_256
    with zipfile.ZipFile(io.BytesIO(first)) as opened:
        assert opened.testzip() is None
        assert {row.date_time for row in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        for name, content in sources.items():
            assert opened.read(f"x/{name}") == content


def test_a_file_that_shrank_or_grew_or_went_is_not_sent(tmp_path):
    path = tmp_path / "app"
    path.write_bytes(b"12345")

    for size in (4, 6):
        with pytest.raises(InputUnusable, match="changed while"):
            list(ZipBody([UploadMember("app", str(path), size)]))
        with pytest.raises(InputUnusable, match="changed while"):
            list(SymbolFileBody(str(path), size))
    with pytest.raises(InputUnusable, match="No such file"):
        list(SymbolFileBody(str(tmp_path / "gone"), 5))


def test_a_large_member_gets_zip64(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "ZIP64_FROM", 1000)
    path = tmp_path / "app"
    path.write_bytes(bytes(5000))

    data = b"".join(ZipBody([UploadMember("app", str(path), 5000)]))

    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.read("app") == bytes(5000)
    assert data[4] == 45  # in the local header, before the size is known


def test_headers_are_the_same_bytes_on_every_python(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "ZIP64_FROM", 3)
    monkeypatch.setattr("sys.platform", "win32")
    members = []
    for name in ("abc", "abcd"):
        (tmp_path / name).write_bytes(name.encode())
        members.append(UploadMember(name, str(tmp_path / name), len(name)))

    data = b"".join(ZipBody(members, store=True))

    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        rows = packed.infolist()
    assert [row.create_system for row in rows] == [3, 3]
    assert [row.extract_version for row in rows] == [20, 45]
    assert sha256(data).hexdigest() == SMALL_ARCHIVE


def test_a_balanced_archive_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(balance, "WEIGHED", 1)
    monkeypatch.setattr(balance, "MUCH_FASTER", 0.0)
    members = []
    for number in range(3):
        path = tmp_path / str(number)
        path.write_bytes(b"text " * 10_000)
        members.append(UploadMember(f"{number}.sym", str(path), 50_000))
    data = b"".join(ZipBody(members, balanced=True))
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        assert packed.testzip() is None
        methods = [row.compress_type for row in packed.infolist()]
    assert methods == [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_STORED]


def test_a_large_file_is_stored_from_where_the_network_is_seen_to_be_faster(tmp_path, monkeypatch):
    monkeypatch.setattr(balance, "WEIGHED", archive.PACKED_BLOCK)
    monkeypatch.setattr(balance, "MUCH_FASTER", 0.0)
    monkeypatch.setattr(balance.Balance, "is_network_faster", FasterOnce(), raising=False)
    path, content = tmp_path / "big", b"FUNC 1000 10 0 name\n" * (8 * archive.PACKED_BLOCK // 20)
    path.write_bytes(content)
    members = [UploadMember("big.sym", str(path), len(content))]
    data = b"".join(ZipBody(members, balanced=True))
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        (row,) = packed.infolist()
        assert row.compress_type == zipfile.ZIP_DEFLATED
        assert packed.read("big.sym") == content
    deflated_too = row.compress_size < len(content) - archive.PACKED_BLOCK // 2
    assert deflated_too
    assert row.compress_size > 5 * archive.PACKED_BLOCK


class FasterOnce:
    """As a network that turns out to be fast for good, once two blocks have been sent."""

    def __init__(self):
        self.asked = 0

    def __get__(self, _owner, _kind):
        self.asked += 1
        return self.asked > 3

    def __set__(self, _owner, _value):
        pass


def test_what_is_packed_already_is_stored(tmp_path):
    import os

    noise, text = tmp_path / "noise", tmp_path / "text"
    noise.write_bytes(os.urandom(300_000))
    text.write_bytes(b"FUNC 1000 10 0 f\n" * 20_000)
    members = [UploadMember("noise", str(noise), 300_000), UploadMember("text", str(text), 340_000)]
    with zipfile.ZipFile(io.BytesIO(b"".join(ZipBody(members)))) as packed:
        methods = [row.compress_type for row in packed.infolist()]
    assert methods == [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]
