"""CMakeFiles/TARGET.dir of makefiles: link.txt, flags.make, build.make."""

from __future__ import annotations

import re

from crashtool.formats.cmake.build_lines import EXECUTABLE, SHARED, CompileLine, LinkLine
from crashtool.formats.cmake.command_words import split_command

FLAGS = re.compile(r"^CX?X?_(?P<name>FLAGS|DEFINES|INCLUDES)\w* = (?P<value>.*)$", re.MULTILINE)
SHARED_OPTIONS = ("-shared", "-dynamiclib", "-bundle")


def parse_link_text(text: str, file: str, folder: str) -> LinkLine | None:
    """The target that a link.txt links; None for a static library's archiver."""
    words: list[str] = []
    for line in text.splitlines():
        words = split_command(line)
        if "-o" in words[:-1]:
            break
    else:
        return None
    target = words[words.index("-o") + 1]
    is_shared = any(word in SHARED_OPTIONS for word in words)
    return LinkLine(target, SHARED if is_shared else EXECUTABLE, folder, tuple(words), file, 1)


def parse_flags(text: str, file: str, folder: str) -> CompileLine:
    """The flags that all C++ sources of a target have."""
    values = [match["value"] for match in FLAGS.finditer(text)]
    return CompileLine("", folder, tuple(split_command(" ".join(values))), "", file)
