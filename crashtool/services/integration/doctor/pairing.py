"""Which crashpad_handler a program would start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.model.doctor import HANDLER, PROGRAM, Subject
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.sniffing import sniff

USUAL_NAME = "crashpad_handler"
MAX_ENTRIES = 2_000  # of a folder in which a named program lies
BUNDLE_CONTENTS = ".app/Contents/"


def find_handlers(program: Subject, examination: Examination) -> tuple[str, ...]:
    """The handlers that a program surely starts, the likeliest first; none when it is not known.

    The one that the settings name comes before those in the program's own folder, these before
    those elsewhere in its bundle. A handler somewhere else counts when it is the only one, and the
    program is.
    """
    beside = examination.recall(list_handlers, str(Path(program.path).parent))
    given = [subject.path for subject in examination.of_kind(HANDLER)]
    bundle = _find_bundle(program.path)
    inside = [path for path in given if bundle and Path(path).as_posix().startswith(bundle)]
    configured = examination.options.settings.get("handler")
    named = [str(Path(configured))] if configured else []
    alone = given if len(given) == len(examination.of_kind(PROGRAM)) == 1 else []
    return tuple(dict.fromkeys((*named, *beside, *inside, *alone)))


def find_programs(handler: Subject, examination: Examination) -> Iterator[Subject]:
    """The programs that would start a handler."""
    for program in examination.of_kind(PROGRAM):
        if handler.path in find_handlers(program, examination)[:1]:
            yield program


def is_beside(handler: str, program: str) -> bool:
    """Whether both lie in one folder."""
    return Path(handler).absolute().parent == Path(program).absolute().parent


def _find_bundle(path: str) -> str:
    """The path of the bundle around a program, up to its Contents/; "" without one."""
    before, separator, _ = path.replace("\\", "/").rpartition(BUNDLE_CONTENTS)
    return before + separator if separator else ""


def list_handlers(folder: str) -> tuple[str, ...]:
    """The handlers in a folder, by name: the one that is called as it should be comes first."""
    handlers = []
    with os.scandir(folder) as entries:
        for entry, _ in zip(entries, range(MAX_ENTRIES), strict=False):
            path = str(Path(entry.path))
            if "handler" not in entry.name.lower():
                continue
            try:
                kinds = sniff(path)
            except (InputUnusable, OSError):
                continue
            if HANDLER in kinds:
                handlers.append(path)
    return tuple(sorted(handlers, key=lambda path: (Path(path).stem != USUAL_NAME, path)))
