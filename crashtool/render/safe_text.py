"""Hostile text made harmless: whatever a dump or server says, terminal, log and page survive."""

from __future__ import annotations

import re

# Compiled when first needed, as few texts have any: they cost as much as five modules.
_UNSAFE = (
    "[\x00-\x1f\x7f-\x9f"  # C0 and C1 controls, escape among them
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # unseen, bidi
    "\ud800-\udfff"  # surrogates: what surrogateescape left of bytes that are not UTF-8
    "\U000e0000-\U000e0fff]"  # tags
)
_COMMAND = r"##(?=\[|vso\[)"  # to GitHub's runner, Azure's agent; anywhere in a line
_LINE_COMMAND = r"^\s*(?=::|##teamcity\[)"  # those that begin a line


def safe(text: str, limit: int = 0) -> str:
    r"""`text` on one line with every control, escape, bidi and invisible character shown as `\x1b`.

    Cut to `limit` characters of the original, if given, and then marked with an ellipsis.
    """
    cut = limit and len(text) > limit
    if cut:
        text = text[: limit - 1]
    if not (text.isascii() and text.isprintable()):
        text = re.sub(_UNSAFE, _escape, text)
    if "##" in text:
        text = re.sub(_COMMAND, r"#\\x23", text)
    return text + "…" if cut else text


def log_line(text: str) -> str:
    r"""A whole line for a log: as `safe`, and no CI system takes it for a command to itself.

    `::error …` on a line of its own is obeyed by GitHub's runner; `\x3a:error …` is not.
    """
    line = safe(text)
    if match := re.match(_LINE_COMMAND, line):
        start = match.end()
        line = f"{line[:start]}\\x{ord(line[start]):02x}{line[start + 1 :]}"
    return line


def _escape(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape", "surrogatepass").decode("ascii")
