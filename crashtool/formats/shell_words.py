"""Words of a command line that is shown for copying, quoted for the shells of this machine."""

from __future__ import annotations

import os
import re
import shlex

CONTROLS = re.compile(  # but line feeds and tabs, which hurt nobody
    "([\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+)"
)
_PLAIN_ON_WINDOWS = re.compile(r"[\w./\\:+-]+")
_FINAL_BACKSLASHES = re.compile(r"\\+\Z")


def quote_word(text: str, *, windows: bool = os.name == "nt") -> str:
    """One word for a POSIX shell; for cmd and PowerShell on Windows."""
    return quote_windows(text) if windows else quote_posix(text)


def quote_posix(text: str) -> str:
    r"""One word of a POSIX shell. A terminal that shows it obeys nothing in it.

    Control characters are left to printf: `$'\033'` is bash's and zsh's, but not dash's.
    """
    return "".join(map(_quote_piece, CONTROLS.split(text))) or "''"


def quote_windows(text: str) -> str:
    r"""One word that cmd and PowerShell read alike; names there have no quotation marks in them.

    What PowerShell would evaluate goes in its own quotes. A backslash before the last mark would
    keep it from ending the word.
    """
    if _PLAIN_ON_WINDOWS.fullmatch(text):
        return text
    if "$" in text or "`" in text:
        return "'" + text.replace("'", "''") + "'"
    return '"' + _FINAL_BACKSLASHES.sub(lambda match: match.group() * 2, text) + '"'


def _quote_piece(piece: str) -> str:
    if CONTROLS.match(piece):
        octal = "".join(f"\\{byte:03o}" for byte in piece.encode("utf-8", "surrogateescape"))
        return f"\"$(printf '{octal}')\""
    return shlex.quote(piece) if piece else ""
