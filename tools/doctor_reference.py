"""Writes the reference of `doctor` from its table of checks and its JSON Schema."""

from __future__ import annotations

from pathlib import Path

from crashtool.services.integration.doctor.checks import CHECKS
from tools.json_reference import walk_sections

SCHEMA = Path(__file__).resolve().parents[1] / "crashtool" / "render" / "doctor.schema.json"
HEAD = """\
# The checks of `crashtool doctor`

Generated from the table of checks and from
[doctor.schema.json](../crashtool/render/doctor.schema.json) by `make generate`; do not edit.

Each check looks at every subject of its kinds that is found in the paths: what a file is, its
content tells. A check passes, or says what is so, what that does to reports, and what to type. A
failure ends with status 4; warnings and notes do not. A check that cannot run is skipped, and says
why.
"""
TABLE = ("## Checks\n", "| check | of | whether |\n|---|---|---|")


def render_doctor_reference() -> str:
    """The checks as a table, and what `--json` gives."""
    rows = [f"| `{row.name}` | {', '.join(row.kinds)} | {row.looks_at} |" for row in CHECKS]
    table = "\n".join((TABLE[1], *rows))
    return "\n".join((HEAD, TABLE[0], table + "\n", *walk_sections(SCHEMA)))
