"""Crashes that a test wants: told by the process's words or its name, and left out of reports."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

# googletest, gtest-death-test.cc: how it starts the process of a death test ("threadsafe" style)
_DEATH_TEST = "--gtest_internal_run_death_test="
DEATH_TEST = "a death test of googletest"


def explain_silence(patterns: Sequence[str], name: str, words: Sequence[str]) -> str:
    """Why the crash of a process is expected, "" if it is not.

    A pattern (`*`, `?`, `[...]`) stands for the whole name or the whole command line.
    """
    if any(word.startswith(_DEATH_TEST) for word in words):
        return DEATH_TEST
    line = " ".join(words)
    pattern = next(
        (one for one in patterns if fnmatchcase(name, one) or fnmatchcase(line, one)), ""
    )
    return f"--ignore {pattern}" if pattern else ""


def explain_silence_of_stack(patterns: Sequence[str], functions: Sequence[str]) -> str:
    """The same for the functions of the crashed thread's stack."""
    for pattern in patterns:
        if any(fnmatchcase(function, pattern) for function in functions):
            return f"--ignore {pattern}"
    return ""
