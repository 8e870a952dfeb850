r"""Paths that Windows takes at any length: behind \\?\ its limit of 260 characters does not hold.

Build folders of CI systems, and names with identifiers in symbol stores, go beyond it easily.
"""

from __future__ import annotations

import ntpath
import os

ANY_LENGTH, NETWORK = "\\\\?\\", "\\\\?\\UNC\\"


def extended_length_path(path: str, *, windows: bool = os.name == "nt") -> str:
    """The path as the system takes it at any length; elsewhere than on Windows the path itself."""
    if not windows or path.startswith(ANY_LENGTH):
        return path
    absolute = ntpath.abspath(path)
    if absolute.startswith("\\\\"):
        return NETWORK + absolute[2:]
    return ANY_LENGTH + absolute


def plain_path(path: str) -> str:
    """A path as people know it, for messages: without the mark."""
    if path.startswith(NETWORK):
        return "\\\\" + path.removeprefix(NETWORK)
    return path.removeprefix(ANY_LENGTH)
