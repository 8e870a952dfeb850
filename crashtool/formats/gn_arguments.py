"""args.gn: what a build folder of GN is configured with (gn.googlesource.com, "GN Language")."""

from __future__ import annotations

import re

ASSIGNMENT = re.compile(r"^\s*([A-Za-z_]\w*)\s*=\s*(.*?)\s*$", re.MULTILINE)
TEXT = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
BOOLEANS = {"true": True, "false": False}


def parse_arguments(text: str) -> dict[str, bool | int | str]:
    """The arguments that are true, false, whole numbers or texts; the last of a name counts.

    Lists, scopes and what is computed are left out.
    """
    values: dict[str, bool | int | str] = {}
    for name, written in ASSIGNMENT.findall(text):
        value, _, _ = written.partition("#") if not written.startswith('"') else (written, "", "")
        plain = value.strip()
        if plain in BOOLEANS:
            values[name] = BOOLEANS[plain]
        elif plain.lstrip("-").isdigit() and plain.isascii():
            values[name] = int(plain[:20])
        elif match := TEXT.match(plain):
            values[name] = re.sub(r"\\(.)", r"\1", match[1])
    return values
