"""Programs in archives and packages: told as those in a folder are, by names that users know."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.model.doctor import HANDLER, PROGRAM, SKIP
from crashtool.services.integration.doctor import search, unpacking
from tests.services.integration.doctor.folders import (
    SENTRY_TEXT,
    elf_program,
    examine,
    failures,
    find_finding,
    handler_texts,
    macho_program,
    pe_program,
    warnings,
)
from tests.synth.archives import build_ar

HANDLER_FILE = "game-1.2/bin/crashpad_handler"
WITHOUT = (
    "host.",
    "handler.libraries",
    "handler.libcurl",
    "handler.protocol",
    "handler.arguments",
    "handler.attachments",
    "program.symbols",
)


def make_files(*, handler=0o755):
    """An installation as (name, content, mode): sound unless `handler` is None or no program's."""
    files = [
        ("game-1.2/bin/game", elf_program(SENTRY_TEXT), 0o755),
        ("game-1.2/share/readme.txt", b"hello\n", 0o644),
    ]
    if handler is not None:
        content = elf_program("crash-envelope", handler_texts(), client=False)
        files.append((HANDLER_FILE, content, handler))
    return files


def write_tar(path, files, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content, permissions in files:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), permissions
            archive.addfile(info, io.BytesIO(content))
    return path


def write_zip(path, files, *, system=3):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, permissions in files:
            info = zipfile.ZipInfo(name)
            info.create_system = system
            info.external_attr = (permissions | 0o100000) << 16 if system == 3 else 0x20
            archive.writestr(info, content)
    return path


def write_deb(path, files):
    data = write_tar(
        path.with_suffix(".tar.xz"), [(f"./{row[0]}", *row[1:]) for row in files], "w:xz"
    )
    members = {"debian-binary": b"2.0\n", "data.tar.xz": data.read_bytes()}
    path.write_bytes(build_ar(members))
    data.unlink()
    return path


MAKERS = {"game.tar.gz": write_tar, "game.zip": write_zip, "game_1_amd64.deb": write_deb}


@pytest.fixture(params=MAKERS)
def pack(request, tmp_path):
    """pack(files) -> the path of an archive of that kind."""
    return lambda files: MAKERS[request.param](tmp_path / request.param, files)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_sound_installation_in_an_archive_passes(pack, is_named):
    archive = pack(make_files())
    diagnosis = examine(archive if is_named else archive.parent, without=WITHOUT)
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), set())
    assert {subject.kind for subject in diagnosis.subjects} >= {PROGRAM, HANDLER}


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize(
    ("handler", "check"), [(None, "handler.present"), (0o644, "handler.executable")]
)
def test_a_fault_in_an_archive_is_told_by_the_name_there(pack, is_named, handler, check):
    archive = pack(make_files(handler=handler))
    diagnosis = examine(archive if is_named else archive.parent, without=WITHOUT)
    assert failures(diagnosis) == {check}
    finding = find_finding(diagnosis, check)
    assert finding.file.startswith(f"{archive}/game-1.2/bin/")
    assert "crashtool" not in finding.fix


def test_a_zip_made_on_windows_gives_no_modes(tmp_path):
    """What unzip makes of it has mode 644, as of GitHub's artifacts."""
    archive = write_zip(tmp_path / "game.zip", make_files(), system=0)
    finding = find_finding(examine(archive, without=WITHOUT), "handler.executable")
    assert "mode 644" in finding.cause
    assert "upload-artifact" in finding.fix


def test_programs_for_windows_need_no_mode(tmp_path):
    files = [
        ("game.exe", pe_program(SENTRY_TEXT), 0o644),
        ("crashpad_handler.exe", pe_program(handler_texts("crash-envelope"), client=False), 0o644),
    ]
    diagnosis = examine(write_zip(tmp_path / "game.zip", files, system=0), without=WITHOUT)
    assert failures(diagnosis) == set()


def test_a_bundle_in_an_archive_is_one(tmp_path):
    files = [("Game.app/Contents/MacOS/Game", macho_program(SENTRY_TEXT), 0o755)]
    diagnosis = examine(write_zip(tmp_path / "game.zip", files), without=WITHOUT)
    assert "bundle" in {subject.kind for subject in diagnosis.subjects}
    assert failures(diagnosis) == {"handler.present"}


@pytest.mark.parametrize(
    "name", ["../../escaped", "/nowhere/escaped", "a/../../b", "C:\\x", "a\nb"]
)
def test_nothing_is_written_outside(tmp_path, name):
    inside = tmp_path / "in"
    inside.mkdir()
    archive = write_zip(inside / "x.zip", [(name, elf_program(), 0o755)])
    before = set(tmp_path.rglob("*"))
    examine(archive, without=WITHOUT)
    assert set(tmp_path.rglob("*")) == before
    assert not Path("/nowhere").exists()


def test_damage_is_told_and_what_came_before_is_looked_at(tmp_path):
    archive = write_tar(tmp_path / "game.tar", make_files(handler=None), "w")
    archive.write_bytes(archive.read_bytes()[:-9000] + b"\xff" * 600)
    try:
        diagnosis = examine(archive, without=WITHOUT)
    except (InputUnusable, MalformedFile) as error:
        pytest.fail(f"nothing was looked at: {error}")
    told = [row for row in diagnosis.findings if row.check == "search"]
    assert failures(diagnosis) == {"handler.present"} or told


def test_an_archive_that_is_none_is_told_when_it_was_named(tmp_path):
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(InputUnusable):
        examine(broken, without=WITHOUT)
    (told,) = (row for row in examine(tmp_path, without=WITHOUT).findings if row.check == "search")
    assert told.file == str(broken)


def test_more_archives_than_can_be_looked_into_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "MAX_FOUND", 1)
    for name in ("a.zip", "b.zip", "c.zip"):
        write_zip(tmp_path / name, make_files())
    diagnosis = examine(tmp_path, without=WITHOUT)
    told = [row for row in diagnosis.findings if row.check == "search"]
    assert [(row.verdict, Path(row.file).name) for row in told] == [(SKIP, "b.zip")]
    assert "1 more" in told[0].cause


def test_so_many_bytes_of_archives_are_looked_into_unasked(tmp_path, monkeypatch):
    first = write_zip(tmp_path / "a.zip", make_files())
    write_zip(tmp_path / "b.zip", make_files())
    monkeypatch.setattr(search, "MAX_FOUND_SIZE", first.stat().st_size + 10)
    told = [row for row in examine(tmp_path, without=WITHOUT).findings if row.check == "search"]
    assert [Path(row.file).name for row in told] == ["b.zip"]


def test_an_archive_with_too_many_programs_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_UNPACKED", 1)
    diagnosis = examine(write_zip(tmp_path / "a.zip", make_files()), without=WITHOUT)
    (told,) = (row for row in diagnosis.findings if row.check == "search")
    assert "more than 1 programs" in told.cause
