"""Reasons in words."""

import errno
import os

import pytest

from crashtool.errors import reason_of


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
)  # fmt: skip
def test_a_reason_is_the_systems_own_words(error, reason):
    assert reason_of(error) == reason


def test_a_file_in_use_is_said_where_open_is_only_told_of_permission(monkeypatch):
    error = PermissionError(errno.EACCES, "Permission denied", "x")
    assert reason_of(error) == "Permission denied"

    monkeypatch.setattr(os, "name", "nt")
    assert reason_of(error) == "permission denied, or another program has it open"
