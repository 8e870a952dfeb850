"""A crash in a CI system's own words: annotations in the log, Markdown for the job's summary."""

from collections.abc import Iterator

from crashtool.model.crash import CrashReport
from crashtool.render.report import brief_line, crash_frame, render_report, words_of_crash
from crashtool.render.safe_text import safe


def render_github(report: CrashReport) -> Iterator[str]:
    """Workflow commands for GitHub Actions, one line each."""
    frame = crash_frame(report)
    properties: dict[str, str] = {}
    if frame and frame.file and frame.line:
        properties |= {"file": frame.file, "line": str(frame.line)}
    architecture = report.system.architecture if report.system else "unknown"
    properties["title"] = words_of_crash(report.crash, architecture)
    kind = "error" if report.crash and report.crash.reason.is_crash else "notice"
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    yield f"::{kind} {told}::{_message(brief_line(report))}"


def render_summary(report: CrashReport) -> str:
    """The report as Markdown: a heading and the page as it is, in a block."""
    page = render_report(report).text()
    fence = "`" * max(3, _longest_run(page) + 1)
    title = safe(report.path or "minidump").replace("`", "'")
    return f"### Crash: `{title}`\n\n{fence}text\n{page}{fence}\n\n"


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest


def _message(text: str) -> str:
    return safe(text).replace("%", "%25")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
