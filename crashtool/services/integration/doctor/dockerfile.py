"""What a container starts with, by its Dockerfile (docs.docker.com, "Dockerfile reference")."""

from __future__ import annotations

import json
import re

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.text_file import read_text_file

INSTRUCTION = re.compile(r"\s*(FROM|ENTRYPOINT|CMD)\s+(\S.*)", re.IGNORECASE)
WORDS = re.compile(r"[^\s;&|()\"']+")


class ContainerStart(NamedTuple):
    """The words of ENTRYPOINT and CMD, and the line of the one that is first. Never empty."""

    words: tuple[str, ...]
    line: int


def read_start(path: str) -> ContainerStart | None:
    """What the last stage of a Dockerfile starts; None when it names nothing."""
    entrypoint: ContainerStart | None = None
    command: ContainerStart | None = None
    for number, line in _join_lines(read_text_file(path)):
        match = INSTRUCTION.match(line)
        if not match:
            continue
        name, rest = match[1].upper(), match[2].strip()
        words = _split(rest)
        if name == "FROM":
            entrypoint = command = None
        elif name == "ENTRYPOINT":
            entrypoint = ContainerStart(words, number)
        else:
            command = ContainerStart(words, number)
    starts = [start for start in (entrypoint, command) if start and start.words]
    if not starts:
        return None
    return ContainerStart(tuple(word for start in starts for word in start.words), starts[0].line)


def _join_lines(text: str) -> list[tuple[int, str]]:
    r"""Each instruction in a line, with the number of its first: a \ at the end continues it."""
    joined: list[tuple[int, str]] = []
    held, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        first = first or number
        if line.rstrip().endswith("\\"):
            held += line.rstrip()[:-1] + " "
            continue
        joined.append((first, held + line))
        held, first = "", 0
    return joined


def _split(text: str) -> tuple[str, ...]:
    """The words of an instruction, in its form for exec (a list in JSON) or for a shell."""
    if text.startswith("["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, list) and all(isinstance(word, str) for word in value):
            return tuple(value)
    return tuple(WORDS.findall(text))
