"""Reasons in words."""

import ast
import errno
import os

import pytest

from crashtool.errors import reason_of
from tests.conftest import ROOT


def on_windows(error, winerror):
    error.winerror = winerror
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x"), "No space left on device"),
        (OSError("words alone"), "words alone"),
        (ValueError("embedded null byte"), "embedded null byte"),
        (on_windows(PermissionError(13, "In use", "x"), 32), "another program has it open"),
        (on_windows(PermissionError(13, "Locked", "x"), 33), "another program has it open"),
        (on_windows(PermissionError(errno.EACCES, "Access is denied", "x"), 5), "Access is denied"),
    ],
)
def test_a_reason_is_the_systems_own_words(error, reason):
    assert reason_of(error) == reason


def test_a_file_in_use_is_said_where_open_is_only_told_of_permission(monkeypatch):
    error = PermissionError(errno.EACCES, "Permission denied", "x")
    monkeypatch.setattr(os, "name", "posix")
    assert reason_of(error) == "Permission denied"

    monkeypatch.setattr(os, "name", "nt")
    assert reason_of(error) == "permission denied, or another program has it open"


OS_ERRORS = {"OSError", "PermissionError", "FileNotFoundError", "IsADirectoryError", "SSLError"}


def walk_raw_texts(source):
    """Lines in which the text of an OSError, `[Errno 13] …`, is given to the user as it is."""
    for handler in ast.walk(ast.parse(source)):
        if not isinstance(handler, ast.ExceptHandler) or handler.type is None or not handler.name:
            continue
        types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        names = {ast.unparse(kind).rpartition(".")[2] for kind in types}
        if not names & OS_ERRORS or "ImportError" in names:  # a library's loader has no numbers
            continue
        for node in ast.walk(handler):
            shown = isinstance(node, ast.FormattedValue) and node.value
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "str":
                shown = node.args[0]
            if isinstance(shown, ast.Name) and shown.id == handler.name:
                yield node.lineno


def test_no_message_holds_an_error_number_of_the_system():
    raw = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "crashtool").rglob("*.py"))
        for line in walk_raw_texts(path.read_text(encoding="utf-8"))
        if path.name != "errors.py"  # which puts them into words
    ]

    assert raw == []


def test_a_raw_text_is_found():
    source = "try:\n f()\nexcept (OSError, ValueError) as e:\n raise Bad(f'no: {e}') from None\n"
    assert list(walk_raw_texts(source)) == [4]
    assert list(walk_raw_texts(source.replace("{e}", "{reason_of(e)}"))) == []
