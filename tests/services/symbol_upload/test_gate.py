import shutil
import zipfile
from pathlib import Path

import pytest

from crashtool.errors import CheckFailed
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload.gate import Requirements
from crashtool.services.symbol_upload.inspect_files import (
    SurveyOptions,
    check_survey,
    inspect_files,
    settle_severity,
)
from crashtool.services.symbols.owners import is_system
from tests.synth.object_files import build_macho, build_pe
from tests.toolchain import run_tool

SOURCE = "int helper(int x) { return x + %d; }\nint main(void) { return helper(2); }\n"


@pytest.fixture
def survey(tmp_path):
    """Look over inputs, with requirements: the survey."""

    def run(*inputs, **requirements):
        wanted = Requirements(
            **{
                name: tuple(map(str, paths)) if name != "all_modules" else paths
                for name, paths in requirements.items()
            }
        )
        wishes = SurveyOptions(
            tuple(map(str, inputs)), requirements=wanted, cache=str(tmp_path / "cache")
        )
        with Scratch() as scratch:
            return inspect_files(wishes, scratch)

    return run


def statuses(survey):
    return {row.name: row.status for row in survey.gate}


def compile_program(folder, name="app", number=1, *flags):
    folder.mkdir(parents=True, exist_ok=True)
    source, program = folder / f"{name}.c", folder / name
    source.write_text(SOURCE % number)
    run_tool("gcc", "-g", "-Wl,--build-id=sha1", *flags, "-o", program, source)
    source.unlink()
    return program


def strip(program, *flags):
    run_tool("strip", *flags, program)


@pytest.fixture
def shipped(tmp_path):
    """dist/app stripped, as it ships, and build/app as it was built."""
    built = compile_program(tmp_path / "build")
    (tmp_path / "dist").mkdir()
    shutil.copy(built, tmp_path / "dist" / "app")
    strip(tmp_path / "dist" / "app")
    return tmp_path


class TestPrograms:
    def test_a_stripped_program_is_readable_with_the_one_that_was_built(self, survey, shipped):
        found = survey(shipped / "build", shipped=[shipped / "dist"])
        assert statuses(found) == {"app": "ok"}
        assert found.gate[0].found == (str(shipped / "build" / "app"),)
        assert check_survey(found) is None

    def test_a_program_that_ships_with_its_debug_information_needs_no_other(self, survey, shipped):
        assert statuses(survey(shipped / "build", shipped=[shipped / "build"])) == {"app": "ok"}

    def test_only_what_is_sent_counts(self, survey, shipped):
        other = compile_program(shipped / "other", "other")
        found = survey(other, shipped=[shipped / "build"])
        assert statuses(found) == {"app": "missing"}
        assert "app" in str(check_survey(found))

    def test_symbols_of_another_build_are_a_mismatch_that_names_both(self, survey, shipped):
        other = compile_program(shipped / "newer", "app", 2)
        (row,) = survey(other, shipped=[shipped / "dist"]).gate
        assert row.status == "mismatch"
        assert row.identifier in row.note
        assert str(other) in row.note

    def test_a_debug_file_of_another_build_beside_the_program_is_a_mismatch(self, survey, shipped):
        other = compile_program(shipped / "newer", "app", 2)
        debug = other.with_name("app.debug")
        run_tool("objcopy", "--only-keep-debug", other, debug)
        (row,) = survey(debug, shipped / "dist", shipped=[shipped / "dist"]).gate
        assert row.status == "mismatch"
        assert str(debug) in row.note

    def test_a_stripped_program_alone_is_too_poor(self, survey, shipped):
        (row,) = survey(shipped / "dist", shipped=[shipped / "dist"]).gate
        assert (row.status, bool(row.fix)) == ("stripped", True)

    def test_names_without_lines_are_too_poor(self, survey, shipped):
        strip(shipped / "build" / "app", "-g")
        assert statuses(survey(shipped / "build", shipped=[shipped / "dist"])) == {
            "app": "no_lines"
        }

    def test_a_debug_file_alone_cannot_unwind(self, survey, shipped):
        debug = shipped / "app.debug"
        run_tool("objcopy", "--only-keep-debug", shipped / "build" / "app", debug)
        (row,) = survey(debug, shipped=[shipped / "dist"]).gate
        assert row.status == "no_unwind"
        assert "program itself" in row.fix
        both = survey(debug, shipped / "dist", shipped=[shipped / "dist"])
        assert statuses(both) == {"app": "ok"}

    def test_a_program_without_unwind_tables_cannot_be_unwound_with_itself(self, survey, tmp_path):
        built = compile_program(
            tmp_path / "build",
            "app",
            1,
            "-fno-asynchronous-unwind-tables",
            "-fno-unwind-tables",
            "-nostartfiles",
            "-Wl,-emain",
        )
        assert statuses(survey(built, shipped=[built])) == {"app": "ok"}  # by its .debug_frame
        run_tool("objcopy", "--remove-section", ".debug_frame", built)
        (row,) = survey(built, shipped=[built]).gate
        assert row.status == "no_unwind"
        assert "-fasynchronous-unwind-tables" in row.fix

    def test_without_a_build_id_nothing_can_be_matched(self, survey, tmp_path):
        built = compile_program(tmp_path / "build", "app", 1, "-Wl,--build-id=none")
        (row,) = survey(built, shipped=[built]).gate
        assert (row.status, row.identifier) == ("no_id", "")
        assert "--build-id" in row.fix

    def test_shipped_modules_are_found_in_archives_and_below_folders(self, survey, shipped):
        packed = shipped / "release.zip"
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(shipped / "dist" / "app", "opt/game/bin/app")
            archive.writestr("opt/game/readme.txt", "hello")
        found = survey(shipped / "build", shipped=[packed])
        assert statuses(found) == {"app": "ok"}
        assert found.gate[0].place.endswith("release.zip:opt/game/bin/app")

    def test_modules_of_others_can_be_let_pass_by_name_or_path(self, survey, shipped):
        third = compile_program(shipped / "dist" / "vendor", "codec")
        strip(third)
        assert statuses(survey(shipped / "build", shipped=[shipped / "dist"]))["codec"] == "missing"
        for pattern in ("codec", "*/vendor/*"):
            found = survey(shipped / "build", shipped=[shipped / "dist"], excused=[pattern])
            assert statuses(found) == {"app": "ok", "codec": "not_required"}
            assert check_survey(found) is None

    def test_a_damaged_module_that_ships_is_unreadable(self, survey, shipped):
        broken = shipped / "dist" / "broken.so"
        broken.write_bytes((shipped / "dist" / "app").read_bytes()[:70])
        found = survey(shipped / "build", shipped=[shipped / "dist"])
        assert statuses(found) == {"app": "ok", "broken.so": "unreadable"}
        assert isinstance(check_survey(found), CheckFailed)

    def test_a_folder_without_modules_requires_what_cannot_be_had(self, survey, shipped):
        empty = shipped / "empty"
        empty.mkdir()
        (row,) = survey(shipped / "build", shipped=[empty]).gate
        assert (row.status, row.note) == ("unreadable", "no debug files in it")


def windows(truth, flavour, *names):
    return [truth / "windows" / "bin" / flavour / name for name in names]


@pytest.mark.parametrize(
    ("flavour", "given", "expected"),
    [
        ("msvc-x64", ["crasher.exe", "crasher.pdb"], "ok"),
        ("msvc-x64", ["crasher.pdb"], "no_unwind"),
        ("msvc-x64", ["crasher.exe"], "missing"),
        ("msvc-x64", ["plugin.pdb"], "missing"),
        ("msvc-arm64", ["crasher.exe", "crasher.pdb"], "ok"),
        ("msvc-arm64", ["crasher.pdb"], "no_unwind"),
        ("msvc-x86", ["crasher.pdb"], "ok"),
        ("msvc-x64-nopdata", ["crasher.exe", "crasher.pdb"], "no_unwind"),
        ("gnu-x64", ["crasher.exe", "crasher.pdb"], "ok"),
    ],
)
def test_windows_needs_the_pdb_and_mostly_the_image(survey, truth, flavour, given, expected):
    found = survey(*windows(truth, flavour, *given), shipped=windows(truth, flavour, "crasher.exe"))
    assert statuses(found) == {"crasher.exe": expected}


def test_a_pdb_that_is_called_otherwise_is_not_found_by_servers(survey, truth, tmp_path):
    renamed = tmp_path / "other.pdb"
    exe, pdb = windows(truth, "msvc-x64", "crasher.exe", "crasher.pdb")
    shutil.copy(pdb, renamed)
    (row,) = survey(exe, renamed, shipped=[exe]).gate
    assert row.status == "mismatch"
    assert "crasher.pdb" in row.note


def test_the_pdb_of_another_build_beside_an_image_is_a_mismatch(survey, truth):
    (exe,) = windows(truth, "msvc-x64", "crasher.exe")
    (pdb,) = windows(truth, "gnu-x64", "crasher.pdb")
    (row,) = survey(exe, pdb, shipped=[exe]).gate
    assert row.status == "mismatch"
    assert str(pdb) in row.note
    assert row.identifier in row.note


def test_another_architecture_of_one_file_is_no_other_build(survey, truth):
    folder = truth / "objects" / "macho"
    given = [folder / "libmac_arm64.dylib", folder / "libmac.dylib"]
    found = survey(*given[:1], shipped=given[1:])
    assert [row.status for row in found.gate if row.architecture == "x86_64"] == ["missing"]


def test_a_library_of_resources_needs_no_symbols(survey, tmp_path):
    library = tmp_path / "icons.dll"
    library.write_bytes(build_pe(guid=None, unwind=False))
    assert statuses(survey(library, shipped=[library])) == {"icons.dll": "not_required"}


def test_a_mach_o_program_without_a_uuid_cannot_be_matched(survey, tmp_path):
    program = tmp_path / "App"
    program.write_bytes(build_macho(uuid=None))
    (row,) = survey(program, shipped=[program]).gate
    assert (row.status, row.fix) == ("no_id", "link without -no_uuid")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["libmac.dylib", "libmac.dylib.dSYM"], {"ok"}),
        (["libmac.dylib"], {"no_lines"}),
        (["libmac.dylib.dSYM"], {"ok", "no_unwind"}),  # arm64 has frame pointers by rule
    ],
)
def test_each_architecture_of_a_universal_library_is_held_to_account(
    survey, truth, given, expected
):
    folder = truth / "objects" / "macho"
    found = survey(*(folder / name for name in given), shipped=[folder / "libmac.dylib"])
    assert {row.status for row in found.gate} == expected
    assert {row.architecture for row in found.gate} == {"x86_64", "arm64"}


def test_a_dump_requires_the_modules_on_its_stack(survey, truth):
    folder = truth / "windows" / "bin" / "msvc-x64"
    dump = sorted((truth / "windows" / "dumps").glob("msvc-x64.write.crashpad.dmp"))
    if not dump:
        dump = sorted((truth / "windows" / "dumps").glob("msvc-x64.*.crashpad.dmp"))
    found = survey(folder, dumps=dump[:1])
    assert statuses(found)["crasher.exe"] == "ok"
    assert "missing" not in statuses(found).values()
    without = survey(folder / "plugin.dll", folder / "plugin.pdb", dumps=dump[:1])
    assert statuses(without)["crasher.exe"] == "missing"
    everything = survey(folder, dumps=dump[:1], all_modules=True)
    assert "not_required" not in statuses(everything).values()


def test_what_is_no_dump_cannot_be_required(survey, tmp_path, truth):
    text = tmp_path / "notes.dmp"
    text.write_text("hello")
    folder = truth / "windows" / "bin" / "msvc-x64"
    (row,) = survey(folder, dumps=[text]).gate
    assert row.status == "unreadable"
    assert not row.is_good


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:\\Windows\\System32\\ntdll.dll", True),
        ("c:\\windows\\WinSxS\\x.dll", True),
        ("C:\\Program Files\\Game\\game.exe", False),
        ("/usr/lib/x86_64-linux-gnu/libc.so.6", True),
        ("/lib64/ld-linux-x86-64.so.2", True),
        ("libc.so.6", True),
        ("libstdc++.so.6", True),
        ("linux-gate.so.1", True),
        ("/opt/game/lib/libengine.so", False),
        ("libengine.so", False),
        ("/System/Library/Frameworks/AppKit.framework/AppKit", True),
        ("libcurl.so.4", False),
        ("/usr/lib/libSystem.B.dylib", True),
        ("/Applications/Game.app/Contents/MacOS/Game", False),
        ("/system/lib64/libc.so", True),
        ("/data/app/com.game/lib/arm64/libgame.so", False),
        ("ld-linux-x86-64.so.2", True),
        ("libm.so.6", True),
        ("", False),
    ],
)
def test_the_systems_own_modules_are_known_by_their_place(path, expected):
    assert is_system(path) == expected


def test_strictness_makes_objections_of_warnings(survey, truth):
    pdb = Path(truth / "windows" / "bin" / "msvc-x64" / "crasher.pdb")
    found = survey(pdb)
    assert [row.rule for row in found.defects] == ["pdb-without-image"]
    assert check_survey(settle_severity(found, strict=False, severe=True, lenient=False)) is None
    strict = settle_severity(found, strict=True, severe=False, lenient=False)
    assert "pdb-without-image" in str(check_survey(strict))
