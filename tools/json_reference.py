"""Writes the reference of `inspect --json` from its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).resolve().parents[1] / "crashtool" / "render" / "crash.schema.json"
HEAD = """\
# The document of `crashtool inspect --json`

Generated from [crash.schema.json](../crashtool/render/crash.schema.json) by `make generate`; do
not edit. The schema is a JSON Schema (2020-12); it is installed with crashtool, and the tests hold
every document to it.

- Names and meanings are those of rust-minidump's `minidump-stackwalk --json` wherever it has a word
  for something; the rest is added beside them.
- Addresses and offsets are strings: `0x` and hex digits, padded to the width of a pointer.
- Every key is always there. What is not known is null, a list of nothing is empty.
- A frame's `offset` is the instruction that was looked up. In a caller it lies in the call, so
  that line and function are the call's; `resume_address` is where it would have gone on.
- With `inlines`, `function`, `file` and `line` are the physical function's: its line is that of the
  outermost merged call. `inlines[0]` is what was running.
- The document is pure ASCII. Text from a dump is hostile: escape it before it becomes markup.
- The shape follows from the call, not from what is found. One file, or standard input, gives this
  document; a folder, a pattern or several paths give `{"schema_version": 1, "reports": [...]}`, a
  list of such documents without a `schema_version` of their own, also when it holds one. A file out
  of which several dumps come (an archive) gives a list, too.
- `--json-lines` gives one such document a line, a line for each dump, as it is read: always the
  same shape, and no more memory for ten thousand dumps than for ten.
- Where a dump could not be read, its path and error stand in its place:
  `{"path": ..., "error": {"code", "message", "exit_status", "hint"}}`. When it is the only one, the
  document of `--json` is `{"error": ...}`.
"""


def render_json_reference() -> str:
    """The whole reference as Markdown: a table for each kind of object."""
    return "\n".join([HEAD, *walk_sections(SCHEMA)])


def walk_sections(path: Path) -> Iterator[str]:
    """A section for the document of a schema, and one for each kind of object in it."""
    schema = json.loads(path.read_text(encoding="utf-8"))
    yield from _section("The document", schema)
    for name, definition in schema["$defs"].items():
        if "properties" in definition:
            yield from _section(name, definition)
        else:
            yield f"## {name}\n"
            yield f"{definition['description']} {_values(definition)}\n"


def _section(title: str, definition: dict[str, Any]) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{definition['description']}\n"
    rows = [f"| `{key}` | {_type(row)} | {_meaning(row)} |" for key, row in _keys(definition)]
    yield "\n".join(["| key | type | meaning |", "|---|---|---|", *rows]) + "\n"


def _keys(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from definition["properties"].items()


def _type(row: dict[str, Any]) -> str:
    """`string or null`, `list of frame`, `system_info or null`."""
    if "$ref" in row:
        return _link(row["$ref"])
    if "anyOf" in row:
        return " or ".join(_type(choice) for choice in row["anyOf"])
    names = [row["type"]] if isinstance(row["type"], str) else row["type"]
    return " or ".join(_word(name, row) for name in names)


def _word(name: str, row: dict[str, Any]) -> str:
    if name == "array":
        return f"list of {_type(row['items'])}"
    return "address" if name == "string" and row.get("pattern", "").startswith("^0x") else name


def _link(reference: str) -> str:
    name = reference.rpartition("/")[2]
    return f"[{name}](#{name})"


def _meaning(row: dict[str, Any]) -> str:
    return f"{row['description']} {_values(row)}".strip()


def _values(row: dict[str, Any]) -> str:
    """The only values it may have, when there are such."""
    values = [f"`{value}`" for value in row.get("enum", ()) if value is not None]
    return f"One of {', '.join(values)}." if values else ""
