import json

from tests.synth.object_files import build_elf


def test_a_good_folder_is_status_0(crashtool, truth):
    result = crashtool("symbols", "check", truth / "windows" / "bin" / "msvc-x64")
    assert result.exit_code == 0
    assert "PE executable + PDB" in result.stdout
    assert "functions lines inlines" in result.stdout


def test_a_useless_file_is_status_4_and_says_what_mends_it(crashtool, truth):
    result = crashtool("symbols", "check", truth / "objects" / "elf" / "stripped_all")
    assert result.exit_code == 4
    assert "stripped: nothing left of its names" in result.stdout
    assert "the file as it was before strip" in result.stdout
    assert "1 file has a defect: stripped" in result.stderr


def test_split_dwarf_has_lines_and_misses_inlined_calls(crashtool, truth):
    result = crashtool("symbols", "check", truth / "objects" / "elf" / "split")
    assert result.exit_code == 0
    assert "functions lines unwind" in result.stdout
    assert "split DWARF: its inlined calls are in .dwo files" in result.stdout
    assert "without -gsplit-dwarf" in result.stdout


def test_a_warning_is_one_only_with_strict(crashtool, truth):
    path = truth / "objects" / "elf" / "nodebug"
    assert crashtool("symbols", "check", path).exit_code == 0
    assert crashtool("symbols", "check", "--strict", path).exit_code == 4


def test_the_gate_can_be_asked_without_sending(crashtool, truth):
    folder = truth / "windows" / "bin" / "msvc-x64"
    options = ("symbols", "check", "--json", folder / "crasher.pdb", "--require-for", folder)
    result = crashtool(*options)
    document = json.loads(result.stdout)
    assert result.exit_code == document["error"]["exit_status"] == 4
    assert {row["name"]: row["status"] for row in document["gate"]} == {
        "crasher.exe": "no_unwind",
        "plugin.dll": "missing",
    }
    excused = crashtool(*options, "--not-required", "*")
    assert excused.exit_code == 0


def test_the_document_has_grades_and_qualities(crashtool, truth):
    result = crashtool("symbols", "check", "--json", truth / "objects" / "elf" / "full")
    (file,) = json.loads(result.stdout)["files"]
    (row,) = file["objects"]
    assert row["grade"] == "full"
    assert row["quality"]["functions"] == 13
    assert row["quality"]["unwind"] is True


def test_nothing_and_nothing_found_are_told(crashtool, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    assert crashtool("symbols", "check").exit_code == 2
    assert crashtool("symbols", "check", "notes.txt").exit_code == 3
    assert crashtool("symbols", "check", "absent").exit_code == 3


def test_damage_that_only_a_reader_meets_is_unreadable(crashtool, tmp_path):
    unit = b"\x20\0\0\0\x04\0" + bytes(30)
    sections = [
        (".text", 1, 6, b"\x90" * 40),
        (".debug_info", 1, 0, unit),
        (".symtab", 2, 0, b"s" * 48),
    ]
    (tmp_path / "app").write_bytes(build_elf(sections))
    result = crashtool("symbols", "check", "app")
    assert result.exit_code == 3
    assert "failed  app: cannot read the debug information" in result.stdout
    assert "Traceback" not in result.stderr
