"""TOML text to values."""

from __future__ import annotations

from typing import Any

from crashtool.errors import UsageError


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """The tables of a TOML document; `name` is what the error calls it. UsageError when invalid."""
    import tomli

    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise UsageError(f"{name} is not valid TOML: {error}", hint="fix the file") from None
