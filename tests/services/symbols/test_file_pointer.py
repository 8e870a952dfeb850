"""file.ptr: what a Windows symbol store has in place of a file that lies elsewhere."""

from pathlib import Path

import pytest

from crashtool.formats.identifiers import DebugId
from crashtool.model.module import Module
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbols.directory import DirectorySource
from tests.synth.cabinet import build_cabinet
from tests.synth.object_files import GUID
from tests.synth.pdb import build_pdb

GAME = Module(
    0x400000,
    0x12000,
    "app.exe",
    "C:\\app.exe",
    "5CAB1E0012000",
    "C:\\build\\app.pdb",
    DebugId.from_guid(GUID, 1),
)
PLACE = f"app.pdb/{GAME.debug_id.breakpad}"


@pytest.fixture
def find(tmp_path):
    """The candidates of a store whose pointer has that text, in that place."""

    def search(text, place=PLACE, name="file.ptr", files=()):
        folder = tmp_path / "store" / place
        folder.mkdir(parents=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        for file, content in files:
            (folder / file).write_bytes(content)
        with Scratch() as scratch:
            source = DirectorySource([str(tmp_path / "store")], scratch)
            return [(row.status, row.place, row.note) for row in source.walk_candidates(GAME)]

    return search


@pytest.mark.parametrize("mark", ["PATH:", "path: ", "", "\ufeffPATH:"])
@pytest.mark.parametrize("end", ["", "\r\n", "\0", "\nmore\n"])
def test_the_file_is_read_where_the_pointer_leads(find, tmp_path, mark, end):
    target = tmp_path / "share" / "app.pdb"
    target.parent.mkdir()
    target.write_bytes(build_pdb())

    (row,) = find(f"{mark}{target}{end}")

    assert row == ("found", str(target), "")


def test_a_relative_path_starts_at_the_pointer_and_may_lead_to_a_packed_file(find):
    packed = build_cabinet({"app.pdb": build_pdb()})

    (row,) = find("PATH:archive.cab", files=[("archive.cab", packed)])

    assert row[0] == "found"
    assert row[1].endswith("archive.cab:app.pdb")


def test_a_store_in_two_tiers_has_pointers_and_windows_has_no_letter_case(find, tmp_path):
    target = tmp_path / "app.pdb"
    target.write_bytes(build_pdb())

    (row,) = find(f"PATH:{target}", place=f"ap/{PLACE.upper()}", name="FILE.PTR")

    assert row[:2] == ("found", str(target))


@pytest.mark.parametrize(
    "target", ["\\\\server\\share\\app.pdb", "//server/app.pdb", "C:\\gone.pdb", ""]
)
def test_what_cannot_or_may_not_be_read_is_named(find, target):
    (row,) = find(f"PATH:{target}")

    assert row[0] == "failed"
    assert f"leads to {target or 'nothing'}, " in row[2]


def test_a_network_is_not_asked(find, monkeypatch):
    asked = []
    is_file = Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda path: asked.append(str(path)) or is_file(path))
    find("PATH:here.pdb", place=f"ap/{PLACE}")
    assert asked

    find("PATH:\\\\server\\share\\app.pdb")

    assert not [path for path in asked if "server" in path]


def test_the_message_of_a_store_is_shown(find):
    (row,) = find("MSG: moved to\r\n the archive " + "x" * 500)

    assert row[0] == "failed"
    assert row[2].startswith("the store says: moved to the archive xxx")
    assert len(row[2]) < 150


def test_a_pointer_to_another_build_is_a_mismatch(find, tmp_path):
    target = tmp_path / "app.pdb"
    target.write_bytes(build_pdb(dbi_age=7))

    (row,) = find(f"PATH:{target}")

    assert row[0] == "mismatch"


def test_the_file_itself_comes_before_the_pointer(find, tmp_path):
    rows = find("PATH:\\\\server\\app.pdb", files=[("app.pdb", build_pdb())])

    assert [row[0] for row in rows] == ["found", "failed"]
