import json
import subprocess
import sys

import pytest

from tests.commands.transcript_inputs import make_inputs


@pytest.fixture
def inputs(tmp_path):
    make_inputs(tmp_path)
    return tmp_path


def test_a_crash_is_shown_and_the_status_is_zero(crashtool, inputs):
    result = crashtool("inspect", inputs / "game.dmp")
    assert result.exit_code == 0
    assert "EXCEPTION_ACCESS_VIOLATION_WRITE" in result.stdout
    assert result.stderr == ""


def test_without_a_path_it_says_what_is_missing(crashtool):
    result = crashtool("inspect")
    assert result.exit_code == 2
    assert "no minidump given" in result.stderr


@pytest.mark.parametrize("name", ["notes.txt", "missing.dmp"])
def test_what_is_no_minidump_ends_with_3(crashtool, inputs, name):
    result = crashtool("inspect", inputs / name)
    assert result.exit_code == 3
    assert name in result.stderr
    assert result.stdout == ""


def test_a_damaged_dump_is_shown_as_far_as_it_goes_and_ends_with_3(crashtool, inputs):
    result = crashtool("inspect", inputs / "cut.dmp")
    assert result.exit_code == 3
    assert "EXCEPTION_ACCESS_VIOLATION_WRITE" in result.stdout
    assert "PROBLEMS (" in result.stdout


def test_fail_on_crash_ends_with_4_for_crashes_only(crashtool, inputs):
    assert crashtool("inspect", "--fail-on-crash", inputs / "game.dmp").exit_code == 4
    assert crashtool("inspect", "--fail-on-crash", inputs / "snapshot.dmp").exit_code == 0
    assert crashtool("inspect", "--fail-on-crash", inputs / "cut.dmp").exit_code == 4


def test_some_unreadable_of_several_end_with_8_and_do_not_hide_the_rest(crashtool, inputs):
    result = crashtool("inspect", "--brief", inputs / "notes.txt", inputs / "game.dmp")
    assert result.exit_code == 8
    assert "game.exe + 0x41f2a" in result.stdout
    assert "notes.txt" in result.stderr


def test_json_of_one_dump_is_its_report(crashtool, inputs):
    result = crashtool("inspect", "--json", inputs / "game.dmp")
    document = json.loads(result.stdout)
    assert document["schema_version"] == 1
    assert document["crash_info"]["type"] == "EXCEPTION_ACCESS_VIOLATION_WRITE"
    assert result.stdout.isascii()


def test_json_of_several_dumps_is_one_document_with_errors_in_their_place(crashtool, inputs):
    result = crashtool("inspect", "--json", inputs / "game.dmp", inputs / "notes.txt")
    assert result.exit_code == 8
    first, second = json.loads(result.stdout)["reports"]
    assert first["status"] == "OK"
    assert second["error"]["exit_status"] == 3
    assert second["error"]["hint"]
    both = crashtool("inspect", "--json", inputs / "notes.txt", inputs / "missing.dmp")
    assert both.exit_code == 3
    assert "hint" not in json.loads(both.stdout)["reports"][1]["error"]


def test_json_of_one_unusable_file_is_an_error(crashtool, inputs):
    result = crashtool("inspect", "--json", inputs / "notes.txt")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["error"]["code"] == "input_unusable"
    assert "notes.txt" in result.stderr


def test_a_folder_stands_for_the_dumps_in_it(crashtool, inputs):
    result = crashtool("inspect", "--brief", inputs)
    assert result.exit_code == 8  # cut.dmp is among them
    assert len(result.stdout.splitlines()) == 4


def test_a_folder_without_dumps_is_nothing_found(crashtool, inputs):
    result = crashtool("inspect", inputs / "build")
    assert result.exit_code == 3
    assert "no minidump in" in result.stderr


def test_standard_input_is_read(crashtool, inputs):
    content = (inputs / "game.dmp").read_bytes()
    result = crashtool("inspect", "--brief", "-", input=content)
    assert result.exit_code == 0
    assert result.stdout.startswith("standard input: EXCEPTION")


def test_several_pages_are_apart(crashtool, inputs):
    result = crashtool("inspect", inputs / "game.dmp", inputs / "snapshot.dmp")
    assert result.stdout.count("PROBLEMS") == 2
    assert "\n\n" in result.stdout


def test_memory_is_shown_at_addresses_and_registers(crashtool, inputs):
    result = crashtool(
        "inspect",
        "--memory",
        "rsp:16",
        "--memory",
        "0x9ff000",
        "--memory",
        "1:1",
        inputs / "game.dmp",
    )
    assert "MEMORY at 0x9ff000  16 bytes" in result.stdout
    assert "MEMORY at 0x9ff000  64 bytes" in result.stdout  # all that the dump has from there
    assert "MEMORY at 0x1  not in the dump" in result.stdout


@pytest.mark.parametrize("place", ["nowhere", "rsp:0", "rsp:99999999", "rsp:x"])
def test_a_place_in_memory_that_cannot_be_meant_is_refused(crashtool, inputs, place):
    result = crashtool("inspect", "--memory", place, inputs / "game.dmp")
    assert result.exit_code == 2
    assert result.stdout == ""


def test_handles_are_shown_when_asked_for(crashtool, inputs):
    result = crashtool("inspect", "--handles", inputs / "everything.dmp")
    assert "HANDLES (2)" in result.stdout
    assert "BaseNamedObjects" in result.stdout
    assert "HANDLES" not in crashtool("inspect", inputs / "everything.dmp").stdout


def test_the_environment_stays_out_of_every_form(crashtool, inputs):
    for options in ([], ["--json"], ["--streams", "--verbose"]):
        assert "/home/me" not in crashtool("inspect", *options, inputs / "everything.dmp").stdout


def test_html_is_written_besides_the_answer(crashtool, inputs):
    page = inputs / "report.html"
    result = crashtool("inspect", "--html", page, inputs / "game.dmp", inputs / "snapshot.dmp")
    assert result.exit_code == 0
    assert "CRASH" in result.stdout
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "2 minidumps" in text


def test_html_that_cannot_be_written_is_an_error(crashtool, inputs):
    result = crashtool("inspect", "--html", inputs / "no" / "r.html", inputs / "game.dmp")
    assert result.exit_code == 9
    assert "cannot write" in result.stderr


def test_ci_annotations_follow_the_page(crashtool, inputs, monkeypatch):
    summary = inputs / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    result = crashtool("inspect", "--ci", "github", inputs / "game.dmp")
    assert result.stdout.splitlines()[-1].startswith("::error title=")
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("before\n### EXCEPTION")
    assert "0x41f2a" in text


def test_ci_annotations_keep_out_of_a_json_document(crashtool, inputs, monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    result = crashtool("inspect", "--ci", "github", "--json", inputs / "game.dmp")
    json.loads(result.stdout)
    assert "::error title=" in result.stderr


def copies(inputs, count):
    folder = inputs / f"many-{count}"
    folder.mkdir()
    content = (inputs / "game.dmp").read_bytes()
    for number in range(count):
        (folder / f"{number:04}.dmp").write_bytes(content)
    return folder


def test_json_of_a_folder_is_a_list_whatever_it_holds(crashtool, inputs):
    one, two = copies(inputs, 1), copies(inputs, 2)
    for folder, count in ((one, 1), (two, 2)):
        document = json.loads(crashtool("inspect", "--json", folder).stdout)
        assert list(document) == ["schema_version", "reports"]
        assert len(document["reports"]) == count


def test_json_lines_are_a_document_for_each_dump_readable_or_not(crashtool, inputs):
    result = crashtool("inspect", "--json-lines", inputs / "notes.txt", inputs / "game.dmp")
    assert result.exit_code == 8
    bad, good = map(json.loads, result.stdout.splitlines())
    assert bad["schema_version"] == good["schema_version"] == 1
    assert (bad["path"], bad["error"]["code"]) == (str(inputs / "notes.txt"), "input_unusable")
    alone = json.loads(crashtool("inspect", "--json", inputs / "game.dmp").stdout)
    assert list(good) == list(alone)
    assert good == alone
    assert result.stdout.isascii()


def test_json_and_json_lines_at_once_cannot_be_meant(crashtool, inputs):
    result = crashtool("inspect", "--json", "--json-lines", inputs / "game.dmp")
    assert result.exit_code == 2
    assert "cannot be combined" in result.stderr


@pytest.mark.parametrize("form", ["--json", "--json-lines", "--brief", "--modules"])
def test_several_processes_say_what_one_says(crashtool, inputs, form):
    folder = copies(inputs, 30)
    (folder / "0020.dmp").write_bytes(b"MDMP and nothing else")
    alone, shared = (crashtool("inspect", form, "--jobs", jobs, folder) for jobs in (1, 3))
    assert shared.stdout == alone.stdout
    assert (shared.stderr, shared.exit_code) == (alone.stderr, alone.exit_code)
    assert alone.exit_code == 8


def test_a_wish_that_cannot_be_met_ends_a_list_of_json_whole(crashtool, inputs):
    folder = copies(inputs, 2)
    (folder / "0002.dmp").write_bytes((inputs / "snapshot.dmp").read_bytes())
    result = crashtool("inspect", "--json", "--memory", "rip", folder, inputs / "snapshot.dmp")
    json.loads(result.stdout)
    assert result.exit_code in (0, 2)


PEAK = """
import os, sys, tracemalloc
from crashtool.cli import main
sys.stdout = open(os.devnull, "w")
tracemalloc.start()
try:
    main(sys.argv[1:])
finally:
    print(tracemalloc.get_traced_memory()[1], file=sys.stderr)
"""


@pytest.mark.parametrize("form", ["--json", "--json-lines", "--threads"])
def test_many_dumps_take_no_more_memory_than_a_few(inputs, form):
    peaks = []
    for count in (4, 40):
        command = ["inspect", form, "--jobs", "1", str(copies(inputs, count))]
        run = subprocess.run(
            [sys.executable, "-c", PEAK, *command], stderr=subprocess.PIPE, check=True, timeout=120
        )
        peaks.append(int(run.stderr.split()[-1]))
    assert peaks[1] < 1.25 * peaks[0]
