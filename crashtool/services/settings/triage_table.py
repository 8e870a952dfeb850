"""The table [triage] of a settings file: rules of grouping, or the file that has them; a baseline.

What it says of files becomes settings of their own; the rules stay where they are, and the setting
is the path of their file.
"""

from __future__ import annotations

import os
from typing import Any

from crashtool.errors import UsageError

TABLE = "triage"
NAMED = {"rules": "triage_rules", "baseline": "triage_baseline"}


def take_triage_table(values: dict[str, Any], path: str) -> dict[str, Any]:
    """The values of a settings file with those of the table in its place. UsageError."""
    table = values.get(TABLE)
    if table is None:
        return values
    if not isinstance(table, dict):
        raise UsageError(f"{path}: triage is a table", hint='write  [triage]  and  rules = "FILE"')
    options = {key: value for key, value in values.items() if key != TABLE}
    options |= {name: table[key] for key, name in NAMED.items() if key in table}
    own = [key for key in table if key not in NAMED]
    if own and "rules" in table:
        raise UsageError(
            f"{path}: [triage] names a file of rules, and has rules of its own: {own[0]}",
            hint=f"move them to {table['rules']}, or leave out  rules =",
        )
    if own:
        options[NAMED["rules"]] = os.path.abspath(path)  # noqa: PTH100 (pathlib costs start-up time)
    return options
