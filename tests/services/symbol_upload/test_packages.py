"""What ships in packages and archives: looked into, or named, and never passed over."""

import gzip
import io
import lzma
import zipfile

import pytest

from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload.collect import SymbolFileSearch
from crashtool.services.symbol_upload.gate import Requirements
from crashtool.services.symbol_upload.inspect_files import (
    SurveyOptions,
    check_survey,
    inspect_files,
)
from tests.conftest import shared
from tests.synth.archives import build_cpio, build_deb, build_rpm, build_tar, build_zip, stored
from tests.synth.cabinet import build_cabinet
from tests.synth.object_files import build_pe, full_elf
from tests.synth.squashfs import build_appimage, build_squashfs

MODULE = full_elf()
CLOSED = {
    "setup.msi": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "app.snap": build_squashfs({"a": b"x"}, method="lzo"),
    "app.pkg": b"xar!" + bytes(600),
    "app.dmg": bytes(700) + b"koly" + bytes(508),
    "app.rar": b"Rar!\x1a\x07\0" + bytes(600),
    "app.iso": bytes(0x8001) + b"CD001" + bytes(600),
    "app.lz4": b"\x04\x22\x4d\x18" + bytes(600),
    "old.AppImage": b"\x7fELF\2\1\1\0AI\1".ljust(0x8001, b"\0") + b"CD001" + bytes(600),
    "other.AppImage": build_appimage(b"DWARFS\2\5" + bytes(600)),
    "lzo.AppImage": build_appimage(build_squashfs({"a": b"x"}, method="lzo")),
    "install.run": b"#!/bin/sh\n# This script was generated using Makeself 2.4\n" + bytes(600),
    "setup.exe": build_pe() + bytes(40) + b"\xef\xbe\xad\xdeNullsoftInst" + bytes(600),
    "split.zip": b"PK\7\x08" + bytes(600),
}


def zip_of(files):
    return build_zip([stored(name, content) for name, content in files.items()])


OPENED = {
    "app.deb": lambda: build_deb("data.tar.xz", lzma.compress(build_tar({"./usr/app.so": MODULE}))),
    "app.ddeb": lambda: build_deb("data.tar.gz", gzip.compress(build_tar({"./app.so": MODULE}))),
    "app.rpm": lambda: build_rpm(lzma.compress(build_cpio({"./usr/app.so": MODULE}))),
    "app.cab": lambda: build_cabinet({"app.so": MODULE}),
    "app.apk": lambda: zip_of({"lib/app.so": MODULE}),
    "app.AppImage": lambda: build_appimage(build_squashfs({"usr/bin/app.so": MODULE})),
    "app.snap": lambda: build_squashfs({"usr/bin/app.so": MODULE, "meta/a": b"b"}, method="xz"),
    "AppImage in zip": lambda: zip_of({"a.AppImage": OPENED["app.AppImage"]()}),
    "deb in zip": lambda: zip_of({"app.deb": OPENED["app.deb"]()}),
    "gz in tar in zip": lambda: zip_of({"a.tar": build_tar({"app.so.gz": gzip.compress(MODULE)})}),
}


@pytest.fixture
def release(tmp_path):
    """What the gate says of a folder with these files in it, and no symbols for any."""
    folder = tmp_path / "dist"
    folder.mkdir()

    def check(files, excused=()):
        for name, content in files.items():
            (folder / name).write_bytes(content)
        wishes = SurveyOptions(
            (),
            requirements=Requirements((str(folder),), excused=excused),
            cache=str(tmp_path / "cache"),
        )
        with Scratch() as scratch:
            survey = inspect_files(wishes, scratch)
        rows = {row.place.removeprefix(str(folder))[1:]: row for row in survey.gate}
        return rows, check_survey(survey)

    return check


@pytest.mark.parametrize("name", OPENED)
def test_the_modules_in_a_package_are_required_like_any(release, name):
    rows, objection = release({name: OPENED[name]()})

    ((place, row),) = rows.items()
    assert place.startswith(f"{name}:")
    assert (row.name, row.status) == ("app.so", "missing")
    assert objection is not None


@pytest.mark.parametrize("name", CLOSED)
def test_what_nobody_looked_into_does_not_pass(release, name):
    rows, objection = release({name: CLOSED[name]})

    assert rows[name].status == "unreadable"
    assert "--not-required" in rows[name].fix
    assert objection is not None


@pytest.mark.parametrize("name", CLOSED)
def test_what_nobody_looked_into_passes_when_the_user_says_so(release, name):
    rows, objection = release({name: CLOSED[name]}, excused=("*",))

    assert rows[name].status == "not_required"
    assert objection is None


def test_a_container_in_an_archive_is_named_by_its_place(release):
    rows, _ = release({"all.zip": zip_of({"x/setup.msi": CLOSED["setup.msi"]})})

    assert rows["all.zip:x/setup.msi"].status == "unreadable"


def test_encrypted_members_do_not_pass(release):
    data = bytearray(zip_of({"app.so": MODULE}))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1

    rows, _ = release({"secret.zip": bytes(data)})

    assert rows["secret.zip"].status == "unreadable"
    assert "'app.so' is encrypted" in rows["secret.zip"].note


def test_archives_are_opened_only_so_deep_and_named_beyond(release):
    data = zip_of({"app.so": MODULE})
    for level in range(5):
        data = zip_of({f"{level}.zip": data})

    rows, objection = release({"deep.zip": data})

    ((place, row),) = rows.items()
    assert place == "deep.zip:4.zip:3.zip:2.zip:1.zip"
    assert row.status == "unreadable"
    assert objection is not None


def test_a_package_can_be_left_out_as_a_whole(release):
    rows, objection = release({"app.deb": OPENED["app.deb"]()}, excused=("*.deb",))

    assert [row.status for row in rows.values()] == ["not_required"]
    assert objection is None


def test_ordinary_files_of_a_release_are_not_asked_for_symbols(release):
    rows, _ = release({"a.txt": b"text", "a.png": b"\x89PNG" + bytes(99), "a.sh": b"#!/bin/sh\n"})

    assert all(row.status == "unreadable" and row.place.endswith("dist") for row in rows.values())


def test_a_named_debug_package_gives_its_files():
    path = shared("findings/inputs/app-dbgsym_1_amd64.ddeb")
    with Scratch() as scratch:
        (file,) = SymbolFileSearch(scratch).collect([str(path)]).files

    assert file.objects[0].role == "debug"
    assert file.name.endswith(".debug")


def test_an_installer_among_symbols_is_passed_over_and_refused_when_named(tmp_path):
    (tmp_path / "a.so").write_bytes(MODULE)
    (tmp_path / "setup.msi").write_bytes(CLOSED["setup.msi"])
    with Scratch() as scratch:
        found = SymbolFileSearch(scratch).collect([str(tmp_path)])
        named = SymbolFileSearch(scratch).collect([str(tmp_path / "setup.msi")])

    assert [row.path for row in found.ignored] == [str(tmp_path / "setup.msi")]
    assert found.refused == ()
    assert "Windows Installer" in named.refused[0].reason


@pytest.mark.parametrize("name", ["lzo.AppImage", "old.AppImage", "app.snap"])
def test_a_package_that_is_not_read_is_passed_over_and_refused_when_named(tmp_path, name):
    (tmp_path / "a.so").write_bytes(MODULE)
    path = tmp_path / name
    path.write_bytes(CLOSED[name])
    with Scratch() as scratch:
        found = SymbolFileSearch(scratch).collect([str(tmp_path)])
        named = SymbolFileSearch(scratch).collect([str(path)])

    assert [row.path for row in found.ignored] == [str(path)]
    assert found.refused == ()
    assert [row.path for row in named.refused] == [str(path)]
    assert "LZO" in named.refused[0].reason or "type 1" in named.refused[0].reason


def test_one_damaged_member_of_a_zip_leaves_the_others(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bad.so", MODULE)
        archive.writestr("good.so", MODULE)
    data = bytearray(out.getvalue())
    data[60:90] = bytes(30)
    (tmp_path / "a.zip").write_bytes(data)

    with Scratch() as scratch:
        found = SymbolFileSearch(scratch).collect([str(tmp_path / "a.zip")])

    assert [file.name for file in found.files] == ["good.so"]
    assert "'bad.so' is damaged" in found.refused[0].reason
