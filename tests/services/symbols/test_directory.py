import gzip
import os
import sys
import time
import zipfile
from pathlib import Path

import pytest

from crashtool.errors import InputUnusable
from crashtool.formats.archives.cabinet import LZX
from crashtool.formats.identifiers import BuildId, DebugId
from crashtool.formats.object_file.identify import read_object_files
from crashtool.model.module import Module
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbols import directory
from crashtool.services.symbols.directory import DirectorySource, walk_files
from crashtool.services.symbols.identified_file import identify, identify_required, same_file
from crashtool.services.symbols.unpack_symbols import walk_archive
from tests.synth.cabinet import build_cabinet
from tests.synth.object_files import (
    BUILD_ID,
    GUID,
    UUID,
    build_elf,
    build_macho,
    build_pe,
    build_sym,
    full_elf,
)
from tests.synth.pdb import build_pdb
from tests.synth.squashfs import build_appimage, build_squashfs

OTHER_ID = bytes(range(101, 121))
ELF_ID = BuildId(BUILD_ID)
APP = Module(0x400000, 0x1000, "app", "/opt/app", ELF_ID.hex, "/opt/app", ELF_ID.debug_id)
GAME = Module(
    0x400000,
    0x12000,
    "app.exe",
    "C:\\app.exe",
    "5CAB1E0012000",
    "C:\\build\\app.pdb",
    DebugId.from_guid(GUID, 1),
)
SYM_ID = ELF_ID.debug_id.breakpad


@pytest.fixture
def find(tmp_path):
    """Candidates for a module in the given paths, or in the test's folder."""
    with Scratch() as scratch:

        def search(module=APP, *paths):
            source = DirectorySource([str(path) for path in paths or [tmp_path]], scratch)
            return list(source.walk_candidates(module))

        yield search


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def found(candidates):
    return [(Path(row.place).name, row.kind) for row in candidates if row.status == "found"]


@pytest.mark.parametrize(
    "name",
    ["app", "app.debug", "renamed", "deep/down/app", f".build-id/01/{BUILD_ID.hex()[2:]}.debug"],
)
def test_a_file_is_found_by_its_identifier_whatever_its_name(name, find, tmp_path):
    path = write(tmp_path / name, full_elf())

    (row,) = find()

    assert (row.status, row.kind, row.path) == ("found", "elf", str(path))


def test_a_file_can_be_named_itself_or_by_a_pattern(find, tmp_path):
    path = write(tmp_path / "out" / "app", full_elf())

    assert found(find(APP, path)) == [("app", "elf")]
    assert found(find(APP, tmp_path / "*" / "app")) == [("app", "elf")]


def test_a_path_that_does_not_exist_is_an_error(find, tmp_path):
    with pytest.raises(InputUnusable, match="does not exist"):
        find(APP, tmp_path / "gone")


@pytest.mark.parametrize(
    "path",
    [f"app/{SYM_ID}/app.sym", "anything.sym", f"odd/{SYM_ID}/other.sym"],
)
def test_symbol_files_are_found_in_stores_and_outside(path, find, tmp_path):
    write(tmp_path / path, build_sym(SYM_ID))

    assert found(find()) == [(Path(path).name, "sym")]


def test_a_store_is_not_walked_when_it_answers(find, tmp_path, monkeypatch):
    write(tmp_path / "app" / SYM_ID / "app.sym", build_sym(SYM_ID))
    monkeypatch.setattr(
        "crashtool.services.symbols.directory.walk_files", lambda _: pytest.fail("walked")
    )
    with Scratch() as scratch:
        first = next(DirectorySource([str(tmp_path)], scratch).walk_candidates(APP))

    assert first.kind == "sym"


def test_the_id_in_a_stores_path_is_not_believed(find, tmp_path):
    write(tmp_path / "app" / SYM_ID / "app.sym", build_sym("F" * 32 + "0"))

    (row,) = find()

    assert row.status == "mismatch"
    assert f"it has {'F' * 32}0, the dump wants {SYM_ID}" in row.note


def test_pairs_of_windows_are_found_by_their_identifiers(find, tmp_path):
    write(tmp_path / "app.pdb", build_pdb())
    write(tmp_path / "app.exe", build_pe())

    assert found(find(GAME)) == [("app.pdb", "pdb"), ("app.exe", "pe")]


def test_symbol_stores_of_windows_are_looked_up(find, tmp_path):
    guid = DebugId.from_guid(GUID, 1).breakpad
    write(tmp_path / "app.pdb" / guid / "app.pdb", build_pdb())
    write(tmp_path / "app.exe" / "5CAB1E0012000" / "app.exe", build_pe())

    assert found(find(GAME)) == [("app.pdb", "pdb"), ("app.exe", "pe")]


def test_an_image_is_found_by_time_stamp_and_size_when_the_dump_has_no_debug_id(find, tmp_path):
    write(tmp_path / "app.exe", build_pe())
    module = GAME._replace(debug_id=None, debug_file=None)

    assert found(find(module)) == [("app.exe", "pe")]
    assert found(find(module._replace(code_id="5CAB1E0099000"))) == []


def test_an_image_without_a_time_stamp_must_have_the_name_as_well(find, tmp_path):
    write(tmp_path / "other.exe", build_pe(timestamp=0))
    module = GAME._replace(debug_id=None, debug_file=None, code_id="0000000012000")

    assert found(find(module)) == []
    write(tmp_path / "APP.EXE", build_pe(timestamp=0))
    assert found(find(module)) == [("APP.EXE", "pe")]


def test_apple_files_are_found_by_their_uuid(find, tmp_path):
    write(tmp_path / "app.dSYM" / "Contents" / "Resources" / "DWARF" / "app", build_macho())
    module = Module(0, 1, "app", "/app", UUID.hex(), "/app", DebugId.from_uuid(UUID))

    assert found(find(module)) == [("app", "macho")]


def test_the_best_of_several_files_comes_first(find, tmp_path):
    write(tmp_path / "a" / "app", build_elf())
    write(tmp_path / "b" / "app", full_elf())
    write(tmp_path / "c" / "app.sym", build_sym(SYM_ID))

    rows = find()

    assert [row.place[len(str(tmp_path)) :] for row in rows] == ["/c/app.sym", "/b/app", "/a/app"]


def test_a_file_of_another_build_is_a_mismatch_with_both_identifiers(find, tmp_path):
    write(tmp_path / "app", full_elf(build_id=OTHER_ID))

    (row,) = find()

    assert row.status == "mismatch"
    assert BuildId(OTHER_ID).debug_id.breakpad in row.note
    assert SYM_ID in row.note


def test_another_age_of_the_same_pdb_is_said(find, tmp_path):
    write(tmp_path / "app.pdb", build_pdb())

    (row,) = find(GAME._replace(debug_id=DebugId.from_guid(GUID, 7)))

    assert row.status == "mismatch"
    assert "another age of the same PDB" in row.note


@pytest.mark.parametrize("identifier", [None, DebugId(bytes(16))])
def test_a_module_without_an_identifier_matches_nothing(identifier, find, tmp_path):
    write(tmp_path / "app", build_elf(build_id=b""))

    rows = find(APP._replace(debug_id=identifier, code_id=None))

    assert found(rows) == []


@pytest.mark.parametrize("suffix", [".gz", ".zip"])
def test_packed_files_are_unpacked(suffix, find, tmp_path):
    content = build_sym(SYM_ID)
    path = tmp_path / f"app.sym{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("deep/app.sym", content)
    else:
        path.write_bytes(gzip.compress(content))

    (row,) = find(APP, path)

    assert row.status == "found"
    assert Path(row.path).read_bytes() == content


def test_a_damaged_file_is_malformed_when_its_name_fits(find, tmp_path):
    write(tmp_path / "app", full_elf()[:70])

    (row,) = find()

    assert row.status == "malformed"


def test_a_named_file_of_no_use_says_what_it_is(find, tmp_path):
    path = write(tmp_path / "app", b"MDMP" + bytes(100))

    (row,) = find(APP, path)

    assert row.status == "unsupported"
    assert row.note.startswith("a minidump")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_circles_of_links_are_walked_once(tmp_path):
    write(tmp_path / "folder" / "file", b"x")
    (tmp_path / "folder" / "circle").symlink_to(tmp_path, target_is_directory=True)

    assert [row.name for row in walk_files(str(tmp_path))] == ["file"]


def test_folders_of_version_control_are_passed_over(tmp_path):
    write(tmp_path / ".git" / "app", full_elf())

    assert list(walk_files(str(tmp_path))) == []


def test_damaged_archives_are_told_of_when_they_are_named(find, tmp_path):
    path = write(tmp_path / "symbols.zip", b"PK\x03\x04" + bytes(60))

    (row,) = find(APP, path)

    assert row.status == "unsupported"
    assert "cannot be unpacked" in row.note


def test_members_of_archives_are_shown_with_their_archive(find, tmp_path):
    path = tmp_path / "symbols.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("deep/app.sym", build_sym(SYM_ID))
        archive.writestr("deep/other.sym", build_sym("F" * 33))

    (row,) = find(APP, path)

    assert row.place == f"{path}:deep/app.sym"


@pytest.mark.parametrize("is_named", [False, True])
@pytest.mark.parametrize(
    "wrap", [build_squashfs, lambda files: build_appimage(build_squashfs(files))]
)
def test_modules_in_snaps_and_appimages_are_found(find, tmp_path, wrap, is_named):
    path = write(tmp_path / "Some.AppImage", wrap({"usr/bin/app": full_elf(), "AppRun": b"#!"}))

    row = next(row for row in find(APP, *([path] if is_named else [])) if row.status == "found")

    assert row.place == f"{path}:usr/bin/app"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (build_squashfs({"a": b"x"}, method="lzo"), "packed by LZO"),
        (build_appimage(build_squashfs({"a": b"x"}, method="lz4")), "packed by LZ4"),
        (b"\x7fELF\2\1\1\0AI\1" + bytes(600), "an AppImage of type 1"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a Windows Installer package"),
    ],
)
def test_a_named_package_that_is_not_read_says_what_it_is(find, tmp_path, content, word):
    path = write(tmp_path / "app", content)

    notes = [row.note for row in find(APP, path) if row.status == "unsupported"]

    assert len(notes) == 1
    assert word in notes[0]
    assert "unpack it" in notes[0]


def test_archives_below_a_folder_are_opened_only_when_nothing_else_matches(
    find, tmp_path, monkeypatch
):
    opened = []
    unpack = walk_archive
    monkeypatch.setattr(
        "crashtool.services.symbols.unpack_symbols.walk_archive",
        lambda path, *rest: opened.append(path) or unpack(path, *rest),
    )
    with zipfile.ZipFile(tmp_path / "symbols.zip", "w") as archive:
        archive.writestr("renamed", build_sym(SYM_ID))
    assert found(find()) == [("symbols.zip:renamed", "sym")]
    opened.clear()
    write(tmp_path / "elsewhere" / "library", full_elf())

    assert found(find()) == [("library", "elf")]
    assert opened == []


def test_a_store_with_other_letter_case_is_looked_up(find, tmp_path, monkeypatch):
    write(tmp_path / "APP.PDB" / GAME.debug_id.breakpad.lower() / "App.pdb", build_pdb())
    monkeypatch.setattr(
        "crashtool.services.symbols.directory.walk_files", lambda _: pytest.fail("walked")
    )
    with Scratch() as scratch:
        first = next(DirectorySource([str(tmp_path)], scratch).walk_candidates(GAME))

    assert (first.status, first.kind) == ("found", "pdb")


@pytest.mark.parametrize("mark", ["pingme.txt", "index2.txt", "000Admin/server.txt"])
def test_a_windows_symbol_store_is_never_walked(mark, find, tmp_path, monkeypatch):
    write(tmp_path / mark, b"")
    write(tmp_path / "other.pdb" / "1" / "app.pdb", build_pdb())
    walked = []
    walk = walk_files
    monkeypatch.setattr(
        "crashtool.services.symbols.directory.walk_files",
        lambda folder: walked.append(folder) or walk(folder),
    )

    assert find(GAME) == []
    assert walked == []


def test_other_builds_in_a_windows_symbol_store_are_told_of(find, tmp_path):
    write(tmp_path / "pingme.txt", b"")
    path = write(tmp_path / "App.pdb" / ("0" * 33) / "app.pdb", build_pdb(guid=bytes(range(16))))

    (row,) = find(GAME)

    assert (row.status, row.place) == ("mismatch", str(path))


def test_a_store_in_two_tiers_is_looked_up(find, tmp_path):
    path = write(tmp_path / "ap" / "app.pdb" / GAME.debug_id.breakpad / "app.pdb", build_pdb())

    assert [row.place for row in find(GAME)] == [str(path)]


def test_a_file_that_symstore_packed_is_unpacked(find, tmp_path):
    packed = build_cabinet({"app.pdb": build_pdb()})
    path = write(tmp_path / "app.pdb" / GAME.debug_id.breakpad / "app.pd_", packed)

    (row,) = find(GAME)

    assert (row.status, row.place) == ("found", str(path))


def test_a_cabinet_in_a_build_folder_is_known_by_its_name_and_content(find, tmp_path):
    path = write(tmp_path / "out" / "APP.PD_", build_cabinet({"app.pdb": build_pdb()}))

    assert [row.place for row in find(GAME)] == [str(path)]


def test_a_cabinet_packed_in_another_way_says_how_to_unpack_it(find, tmp_path):
    packed = build_cabinet({"app.pdb": build_pdb()}, method=LZX)
    write(tmp_path / "app.pdb" / GAME.debug_id.breakpad / "app.pd_", packed)

    (row,) = find(GAME)

    assert row.status == "unsupported"
    assert "LZX" in row.note
    assert "cabextract" in row.note


def test_a_page_in_a_store_is_malformed(find, tmp_path):
    write(tmp_path / "app" / SYM_ID / "app.sym", b"<html>not found</html>")

    (row,) = find()

    assert (row.status, row.note) == ("malformed", "it is not a debug file")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_to_one_file_count_once(find, tmp_path):
    write(tmp_path / "app", full_elf())
    (tmp_path / "app.debug").symlink_to(tmp_path / "app")
    (tmp_path / "lib.1").symlink_to(tmp_path / "app")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")

    assert len(find()) == 1


def test_a_windows_file_of_another_build_is_called_older_or_newer(find, tmp_path):
    write(tmp_path / "app.pdb", build_pdb(guid=bytes(16)[:15] + b"x"))

    (row,) = find(GAME)

    assert row.status == "mismatch"
    assert "an older or newer build" in row.note


def test_a_module_without_an_identifier_says_so(find, tmp_path):
    write(tmp_path / "app", full_elf())

    (row,) = find(APP._replace(debug_id=None, code_id=None))

    assert (row.status, row.note) == (
        "mismatch",
        "the dump has no identifier of the module to compare with",
    )


def test_a_pdb_is_not_compared_with_a_code_id(find, tmp_path):
    write(tmp_path / "app.pdb", build_pdb())

    (candidate,) = find(GAME._replace(debug_id=None))

    assert candidate.note == "the dump has no debug id of the module to compare with"


def test_an_image_of_another_build_is_compared_by_code_id(find, tmp_path):
    write(tmp_path / "app.exe", build_pe(image_size=0x13000))

    (row,) = find(GAME._replace(debug_id=None, debug_file=None))

    assert row.note == (
        "it has 5cab1e0013000, the dump wants 5cab1e0012000 (an older or newer build)"
    )


def test_a_file_without_an_identifier_says_so(find, tmp_path):
    write(tmp_path / "libx.dylib", build_macho(uuid=None))
    module = APP._replace(name="libx.dylib", code_file="libx.dylib", debug_file="libx.dylib")

    (row,) = find(module)

    assert (row.status, row.note) == ("mismatch", "it has no identifier")


def test_identifiers_of_zeros_match_nothing(find, tmp_path):
    zeros = bytes(20)
    write(tmp_path / "app", full_elf(build_id=zeros))
    write(tmp_path / "app.exe", build_pe(timestamp=0, image_size=0))

    nil = APP._replace(debug_id=DebugId(bytes(16)), code_id=zeros.hex())

    assert found(find(nil)) == []


def test_a_build_id_is_compared_in_full(find, tmp_path):
    write(tmp_path / "app", full_elf(build_id=BUILD_ID[:16] + b"xxxx"))

    (row,) = find()

    assert row.status == "mismatch"


def test_an_elf_file_without_a_build_id_matches_by_its_code(find, tmp_path):
    content = full_elf(build_id=b"")
    write(tmp_path / "app", content)
    (row,) = read_object_files(content)

    assert found(find(APP._replace(debug_id=row.hashed_id, code_id=None))) == [("app", "elf")]


def test_one_mismatch_in_many_is_told_and_the_others_are_bounded(find, tmp_path):
    for index in range(30):
        write(tmp_path / str(index) / "app", full_elf(build_id=OTHER_ID))

    assert len(find()) == 8


def test_mismatches_among_many_named_files_are_told(find, tmp_path):
    paths = [write(tmp_path / f"lib{n}.so", full_elf(build_id=OTHER_ID)) for n in range(30)]
    paths.append(write(tmp_path / "app", full_elf(build_id=OTHER_ID)))

    assert [row.status for row in find(APP, *paths)] == ["mismatch"]


def test_a_file_that_cannot_be_read_is_passed_over_in_a_folder_and_said_when_named(
    find, tmp_path, monkeypatch
):
    path = write(tmp_path / "library", full_elf())

    def refuse(place, flags):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("crashtool.services.symbols.identified_file.os.open", refuse)

    assert find() == []  # of whatever module it is
    (row,) = find(APP, path)
    assert row.status == "failed"
    assert "Permission denied" in row.note
    (again,) = identify_required(str(path), None)
    assert again.failure == "failed"


def test_folders_in_a_folder_that_cannot_be_listed_are_passed_over(find, tmp_path, monkeypatch):
    write(tmp_path / "inner/app", full_elf())
    scan = os.scandir

    def refuse(folder):
        if str(folder) != str(tmp_path):
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr("crashtool.services.symbols.directory.os.scandir", refuse)
    monkeypatch.setattr("crashtool.services.symbols.directory.os.listdir", lambda _: [])

    assert find() == []
    assert find(GAME) == []


def test_names_out_of_a_dump_lead_nowhere_else(find, tmp_path):
    inside = tmp_path / "store"
    inside.mkdir()
    write(tmp_path / SYM_ID / "...sym", build_sym(SYM_ID))

    for name in ("..", "x/..", "\0", "c:app"):
        assert find(APP._replace(debug_file=name, code_file=name), inside) == []


def test_many_modules_cost_one_look_at_each_file(tmp_path):
    for folder in range(20):
        (tmp_path / str(folder)).mkdir()
        for index in range(100):
            (tmp_path / str(folder) / f"{index}.o").write_bytes(b"x")
    start = time.process_time()
    with Scratch() as scratch:
        source = DirectorySource([str(tmp_path)], scratch)
        for index in range(50):
            assert list(source.walk_candidates(APP._replace(debug_file=f"lib{index}"))) == []

    assert time.process_time() - start < 2.0  # 2,000 files; each is opened once, not 50 times


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_that_lead_nowhere_are_passed_over(tmp_path):
    (tmp_path / "itself").symlink_to(tmp_path / "itself")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")

    assert list(walk_files(str(tmp_path))) == []
    assert same_file(str(tmp_path / "gone")) == str(tmp_path / "gone")


def test_object_files_of_the_compiler_are_not_looked_into(find, tmp_path, monkeypatch):
    write(tmp_path / "part.o", build_elf(file_type=1))
    monkeypatch.setattr(
        "crashtool.services.symbols.directory.identify", lambda *_, **__: pytest.fail("read")
    )

    assert find() == []


def test_an_archive_that_is_spelled_in_two_ways_is_unpacked_once(tmp_path, monkeypatch):
    """As where letter case does not matter; a link stands for the other spelling."""
    path = write(tmp_path / "App.pd_", build_cabinet({"app.pdb": build_pdb()}))
    other = tmp_path / "app.pd_"
    if not other.exists():
        other.symlink_to(path)
    asked = []
    monkeypatch.setattr(
        directory, "identify", lambda path, scratch: asked.append(path) or identify(path, scratch)
    )
    with Scratch() as scratch:
        source = DirectorySource([str(tmp_path)], scratch)

        first, second = source._identify(str(path)), source._identify(str(other))

    assert first is second
    assert len(asked) == 1


def test_a_named_file_that_is_no_debug_file_is_one_problem_of_its_own(tmp_path):
    (tmp_path / "notes.txt").write_text("no debug file")
    said = []
    with Scratch() as scratch:
        source = DirectorySource([str(tmp_path / "notes.txt")], scratch, said.append)
        assert list(source.walk_candidates(APP)) == []
    assert said == [f"--symbols {tmp_path / 'notes.txt'}: it is not a debug file"]
