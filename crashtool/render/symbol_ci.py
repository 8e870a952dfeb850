"""The judgement on debug files in a CI system's own words: GitHub's annotations, JUnit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashtool.errors import CrashtoolError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.symbol_upload import ERROR, FAILED, SKIPPED, WARNING, Delivery, Survey
from crashtool.render.ci import (
    code_cell,
    escape_message,
    escape_property,
    markdown_table,
    text_cell,
)
from crashtool.render.junit import xml_attribute, xml_content
from crashtool.render.safe_text import safe

GOOD = "ok"
MAX_ROWS = 200  # GitHub cuts a summary at 1 MiB, and shows ten annotations of each kind
SUITE = "crashtool upload-symbols"


class CheckRow(NamedTuple):
    """One thing that was checked: what group, which file or module, how it came out, why, the fix.

    `status` is ok, warning or error.
    """

    group: str
    name: str
    status: str
    message: str = ""
    fix: str = ""


def list_checks(survey: Survey, deliveries: Sequence[Delivery] = ()) -> list[CheckRow]:
    """Everything that was judged: each file, each module that must be readable, each request."""
    rows = [
        CheckRow("input", left_out.path, ERROR, left_out.reason, left_out.hint)
        for left_out in survey.collection.refused
    ]
    defects: dict[str, list[CheckRow]] = {}
    for defect in survey.defects:
        message = f"{defect.rule}: {defect.sentence}"
        row = CheckRow("debug file", defect.path, defect.severity, message, defect.fix)
        defects.setdefault(defect.path, []).append(row)
    for file in survey.collection.files:
        rows += defects.get(file.path) or [CheckRow("debug file", file.path, GOOD)]
    for module in survey.gate:
        status = GOOD if module.is_good else ERROR
        words = f"{module.status.replace('_', ' ')}: {module.note}".rstrip(": ")
        message = "" if module.is_good else words
        rows.append(CheckRow("release gate", module.name, status, message, module.fix))
    for delivery in deliveries:
        failed = delivery.status in (FAILED, SKIPPED)
        bad = WARNING if delivery.forgiven else ERROR
        rows.append(
            CheckRow(
                "upload", delivery.name, bad if failed else GOOD, delivery.reason, delivery.hint
            )
        )
    return rows


def render_github(rows: Sequence[CheckRow], error: CrashtoolError | None) -> Iterator[str]:
    """Workflow commands, one line each: what is wrong, and the error that ends the step."""
    for row in rows:
        if row.status == GOOD:
            continue
        title = escape_property(safe(f"{row.group}: {row.name}", 120))
        text = f"{row.message}\n{row.fix}" if row.fix else row.message
        message = "%0A".join(map(escape_message, text.splitlines()))
        yield f"::{row.status} title={title}::{message}"
    if error:
        yield f"::error title={escape_property(SUITE)}::{escape_message(error.what)}"


def render_summary(rows: Sequence[CheckRow], error: CrashtoolError | None) -> str:
    """Markdown for the job's summary: a verdict, then a table of what is not well."""
    bad = [row for row in rows if row.status != GOOD]
    verdict = text_cell(error.what) if error else f"{len(rows) - len(bad)} checks are well"
    lines = [f"### {text_cell(SUITE)}", "", verdict, ""]
    if bad:
        lines += markdown_table(
            ("", "what", "name", "why", "what to do"),
            [
                (
                    row.status,
                    row.group,
                    code_cell(row.name),
                    text_cell(row.message),
                    text_cell(row.fix),
                )
                for row in bad[:MAX_ROWS]
            ],
        )
    if len(bad) > MAX_ROWS:
        lines += ["", f"and {len(bad) - MAX_ROWS} more"]
    return "\n".join(lines) + "\n\n"


def render_junit(rows: Sequence[CheckRow]) -> str:
    """A JUnit file: a test case for each row; the message is short, for few show the rest."""
    failures = sum(row.status == ERROR for row in rows)
    cases = "".join(map(_junit_case, rows))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites tests="{len(rows)}" failures="{failures}">\n'
        f'<testsuite name="{SUITE}" tests="{len(rows)}" failures="{failures}">\n'
        f"{cases}</testsuite>\n</testsuites>\n"
    )


def _junit_case(row: CheckRow) -> str:
    head = f"<testcase classname={xml_attribute(row.group)} name={xml_attribute(row.name)}"
    if row.status == GOOD:
        return f"{head}/>\n"
    text = xml_content("\n".join(filter(None, (row.message, row.fix))))
    if row.status == ERROR:
        message = xml_attribute(row.message)
        return f"{head}>\n<failure message={message}>{text}</failure>\n</testcase>\n"
    return f"{head}>\n<system-out>warning: {text}</system-out>\n</testcase>\n"
