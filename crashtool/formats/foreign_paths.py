"""Paths as any system writes them: those of minidumps, debug files and requests."""

from __future__ import annotations


def base_name(path: str) -> str:
    r"""The last part of a path written on any system: after the last / or \."""
    return path.replace("\\", "/").rpartition("/")[2]
