"""How a check says what it found."""

from __future__ import annotations

from crashtool.model.doctor import FAILURE, NOTE, SKIP, WARNING, CheckResult


def failure(
    file: str, cause: str, consequence: str, fix: str, *, line: int | None = None
) -> CheckResult:
    """Reports are lost, or the build fails: exit status 4."""
    return CheckResult(FAILURE, file, cause, consequence, fix, line)


def warning(
    file: str, cause: str, consequence: str, fix: str, *, line: int | None = None
) -> CheckResult:
    """Something is lost on some machines, or of some reports."""
    return CheckResult(WARNING, file, cause, consequence, fix, line)


def note(
    file: str, cause: str, consequence: str = "", fix: str = "", *, line: int | None = None
) -> CheckResult:
    """Worth knowing; nothing is wrong."""
    return CheckResult(NOTE, file, cause, consequence, fix, line)


def skip(file: str, reason: str) -> CheckResult:
    """The check could not run, and why."""
    return CheckResult(SKIP, file, reason)
