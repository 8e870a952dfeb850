"""Paths to reports: dumps opened one by one, each analysed, none able to stop the others."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from crashtool.errors import CrashtoolError, UsageError
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.crash import CrashReport, Handle, MemoryExcerpt
from crashtool.services.analyze.assemble_report import analyze
from crashtool.services.analyze.stacks import Consumer, SymbolProvider, walk_stacks

if TYPE_CHECKING:
    from crashtool.formats.attributes import Attribute
    from crashtool.services.analyze.variables.wanted import WantedVariables

MAX_MEMORY = 1 << 20
DEFAULT_MEMORY = 256
PLAIN_HEAD = b"MDMP"


class InspectOptions(NamedTuple):
    """What to read besides the report. `memory`: places as given, `ADDRESS[:SIZE]`.

    `symbols`: where modules' files come from; `all_threads`: walk more than the crashed one.
    `source`: folders to take source lines from; `secrets`: count what looks like one.
    `variables` asks for those of functions. `warn` hears what is left out for want of a library.
    `until`: who takes the crashed stack's frames, and may have enough of them; the report is then
    no more than it has taken, and has no conclusions from the stack.
    """

    handles: bool = False
    memory: tuple[str, ...] = ()
    symbols: SymbolProvider | None = None
    all_threads: bool = False
    source: tuple[str, ...] = ()
    secrets: bool = False
    variables: WantedVariables | None = None
    warn: Callable[[str], None] = lambda _sentence: None
    until: Consumer | None = None


class Unreadable(NamedTuple):
    """An input that gave no report."""

    path: str
    error: CrashtoolError


class FoundDump(NamedTuple):
    """A minidump to read at `file`; `path` is what the user calls it.

    `note` says what it was taken out of, `fields` what a form said besides. A `temporary` file is
    to be discarded once it was read.
    """

    file: str
    path: str
    note: str = ""
    fields: tuple[Attribute, ...] = ()
    temporary: bool = False

    def discard(self) -> None:
        """Remove the file if it was only unpacked."""
        if self.temporary:
            with suppress(OSError):
                os.unlink(self.file)  # noqa: PTH108 (pathlib costs start-up time)


def walk_dumps(paths: Sequence[str], stack: ExitStack) -> Iterator[FoundDump | Unreadable]:
    """Every dump that the paths stand for: files, folders, globs, `-` for stdin.

    What had to be unpacked is there until it is discarded, or until `stack` is closed.
    """
    for path in paths:
        if _is_plain_dump(path):
            yield FoundDump(path, path)
        else:
            yield from _walk_others(path, stack)


def _is_plain_dump(path: str) -> bool:
    """Whether the path is a file that needs no unpacking: what nearly all calls are about."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 (pathlib costs start-up time)
            return False
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read(len(PLAIN_HEAD)) == PLAIN_HEAD
    except (OSError, ValueError):
        return False


def _walk_others(path: str, stack: ExitStack) -> Iterator[FoundDump | Unreadable]:
    from crashtool.services.files.dump_files import find_dumps
    from crashtool.services.files.scratch import Scratch
    from crashtool.services.files.unwrap_dumps import UnusableInput

    spool = stack.enter_context(Scratch())
    for dump in find_dumps([path], spool, getattr(sys.stdin, "buffer", None)):
        if isinstance(dump, UnusableInput):
            yield Unreadable(dump.path, dump.error)
            continue
        dump.discard_attachments()
        yield FoundDump(
            os.fspath(dump.file), dump.path, dump.note or "", dump.fields, dump.temporary
        )


def read_found(dump: FoundDump, wanted: InspectOptions) -> CrashReport | Unreadable:
    """The report of a dump, with what its wrapper says of it. UsageError as of `read_report`."""
    read = _read_one(dump.file, dump.path, wanted)
    if isinstance(read, Unreadable) or not dump.note:
        return read
    from crashtool.services.analyze.dump_annotations import add_form_fields

    annotations = add_form_fields(read.annotations, dump.fields)
    return read._replace(annotations=annotations, origin=dump.note)


def read_report(file: str, path: str, wanted: InspectOptions) -> CrashReport:
    """The report of one plain minidump, `path` being what the user calls it.

    InputUnusable when it is no minidump, UsageError when `wanted` cannot be had.
    """
    with Minidump.open(file) as dump:
        report = analyze(dump, path)
        report = walk_stacks(
            dump,
            report,
            wanted.symbols,
            all_threads=wanted.all_threads,
            variables=wanted.variables,
            warn=wanted.warn,
            until=wanted.until,
        )
        if wanted.until:
            return report
        if wanted.symbols or _leads_through_unloaded(report):
            from crashtool.services.analyze.stack_hints import add_stack_hints  # needs names

            report = add_stack_hints(report)
        if wanted.handles:
            report = report._replace(handles=_read_handles(dump))
        if wanted.memory:
            memory = tuple(_read_memory(dump, report, text) for text in wanted.memory)
            report = report._replace(memory=memory)
    if wanted.source:
        from crashtool.services.analyze.source_lines import attach_source  # seldom asked for

        report = attach_source(report, wanted.source)
    if wanted.secrets:
        from crashtool.services.analyze.secrets import count_secrets  # seldom asked for

        report = report._replace(secrets=count_secrets(file))
    return report


def _read_one(file: str, path: str, wanted: InspectOptions) -> CrashReport | Unreadable:
    try:
        return read_report(file, path, wanted)
    except UsageError:
        raise
    except CrashtoolError as error:
        if file != path:  # it was unpacked: nobody knows it by the name it has now
            error.what = error.what.replace(file, path)
        return Unreadable(path, error)


def _leads_through_unloaded(report: CrashReport) -> bool:
    thread = report.crashed_thread
    return thread is not None and any(frame.unloaded for frame in thread.frames)


def _read_handles(dump: Minidump) -> tuple[Handle, ...]:
    return tuple(
        Handle(item.handle, item.type_name or "", item.object_name or "", item.granted_access)
        for item in dump.handles
    )


def _read_memory(dump: Minidump, report: CrashReport, text: str) -> MemoryExcerpt:
    """The memory at `ADDRESS[:SIZE]`, as much of it as the dump holds in one piece."""
    start, _, length = text.partition(":")
    address, size = _parse_address(start, report), _parse_number(length or str(DEFAULT_MEMORY))
    if not 0 < size <= MAX_MEMORY:
        raise UsageError(
            f"--memory {text}: {size:,} bytes; 1 to {MAX_MEMORY:,} are shown",
            hint="write ADDRESS:SIZE, as in rsp:128",
        )
    content = dump.memory.read(address, size)
    if content is None and (span := dump.memory.find_range(address)):
        content = dump.memory.read(address, min(size, span.start + span.size - address))
    return MemoryExcerpt(address, content)


def _parse_address(text: str, report: CrashReport) -> int:
    """A number, or a register of the crashed thread."""
    thread = report.crashed_thread
    if thread and thread.registers and text in thread.registers.values:
        return thread.registers.values[text]
    return _parse_number(text)


def _parse_number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise UsageError(
            f"{text!r} is neither a number nor a register of the crashed thread",
            hint="write it as 0x7ffe0000 or 0x7ffe0000:512, or name a register, as in rsp:128",
        ) from None
