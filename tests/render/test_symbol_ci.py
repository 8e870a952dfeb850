import xml.etree.ElementTree as ET

import pytest

from crashtool.errors import CheckFailed
from crashtool.model.symbol_upload import (
    ERROR,
    FAILED,
    UPLOADED,
    WARNING,
    Collection,
    Defect,
    Delivery,
    GateRow,
    LeftOut,
    Survey,
    SymbolFile,
)
from crashtool.render.symbol_ci import list_checks, render_github, render_junit, render_summary

HOSTILE = "a\x1b[31m<script>|`%0A::error::x,:\ud800\x00\ufffe"


def survey(name="game"):
    file = SymbolFile(name, name, name, 10, ())
    return Survey(
        Collection((file, file._replace(path="well")), (), (LeftOut("gone", "does not exist"),)),
        (
            Defect("no-lines", name, f"no lines in {name}", "compile with -g", WARNING),
            Defect("no-build-id", name, "no build id", "link with it", ERROR),
        ),
        (),
        (
            GateRow("ok.so", "dist/ok.so", "x86_64", "1", "ok"),
            GateRow(name, f"dist/{name}", "x86_64", "2", "no_unwind", "nothing", "give the EXE"),
        ),
    )


DELIVERIES = (
    Delivery("a.zip", UPLOADED, (), 1),
    Delivery("b.zip", FAILED, (), 1, reason="no network", forgiven=True),
    Delivery("c.zip", FAILED, (), 1, reason="refused", hint="check the token"),
)


def test_every_judgement_is_a_row():
    rows = list_checks(survey(), DELIVERIES)
    assert [(row.group, row.name, row.status) for row in rows] == [
        ("input", "gone", "error"),
        ("debug file", "game", "warning"),
        ("debug file", "game", "error"),
        ("debug file", "well", "ok"),
        ("release gate", "ok.so", "ok"),
        ("release gate", "game", "error"),
        ("upload", "a.zip", "ok"),
        ("upload", "b.zip", "warning"),
        ("upload", "c.zip", "error"),
    ]


def test_annotations_are_one_line_each_and_end_with_the_error():
    lines = list(render_github(list_checks(survey(), DELIVERIES), CheckFailed("1 of 2")))
    kinds = [line.split(" ")[0].lstrip(":") for line in lines]
    assert kinds == ["error", "warning", "error", "error", "warning", "error", "error"]
    assert "::no unwind: nothing%0Agive the EXE" in lines[3]
    assert lines[-1].endswith("::1 of 2")


@pytest.mark.parametrize("name", [HOSTILE, "x" * 10_000, "\r\n::error::injected"])
def test_hostile_names_end_neither_a_command_nor_a_cell_nor_an_element(name):
    rows = list_checks(survey(name), DELIVERIES)
    for line in render_github(rows, None):
        assert not {"\n", "\r", "\x1b", "\x00"} & set(line)
        assert "::" not in line.split(" title=", 1)[1].split("::", 1)[0]
    summary = render_summary(rows, CheckFailed(name))
    assert "<script>" not in summary
    assert "\x1b" not in summary
    document = ET.fromstring(render_junit(rows))  # noqa: S314 (our own)
    assert len(document.findall(".//testcase")) == len(rows)


def test_junit_counts_errors_as_failures_and_keeps_messages_short():
    document = ET.fromstring(render_junit(list_checks(survey(), DELIVERIES)))  # noqa: S314
    assert (document.get("tests"), document.get("failures")) == ("9", "4")
    failure = document.find(".//testcase[@classname='release gate'][@name='game']/failure")
    assert failure.get("message") == "no unwind: nothing"
    assert "give the EXE" in failure.text


def test_a_summary_that_is_all_well_has_no_table():
    text = render_summary(list_checks(Survey(Collection())), None)
    assert "|" not in text
    rows = list_checks(survey(), DELIVERIES) * 60
    assert "more" in render_summary(rows, None)


def test_the_commands_write_both(crashtool, truth, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    stripped = truth / "objects" / "elf" / "stripped_all"
    for command in (("symbols", "check"), ("upload-symbols", "-n", "--strict")):
        result = crashtool(*command, "--ci", "github", "--junit", "junit.xml", stripped)
        assert result.exit_code == 4
        assert "::error title=debug file%3A " in result.stdout
        assert "stripped" in (tmp_path / "summary.md").read_text()
        assert b"<failure" in (tmp_path / "junit.xml").read_bytes()
    quiet = crashtool("symbols", "check", "--json", "--ci", "github", stripped)
    assert quiet.stdout.startswith("{")
    assert "::error" in quiet.stderr
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "absent" / "summary.md"))
    assert (
        "summary is not complete"
        in crashtool("symbols", "check", "--ci", "github", stripped).stderr
    )
