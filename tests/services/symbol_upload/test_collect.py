import bz2
import gzip
import io
import lzma
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from crashtool.formats.archives import bounds
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload.collect import SymbolFileSearch, bundle_layout
from tests.synth.object_files import (
    build_elf,
    build_macho,
    build_pe,
    build_sym,
    build_universal,
    full_elf,
)
from tests.synth.pdb import build_pdb


@pytest.fixture
def search():
    with Scratch() as scratch:

        def collect(*inputs, **options):
            return SymbolFileSearch(scratch, **options).collect([str(path) for path in inputs])

        yield collect


@pytest.fixture
def build(tmp_path):
    """A build folder with a program, a library in a folder below, and a text."""
    folder = tmp_path / "build"
    (folder / "lib").mkdir(parents=True)
    (folder / "app").write_bytes(full_elf())
    (folder / "lib" / "app.pdb").write_bytes(build_pdb())
    (folder / "README").write_text("not a program", encoding="utf-8")
    return folder


def names(collection):
    return [file.name for file in collection.files]


def reasons(rows):
    return {Path(row.path).name: row.reason for row in rows}


def test_a_folder_is_searched_by_content_not_by_name(search, build):
    (build / "strange.txt").write_bytes(build_macho())

    found = search(build)

    assert names(found) == ["app", "app.pdb", "strange.txt"]
    assert reasons(found.ignored) == {"README": "not a debug file"}
    assert found.refused == ()


def test_patterns_reach_any_depth(search, build, monkeypatch):
    monkeypatch.chdir(build.parent)

    assert names(search("build/**/*.pdb")) == ["app.pdb"]
    assert names(search("build/*")) == ["app", "app.pdb"]


def test_patterns_reach_hidden_folders(search, build, monkeypatch):
    monkeypatch.chdir(build.parent)
    (build / ".debug").mkdir()
    (build / ".debug" / "inner.macho").write_bytes(build_macho(uuid=bytes(range(16))))

    assert names(search("build/**/*.macho")) == ["inner.macho"]


def test_an_input_that_gives_nothing_is_refused(search, build, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()

    found = search(build, empty, tmp_path / "gone", tmp_path / "*.pdb", build / "README")

    assert names(found) == ["app", "app.pdb"]
    assert reasons(found.refused) == {
        "empty": "no debug files in it",
        "gone": "does not exist",
        "*.pdb": "the pattern finds no debug files",
        "README": "not a debug file",
    }


def test_emptiness_can_be_allowed_but_absence_cannot(search, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()

    found = search(empty, tmp_path / "*.pdb", tmp_path / "gone", allow_empty=True)

    assert reasons(found.refused) == {"gone": "does not exist"}
    assert len(found.ignored) == 2


def test_a_file_counts_once_however_often_it_is_reached(search, build):
    (build / "again").symlink_to(build / "app")
    (build / "loop").symlink_to(build)
    os.link(build / "app", build / "hard")

    found = search(build, build / "app")

    assert names(found) == ["app", "app.pdb"]
    assert found.refused == ()
    assert reasons(found.ignored)["again"] == "the same file as another input"


def test_a_link_to_a_file_elsewhere_is_followed(search, build, tmp_path):
    (tmp_path / "elsewhere").write_bytes(build_macho())
    (build / "linked").symlink_to(tmp_path / "elsewhere")
    (build / "dangling").symlink_to(tmp_path / "gone")

    found = search(build)

    assert "linked" in names(found)
    assert reasons(found.refused) == {"dangling": "No such file or directory"}


def test_copies_of_one_name_and_content_are_sent_once(search, build):
    (build / "copy").mkdir()
    (build / "copy" / "app").write_bytes(full_elf())
    (build / "other").mkdir()
    (build / "other" / "app").write_bytes(full_elf()[:-1] + b"\1")

    found = search(build)

    assert names(found) == ["app", "app", "app.pdb"]
    assert [row.reason.partition(" as ")[0] for row in found.ignored if "copy" in row.path] == [
        "the same bytes"
    ]


def test_filters_leave_out_without_complaint(search, build):
    assert names(search(build, exclude=["lib"])) == ["app"]
    assert names(search(build, exclude=["*/lib/*"])) == ["app"]
    assert names(search(build, types=["pdb"])) == ["app.pdb"]
    found = search(build / "app", build / "lib" / "app.pdb", exclude=["app"], types=["pdb"])
    assert names(found) == ["app.pdb"]
    assert found.refused == ()


def test_version_control_is_not_searched(search, build):
    (build / ".git").mkdir()
    (build / ".git" / "app2").write_bytes(build_macho())
    (build / ".debug").mkdir()
    (build / ".debug" / "app3").write_bytes(build_macho())

    assert names(search(build)) == ["app", "app.pdb", "app3"]


def test_what_is_not_linked_is_left_out_or_refused_when_named(search, build):
    (build / "app.o").write_bytes(build_elf([(".text", 1, 6, b"x")], file_type=1, build_id=None))
    fragment = build / "app.dwo"
    fragment.write_bytes(build_elf([(".debug_info.dwo", 1, 0, b"x")], file_type=1, build_id=None))

    found = search(build)
    assert reasons(found.ignored)["app.o"] == "compiled but not linked"

    (row,) = search(fragment).refused
    assert row.reason == "a .dwo file: no identifier of its own"
    assert "-gsplit-dwarf" in row.hint


def test_damage_counts_wherever_it_is_found(search, build):
    (build / "broken").write_bytes(full_elf()[:100])

    (row,) = search(build).refused

    assert row.path.endswith("broken")
    assert "offset" in row.reason


def test_what_is_no_file_is_said(search, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert reasons(search(pipe).refused) == {"pipe": "not a regular file"}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_said(search, build):
    (build / "app").chmod(0)

    assert reasons(search(build).refused) == {"app": "Permission denied"}


def test_a_folder_that_cannot_be_listed_is_said(search, build, monkeypatch):
    def refuse(_folder):
        raise PermissionError(13, "Permission denied", "build/secret")

    monkeypatch.setattr(os, "scandir", refuse)

    assert reasons(search(build).refused) == {"secret": "Permission denied"}


class TestArchives:
    @pytest.fixture
    def members(self):
        return {
            "bin/app": full_elf(),
            "../../etc/app.pdb": build_pdb(),
            "docs/index.html": b"<html>" * 100,
            "empty": b"",
        }

    def test_a_zip_is_looked_into(self, search, tmp_path, members):
        path = tmp_path / "symbols.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.mkdir("bin")
            for name, content in members.items():
                archive.writestr(name, content)

        found = search(path)

        assert names(found) == ["app", "app.pdb"]
        assert [file.path for file in found.files] == [
            f"{path}:bin/app",
            f"{path}:../../etc/app.pdb",
        ]
        assert Path(found.files[0].source).read_bytes() == members["bin/app"]

    @pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
    def test_a_tar_is_looked_into_however_packed(self, search, tmp_path, members, mode):
        path = tmp_path / "symbols.tar"
        with tarfile.open(path, mode) as archive:
            for name, content in members.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
            folder = tarfile.TarInfo("folder")
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)

        found = search(path)

        assert names(found) == ["app", "app.pdb"]
        assert Path(found.files[1].source).read_bytes() == members["../../etc/app.pdb"]

    @pytest.mark.parametrize(
        ("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress)]
    )
    def test_a_packed_symbol_file_loses_its_suffix(self, search, tmp_path, suffix, pack):
        path = tmp_path / f"app.sym{suffix}"
        path.write_bytes(pack(build_sym()))

        (file,) = search(path).files

        assert file.name == "app.sym"
        assert file.objects[0].debug_file == "app"

    def test_an_archive_without_debug_files_is_refused_only_when_named(self, search, build):
        (build / "notes.txt.gz").write_bytes(gzip.compress(b"text"))
        with zipfile.ZipFile(build / "docs.zip", "w") as archive:
            archive.writestr("readme", "text")

        assert search(build).refused == ()
        assert reasons(search(build / "docs.zip").refused) == {"docs.zip": "no debug files in it"}
        assert len(search(build / "notes.txt.gz").refused) == 1

    def test_members_are_filtered_too(self, search, tmp_path, members):
        path = tmp_path / "symbols.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)

        assert names(search(path, exclude=["*.pdb"])) == ["app"]

    def test_a_damaged_member_is_refused_the_others_are_taken(self, search, tmp_path):
        path = tmp_path / "symbols.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("broken", full_elf()[:80])
            archive.writestr("app", full_elf())

        found = search(path)

        assert names(found) == ["app"]
        assert found.refused[0].path == f"{path}:broken"

    @pytest.mark.parametrize("cut", [-30, 300])
    def test_a_cut_archive_is_refused(self, search, tmp_path, cut):
        whole = io.BytesIO()
        with tarfile.open(fileobj=whole, mode="w:gz") as archive:
            entry = tarfile.TarInfo("app")
            entry.size = 100_000
            archive.addfile(entry, io.BytesIO(full_elf() + os.urandom(100_000)))
        path = tmp_path / "symbols.tar.gz"
        path.write_bytes(whole.getvalue()[:cut])

        (row,) = search(path).refused

        assert "cannot be unpacked" in row.reason

    def test_damaged_and_encrypted_zips_are_refused(self, search, tmp_path):
        damaged = tmp_path / "damaged.zip"
        damaged.write_bytes(b"PK\3\4" + bytes(100))
        encrypted = tmp_path / "encrypted.zip"
        with zipfile.ZipFile(encrypted, "w") as archive:
            archive.writestr("app", full_elf())
        data = bytearray(encrypted.read_bytes())
        data[data.index(b"PK\1\2") + 8] |= 1
        encrypted.write_bytes(data)

        found = reasons(search(damaged, encrypted).refused)

        assert "cannot be unpacked" in found["damaged.zip"]
        assert found["encrypted.zip"] == "'app' is encrypted"

    def test_a_bomb_is_not_unpacked(self, search, tmp_path, monkeypatch):
        monkeypatch.setattr(bounds, "FREE_BYTES", 1 << 20)
        path = tmp_path / "bomb.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("app", full_elf() + bytes(8 << 20))
            archive.writestr("zeros", bytes(8 << 20))

        (row,) = search(path).refused

        assert "expands more than" in row.reason

    def test_unpacked_files_go_when_the_work_is_done(self, tmp_path):
        path = tmp_path / "app.sym.gz"
        path.write_bytes(gzip.compress(build_sym()))

        with Scratch() as scratch:
            (file,) = SymbolFileSearch(scratch).collect([str(path)]).files
            assert Path(file.source).exists()

        assert not Path(file.source).exists()


class TestBundles:
    @pytest.fixture
    def bundle(self, tmp_path):
        contents = tmp_path / "App.xcarchive" / "dSYMs" / "App.app.dSYM" / "Contents"
        (contents / "Resources" / "DWARF").mkdir(parents=True)
        (contents / "Info.plist").write_text("<plist/>", encoding="utf-8")
        dwarf = build_macho(file_type=10, sections=("__debug_info", "__debug_line"))
        (contents / "Resources" / "DWARF" / "App").write_bytes(dwarf)
        program = tmp_path / "App.xcarchive" / "Products" / "App.app" / "App"
        program.parent.mkdir(parents=True)
        program.write_bytes(build_universal([(12, build_macho())]))
        return tmp_path / "App.xcarchive"

    def test_a_bundle_keeps_its_layout_and_companions(self, search, bundle):
        program, dwarf = search(bundle).files

        assert program.layout == ""
        assert dwarf.layout == "App.app.dSYM/Contents/Resources/DWARF/App"
        assert [row.name for row in dwarf.companions] == ["App.app.dSYM/Contents/Info.plist"]

    def test_a_bundle_in_an_archive_does_too(self, search, bundle, tmp_path):
        path = tmp_path / "App.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(bundle.rglob("*")):
                archive.write(file, file.relative_to(tmp_path).as_posix())

        dwarf = next(file for file in search(path).files if file.layout)

        assert dwarf.layout == "App.app.dSYM/Contents/Resources/DWARF/App"
        assert [row.name for row in dwarf.companions] == ["App.app.dSYM/Contents/Info.plist"]

    @pytest.mark.parametrize(
        ("place", "layout"),
        [
            ("a/b", ""),
            ("a/.dSYM/b", ""),
            ("../x/A.dSYM/Contents/b", "A.dSYM/Contents/b"),
            ("A.dSYM/../../b", ""),
            ("A.dSYM", ""),
        ],
    )
    def test_layouts_never_climb(self, place, layout):
        assert bundle_layout(place) == layout


def test_two_files_named_alike_with_different_code_stay_two(search, tmp_path):
    for folder, content in (("x86", build_pe(machine=0x14C)), ("x64", build_pe())):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "app.exe").write_bytes(content)

    assert names(search(tmp_path)) == ["app.exe", "app.exe"]


CMAKES_OWN = (
    "CMakeFiles/3.25.1/CompilerIdC/a.out",
    "CMakeFiles/3.25.1/CompilerIdCXX/a.out",
    "CMakeFiles/3.25.1/CMakeDetermineCompilerABI_C.bin",
    "CMakeFiles/CMakeScratch/TryCompile-x/cmTC_1",
    "CMakeFiles/CMakeTmp/cmTC_2.exe",
    "CMakeFiles/_CMakeLTOTest-CXX/bin/foo",
    "sub/CMakeFiles/feature_tests.bin",
)


def test_what_cmake_builds_to_try_a_compiler_is_left_out(tmp_path):
    build = tmp_path / "build"
    own = ("bin/game", "CMakeFiles/engine.dir/libengine.so", "CMakeFilesystem/tool")
    for number, place in enumerate((*CMAKES_OWN, *own)):
        (build / place).parent.mkdir(parents=True, exist_ok=True)
        (build / place).write_bytes(full_elf(build_id=bytes([number + 1] * 20)))

    with Scratch() as scratch:
        found = SymbolFileSearch(scratch).collect([str(build)])
        named = SymbolFileSearch(scratch).collect([str(build / CMAKES_OWN[0])])

    assert {file.name for file in found.files} == {"game", "libengine.so", "tool"}
    assert {row.reason for row in found.ignored} == {"of CMake's own tests of the compiler"}
    assert str(build / "CMakeFiles" / "3.25.1") in {row.path for row in found.ignored}
    assert len(named.files) == 1  # who names it wants it


@pytest.mark.skipif(not shutil.which("cmake"), reason="needs cmake")
def test_a_build_tree_of_cmake_gives_the_projects_files_alone(tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(g C)\nadd_library(g SHARED g.c)\n"
    )
    (tmp_path / "g.c").write_text("int g(void) { return 1; }\n")
    for step in (["-S", ".", "-B", "build"], ["--build", "build"]):
        done = subprocess.run(["cmake", *step], cwd=tmp_path, capture_output=True, check=False)
        if done.returncode:
            pytest.skip("cmake has no compiler here")

    with Scratch() as scratch:
        found = SymbolFileSearch(scratch).collect([str(tmp_path / "build")])

    assert [file.name for file in found.files] == ["libg.so"]
