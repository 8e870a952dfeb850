import gzip
import os
import sys
import zipfile

import pytest

from crashtool.errors import InputUnusable
from crashtool.formats.identifiers import BuildId, DebugId
from crashtool.model.crash import Module
from crashtool.services.symbols.directory import DirectorySource, walk_files
from crashtool.services.symbols.scratch import Scratch
from tests.synth.object_files import (
    BUILD_ID,
    GUID,
    UUID,
    build_elf,
    build_macho,
    build_pdb,
    build_pe,
    build_sym,
    full_elf,
)

OTHER_ID = bytes(range(101, 121))
ELF_ID = BuildId(BUILD_ID)
APP = Module(0x400000, 0x1000, "app", "/opt/app", ELF_ID.hex, "/opt/app", ELF_ID.debug_id)
GAME = Module(
    0x400000, 0x12000, "app.exe", "C:\\app.exe", "5CAB1E0012000", "C:\\build\\app.pdb",
    DebugId.from_guid(GUID, 1),
)  # fmt: skip
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
    return [(os.path.basename(row.place), row.kind) for row in candidates if row.status == "found"]


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

    assert found(find()) == [(os.path.basename(path), "sym")]


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
    with open(row.path, "rb") as file:
        assert file.read() == content


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
