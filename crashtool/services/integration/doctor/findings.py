"""How a check says what it found."""

from crashtool.model.doctor import FAILURE, NOTE, SKIP, WARNING, Finding


def failure(
    file: str, cause: str, consequence: str, fix: str, *, line: int | None = None
) -> Finding:
    """Reports are lost, or the build fails: exit status 4."""
    return Finding(FAILURE, file, cause, consequence, fix, line)


def warning(
    file: str, cause: str, consequence: str, fix: str, *, line: int | None = None
) -> Finding:
    """Something is lost on some machines, or of some reports."""
    return Finding(WARNING, file, cause, consequence, fix, line)


def note(
    file: str, cause: str, consequence: str = "", fix: str = "", *, line: int | None = None
) -> Finding:
    """Worth knowing; nothing is wrong."""
    return Finding(NOTE, file, cause, consequence, fix, line)


def skip(file: str, reason: str) -> Finding:
    """The check could not run, and why."""
    return Finding(SKIP, file, reason)
