"""The crashes of a run in a CI system's own words: GitHub's annotations and summary, JUnit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.crash import CrashReport
from crashtool.model.run import ProcessCrash, RunResult
from crashtool.render.ci import (
    code_cell,
    escape_message,
    escape_property,
    markdown_table,
    render_github,
    render_summary,
    text_cell,
)
from crashtool.render.junit import xml_attribute, xml_content
from crashtool.render.report import render_report
from crashtool.render.run import MAX_LINE, describe_crash, describe_hang, name_command, summarize

SUITE = "crashtool run"
MAX_PAGES = 20  # GitHub cuts a summary at 1 MiB
_NOTICE = "::notice "


class RunRow(NamedTuple):
    """A crash or a hang, and its report if one could be read."""

    crash: ProcessCrash
    report: CrashReport | None = None
    is_hang: bool = False


def describe_row(row: RunRow, result: RunResult) -> str:
    """What happened to which process, in a line."""
    return describe_hang(row.crash, result) if row.is_hang else describe_crash(row.crash)


def annotate_run(rows: Sequence[RunRow], result: RunResult, workspace: str) -> Iterator[str]:
    """Workflow commands for GitHub Actions, one line for each crash that was not expected."""
    for row in rows:
        if row.crash.ignored_for:
            continue
        told = (describe_row(row, result), name_command(row.crash))
        where = "%0A".join(map(escape_message, told))
        if row.report is None:
            yield f"::error title={escape_property(told[0])}::{where}"
            continue
        for line in render_github(row.report, workspace):
            as_error = "::error " + line.removeprefix(_NOTICE) if row.is_hang else line
            yield f"{as_error}%0A{where}"


def render_run_summary(rows: Sequence[RunRow], result: RunResult) -> str:
    """Markdown for the job's summary: how many, a table of them, then their reports."""
    sentences = list(summarize(result, [row.crash for row in rows if not row.is_hang]))
    lines = [f"### {text_cell(SUITE)}", "", *(f"{text_cell(one)}  " for one in sentences), ""]
    told = [row for row in rows if not row.crash.ignored_for]
    if told:
        lines += markdown_table(
            ("what", "command"),
            [
                (
                    text_cell(describe_row(row, result)),
                    code_cell(name_command(row.crash).removeprefix("command: ")),
                )
                for row in told
            ],
        )
        lines.append("")
    pages = [
        (render_summary(row.report) if row.report else "") + _summarize_last_lines(row.crash)
        for row in told[:MAX_PAGES]
    ]
    return "\n".join(lines) + "\n" + "".join(pages)


def _summarize_last_lines(crash: ProcessCrash) -> str:
    if not crash.last_lines:
        return ""
    cells = iter((code_cell(line[:MAX_LINE]),) for line in crash.last_lines)
    return "\n".join(markdown_table(("stderr",), cells)) + "\n\n"


def render_run_junit(rows: Sequence[RunRow], result: RunResult, program: str) -> str:
    """A JUnit file: a test case for each crash and hang; without any, one that passes."""
    failures = sum(not row.crash.ignored_for for row in rows)
    cases = "".join(_junit_case(row, result) for row in rows)
    if not rows:
        cases = f"<testcase classname={xml_attribute(SUITE)} name={xml_attribute(program)}/>\n"
    count = max(len(rows), 1)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites tests="{count}" failures="{failures}">\n'
        f'<testsuite name="{SUITE}" tests="{count}" failures="{failures}">\n'
        f"{cases}</testsuite>\n</testsuites>\n"
    )


def _junit_case(row: RunRow, result: RunResult) -> str:
    name = name_command(row.crash).removeprefix("command: ")
    head = (
        f"<testcase classname={xml_attribute(SUITE)} "
        f"name={xml_attribute(f'{name} (process {row.crash.process_id})')}>\n"
    )
    if row.crash.ignored_for:
        text = xml_content(f"an expected crash: {row.crash.ignored_for}")
        return f"{head}<system-out>{text}</system-out>\n</testcase>\n"
    message = xml_attribute(describe_row(row, result))
    page = render_report(row.report).text(None) if row.report else row.crash.problem or ""
    told = f"<failure message={message}>{xml_content(page)}</failure>\n"
    if row.crash.last_lines:
        told += f"<system-err>{xml_content(chr(10).join(row.crash.last_lines))}</system-err>\n"
    return f"{head}{told}</testcase>\n"
