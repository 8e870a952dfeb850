"""Uploaded symbols, unpacked, where the next look at a minidump finds them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from crashtool.errors import CrashtoolError, InputUnusable, reason_of
from crashtool.formats.foreign_paths import base_name
from crashtool.services.files.scratch import Scratch
from crashtool.services.receiver.received_report import StoredFile, StoredReport
from crashtool.services.symbols.identified_file import is_object, is_pack, read_head
from crashtool.services.symbols.unpack_symbols import Unopened, walk_archive

FOLDER = "symbols"
PARTIAL = ".partial"
SYMBOLS = "symbols"
MAX_NAME_LENGTH = 100
MAX_FILES = 10_000  # of one upload


class SymbolFolder:
    """The folder `symbols` of an inbox: one folder for each upload, called by its rxid.

    The files in it have the names that they had in the archive, which is half of what they are
    found by; no folder of the archive's is made.
    """

    def __init__(self, inbox: Path) -> None:
        self.path = inbox / FOLDER
        self._placed = 0

    def unpack(
        self, report: StoredReport, complain: Callable[[str], None] = lambda _sentence: None
    ) -> tuple[str, ...]:
        """Put an upload's debug files here, if that has not been done; their names.

        What is not a debug file is left out; what cannot be unpacked is complained of.
        """
        target = self.path / report.rxid
        if target.is_dir():
            return _list_names(target)
        partial = self.path / f"{report.rxid}{PARTIAL}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        self._placed = 0
        with Scratch() as scratch:
            for file in report.files:
                try:
                    self._add(file, partial, scratch, complain)
                except CrashtoolError as error:  # the upload stays as it came
                    complain(str(error))
                except OSError as error:
                    complain(reason_of(error))
        partial.rename(target)
        return _list_names(target)

    def _add(
        self, file: StoredFile, folder: Path, scratch: Scratch, complain: Callable[[str], None]
    ) -> None:
        head = read_head(str(file.path))
        if is_object(head):
            self._place(folder, file.filename or file.name, file.path, keep=True)
        elif is_pack(head):
            for member in walk_archive(str(file.path), head, scratch):
                if isinstance(member, Unopened):
                    complain(f"{member.name or 'the archive'}: {member.reason}")
                else:
                    self._place(folder, member.name, Path(member.source), keep=False)

    def _place(self, folder: Path, name: str, source: Path, *, keep: bool) -> None:
        """Each file has a folder of its own, numbered: two may have one name."""
        self._placed += 1
        if self._placed > MAX_FILES:
            raise InputUnusable(f"more than {MAX_FILES:,} debug files: the others are left out")
        own = folder / str(self._placed)
        own.mkdir()
        target = own / safe_name(name)
        if keep:
            try:
                os.link(source, target)
            except OSError:  # another file system, or one without links
                shutil.copyfile(source, target)
        else:
            shutil.move(source, target)


def _list_names(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in folder.rglob("*") if path.is_file()))


def safe_name(name: str) -> str:
    """The base name of a path in an archive, as every system can have it."""
    base = base_name(name)
    return re.sub(r"[^\w.+@ -]", "_", base)[-MAX_NAME_LENGTH:].strip(". ") or "file"
