"""doctor as a command: exit status, JSON by its schema, a CI system's annotations, trust."""

import html
import json
import os

import pytest

from crashtool.model.doctor import KINDS, VERDICTS
from tests.commands.transcript_inputs import make_inputs
from tests.schemas import Schema
from tests.services.integration.doctor.folders import elf_program, write_program

VALIDATOR = Schema("doctor.schema.json")
SCHEMA = VALIDATOR.document


@pytest.fixture
def doctor(crashtool, tmp_path):
    make_inputs(tmp_path)

    def call(*arguments, **options):
        return crashtool("doctor", "--root", "root", *arguments, **options)

    return call


@pytest.mark.parametrize(("folder", "status"), [("good", 0), ("bad", 4), ("old", 4), ("build", 0)])
def test_a_failure_is_status_4_and_the_document_keeps_its_schema(doctor, folder, status):
    result = doctor(folder, "--json")
    document = json.loads(result.stdout)
    VALIDATOR.validate(document)
    assert result.exit_code == status
    assert document["passed"] == (status == 0)
    counted = [row["verdict"] for row in document["findings"]]
    assert document["counts"] == {verdict: counted.count(verdict) for verdict in VERDICTS}


def test_the_schema_is_one_and_names_all_kinds_and_verdicts():
    VALIDATOR.assert_is_one()
    subject, finding = SCHEMA["$defs"]["subject"], SCHEMA["$defs"]["finding"]
    assert set(subject["properties"]["kind"]["enum"]) == set(KINDS)
    assert set(finding["properties"]["verdict"]["enum"]) == set(VERDICTS)


def test_without_a_path_the_current_folder_is_looked_at(crashtool, tmp_path):
    write_program(tmp_path / "game", elf_program())
    result = crashtool("doctor", "--json")
    document = json.loads(result.stdout)
    VALIDATOR.validate(document)
    assert {"kind": "program", "path": "game"} in document["subjects"]
    assert "handler.present" in {
        row["check"] for row in document["findings"] if row["verdict"] == "failure"
    }


def test_a_handler_of_the_current_folder_is_not_started(crashtool, tmp_path, monkeypatch):
    """It may be a stranger's: somebody's checkout, in which the user only stands."""
    make_inputs(tmp_path)
    monkeypatch.chdir(tmp_path / "good")
    result = crashtool("doctor", "-v", "--handler-argument=--no-rate-limit")
    assert "started only in paths that are named" in result.stdout


def test_verbose_shows_what_passed_and_what_had_nothing_to_look_at(doctor):
    result = doctor("good", "-v")
    assert "PASS  handler.present" in result.stdout
    assert "no database is set" in result.stdout or "database.state" in result.stdout


def test_github_gets_annotations_and_a_summary(doctor, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    result = doctor("bad", "--ci", "github")
    errors = [line for line in result.stdout.splitlines() if line.startswith("::error ")]
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert result.exit_code == 4
    assert len(errors) == 2
    assert "title=handler.present" in errors[0]
    assert "%0Afix: " in errors[0]
    assert summary.startswith("### crashtool doctor\n\nFAIL&#58; 2 failures")
    assert "program.note" in html.unescape(summary)


def test_annotations_stay_out_of_the_document(doctor):
    result = doctor("bad", "--ci", "github", "--json")
    VALIDATOR.validate(json.loads(result.stdout))
    assert "::error" in result.stderr


def test_a_hostile_name_is_no_command_to_a_ci_system(doctor, tmp_path):
    if os.name == "nt":
        pytest.skip("needs names with line feeds")
    write_program(tmp_path / "evil" / "a\n::error ::owned\x1b[31m", elf_program())
    result = doctor("evil", "--ci", "github")
    lines = [line for line in result.stdout.splitlines() if line.startswith("::")]
    assert all(
        line.startswith(("::error file=", "::warning file=", "::notice file=")) for line in lines
    )
    assert "\x1b" not in result.stdout


def test_a_handler_argument_that_is_unknown_by_the_bytes_of_the_handler(doctor):
    result = doctor("good", "--handler-argument=--bogus")
    assert result.exit_code == 4
    assert "does not understand --bogus" in result.stdout


def test_bad_usage_is_told(doctor, crashtool):
    assert doctor("absent").exit_code == 3
    assert doctor("notes.txt").exit_code == 3
    assert crashtool("doctor", "--root", "nowhere").exit_code == 2


def test_checks_that_cannot_run_for_one_reason_are_one_row(crashtool, tmp_path):
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "CMakeCache.txt").write_text("CMAKE_GENERATOR:INTERNAL=Visual Studio 17 2022\n")
    plain = crashtool("doctor", "build").stdout
    rows = [line for line in plain.splitlines() if "leaves no link lines" in line]
    assert len(rows) == 1
    assert rows[0].startswith("SKIP  link.crt, link.iterator, link.machine and ")
    assert rows[0].count("build") == 1
    document = json.loads(crashtool("doctor", "build", "--json").stdout)
    apart = [
        row["check"]
        for row in document["findings"]
        if "leaves no link lines" in (row["cause"] or "")
    ]
    assert len(apart) > 5
    assert len(set(apart)) == len(apart)
