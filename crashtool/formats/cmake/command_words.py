"""A command line of a build, as words."""

from __future__ import annotations

import re
import shlex

DRIVE_PATH = re.compile(r'(?:^|[\s"]|[-/]I"?|:I"?|:"?)[A-Za-z]:[\\/]')
MAX_LINE = 4 << 20  # characters


def split_command(line: str, *, windows: bool = False) -> list[str]:
    r"""The words, whether a POSIX shell or Windows will read the line; `windows` where it is known.

    On Windows `\` is no escape, but in paths. A line whose quotes do not match is split at blanks.
    """
    line = line[:MAX_LINE]
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    if windows or is_windows(line):
        lexer.escape = ""
        lexer.quotes = '"'
    try:
        return list(lexer)
    except ValueError:
        return line.split()


def is_windows(line: str) -> bool:
    r"""Whether a line is Windows': a program with `.exe`, options with `/`, paths with a drive."""
    first = line.lstrip().lstrip('"').partition(" ")[0].rstrip('"').lower()
    is_option = first[:1] in ("/", "-") and "/" not in first[1:]
    return (
        first.endswith(".exe")
        or (first.startswith("/") and is_option)
        or DRIVE_PATH.search(line) is not None
    )
