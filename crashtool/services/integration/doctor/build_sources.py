"""The sources of a build as bytes, for what is looked for in many of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.regular_file import open_regular
from crashtool.services.integration.doctor.builds import Build
from crashtool.services.integration.doctor.examination import Examination

PRAGMA = re.compile(rb'#\s*pragma\s+comment\s*\(\s*lib\s*,\s*L?"([^"\n]{1,256})"')
MAX_SOURCES, MAX_SIZE = 500, 4 << 20  # files of one build, bytes of one file


def walk_sources(build: Build, examination: Examination) -> Iterator[bytes]:
    """The sources that can be read, each read once a call; of large ones the beginning."""
    for path in build.sources[:MAX_SOURCES]:
        yield examination.recall(_read, path)


def _read(path: str) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(MAX_SIZE)
    except (OSError, InputUnusable):
        return b""


def find_pragmas(build: Build, examination: Examination) -> set[str]:
    """Libraries that sources name by #pragma comment(lib, ...)."""
    pragmas = set()
    for content in walk_sources(build, examination):
        for name in PRAGMA.findall(content):
            pragmas.add(Path(name.decode("utf-8", "replace").lower()).name.removesuffix(".lib"))
    return pragmas
