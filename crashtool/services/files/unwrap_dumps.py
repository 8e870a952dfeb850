"""Minidumps in wrappers: packed files, archives, saved upload bodies, and these in one another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from crashtool.errors import CrashtoolError, InputUnusable, MalformedFile
from crashtool.formats.archives.archive_streams import (
    ArchiveMember,
    ArchiveStream,
    Rejoined,
    Slice,
    read_fully,
)
from crashtool.formats.archives.bounds import Budget
from crashtool.formats.attributes import Attachment, Attribute
from crashtool.formats.multipart import FormPart, FormText, parse_multipart
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.services.files.scratch import Scratch

SIGNATURE = b"MDMP"
FORM_MARK, FORM_HEADER = b"--", b"content-disposition: form-data"
HEAD = 1024  # bytes that tell what a file is
MINIDUMP_NAMES = ("upload_file_minidump", "upload_file")
LOGIN = ("token", "format")  # fields that are not of the report, but of the server it went to
MAX_UNPACKED = 1 << 34  # bytes; the largest full-memory dumps are smaller
MAX_FIELD, MAX_FIELDS = 1 << 20, 32 << 20  # bytes; what is longer is no annotation
MAX_DUMPS = 100  # of a form: a handler sends one, a browser one of each process
DEPTH = 3  # a zip of gzipped request bodies
FORM = "a form body"


class DumpFile(NamedTuple):
    """A minidump to read at `file`. `path` is how to call it; `size` is in bytes.

    `note` says what it was taken out of. A `temporary` file is the reader's to remove. What comes
    from a database has its report's `attachments`; what comes from a form body has the form's
    `fields`, and its files as attachments, which are temporary as well.
    """

    path: str
    file: Path
    size: int
    note: str | None = None
    temporary: bool = False
    attachments: tuple[Attachment, ...] = ()
    fields: tuple[Attribute, ...] = ()

    def discard(self) -> None:
        """Remove the file if it was only unpacked, and what was unpacked with it."""
        if self.temporary:
            remove(str(self.file))
            self.discard_attachments()

    def discard_attachments(self) -> None:
        """Remove what was unpacked with the file."""
        if self.temporary:
            for attachment in self.attachments:
                remove(attachment.path)


class UnusableInput(NamedTuple):
    """An input that gives no minidump, and why. `passing`: it ends by itself, as a lock does."""

    path: str
    error: CrashtoolError
    passing: bool = False


class ByteStream(Protocol):
    """Anything whose bytes can be read."""

    def read(self, size: int = ..., /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


class _Form(NamedTuple):
    """What a form body has besides its minidumps."""

    fields: tuple[Attribute, ...] = ()
    attachments: tuple[Attachment, ...] = ()


class _Origin(NamedTuple):
    """A file to look into: how to call it, what it was taken out of, how deep it lies in what.

    `is_member`: it is one of many in an archive, where a file without a minidump is no fault.
    """

    shown: str
    note: str | None = None
    depth: int = 0
    is_member: bool = False
    form: _Form = _Form()

    def inside(
        self, name: str, kind: str, *, is_member: bool, form: _Form | None = None
    ) -> _Origin:
        shown = f"{self.shown}:{name}" if name else self.shown
        note = f"{self.note}, out of {kind}" if self.note else f"out of {kind}"
        return _Origin(shown, note, self.depth + 1, is_member, form or self.form)


def open_input(path: Path, shown: str, spool: Scratch) -> Iterator[DumpFile | UnusableInput]:
    """The dump in a file, or the dumps in what it wraps, unpacked to `spool`.

    A file that wraps nothing is taken for a dump whatever it holds: its reader has the better
    words for what is wrong with it.
    """
    yield from _Unwrapping(spool, Budget(path.stat().st_size)).open(path, _Origin(shown))


def is_dump_or_form(head: bytes) -> bool:
    """Whether the first HEAD bytes are those of a minidump or of a form body."""
    return head.startswith(SIGNATURE) or _is_form(head)


def is_wrapper(head: bytes) -> bool:
    """Whether the first HEAD bytes are those of something that may hold minidumps."""
    if head.startswith(SIGNATURE):
        return False
    from crashtool.formats.archives.opening import is_archive, is_packed  # slow to load

    return is_archive(head) or is_packed(head) or _is_form(head)


def holds_dump(file: Path) -> bool:
    """Whether the content is a minidump, a form body, or a packed file or zip with one in it.

    Other archives are looked into only when they are named: to know what they hold, all of them
    would have to be unpacked.
    """
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD)
            if head.startswith(SIGNATURE):
                return True
            from crashtool.formats.archives import zip_file
            from crashtool.formats.archives.opening import is_packed

            budget = Budget(os.fstat(stream.fileno()).st_size)
            if is_packed(head):
                return is_dump_or_form(_peek(Rejoined(head, stream), head, budget))
            if head.startswith(zip_file.MAGICS):
                members = zip_file.walk_members(stream, budget)
                return any(_holds(member, budget) for member in members)
    except PermissionError:
        raise
    except (OSError, InputUnusable):
        return False  # whatever it is, it is not a wrapper around a dump
    return is_dump_or_form(head)


def _holds(member: ArchiveMember, budget: Budget) -> bool:
    from crashtool.formats.archives.opening import is_packed

    if member.obstacle or member.is_folder:
        return False
    head = read_fully(member.stream, HEAD)
    if is_packed(head):
        head = _peek(Rejoined(head, member.stream), head, budget)
    return is_dump_or_form(head)


def _peek(packed: ArchiveStream, head: bytes, budget: Budget) -> bytes:
    from crashtool.formats.archives.opening import unpack

    return read_fully(unpack(packed, head, budget), HEAD)


def _is_form(head: bytes) -> bool:
    return head.startswith(FORM_MARK) and FORM_HEADER in head.lower()


class _Unwrapping:
    """The opening of one input, which has one budget for all that is in it."""

    def __init__(self, spool: Scratch, budget: Budget) -> None:
        self._spool = spool
        self._budget = budget

    def open(self, path: Path, origin: _Origin) -> Iterator[DumpFile | UnusableInput]:
        """The dumps in a file; of a file in the spool nothing is left but those."""
        is_spooled = self._spool.holds(path)
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        if not is_wrapper(head) or origin.depth == DEPTH:
            if origin.is_member and not is_dump_or_form(head):
                remove(str(path))
                if is_wrapper(head):
                    deep = InputUnusable(f"{origin.shown}: in {DEPTH} archives", hint="unpack it")
                    yield UnusableInput(origin.shown, deep)
                return
            yield DumpFile(
                origin.shown,
                path,
                path.stat().st_size,
                origin.note,
                is_spooled,
                origin.form.attachments,
                origin.form.fields,
            )
            return
        try:
            yield from self._walk(path, head, origin)
        except MalformedFile as error:
            what = f"{origin.shown} is {_kind_of(head)} and damaged: {error.what}"
            yield UnusableInput(origin.shown, InputUnusable(what))
        except InputUnusable as error:
            what = f"{origin.shown}: {error.what}"
            yield UnusableInput(origin.shown, InputUnusable(what, hint=error.hint))
        finally:
            if is_spooled:
                remove(str(path))

    def _walk(self, path: Path, head: bytes, origin: _Origin) -> Iterator[DumpFile | UnusableInput]:
        is_found = False
        if _is_form(head):
            items = self._walk_form(path, origin)
        else:
            items = self._walk_archive(path, head, origin)
        for item in items:
            is_found = True
            yield item
        if not (is_found or origin.is_member):
            raise InputUnusable(f"{_kind_of(head)} without a minidump in it")

    def _walk_archive(
        self, path: Path, head: bytes, origin: _Origin
    ) -> Iterator[DumpFile | UnusableInput]:
        from crashtool.formats.archives import zip_file
        from crashtool.formats.archives.opening import walk_contents

        kind, unreadable = _kind_of(head), ""
        with path.open("rb") as file:
            for member in walk_contents(file, head, self._budget, path.name):
                if member.is_folder:
                    continue
                if member.obstacle:
                    unreadable = unreadable or f"'{member.name}' in it is {member.obstacle}"
                    continue
                is_lone = member.size is None
                inner = origin.inside(
                    "" if is_lone else member.name, kind, is_member=origin.is_member or not is_lone
                )
                try:
                    unpacked = self._take(member, is_lone=is_lone)
                except MalformedFile as error:
                    if not head.startswith(zip_file.MAGICS):
                        raise
                    damaged = InputUnusable(f"{inner.shown} is damaged: {error.what}")
                    yield UnusableInput(inner.shown, damaged)
                    continue
                if unpacked:
                    with self._budget.inside():
                        yield from self.open(unpacked, inner)
        if unreadable:
            yield UnusableInput(origin.shown, InputUnusable(f"{origin.shown}: {unreadable}"))

    def _take(self, member: ArchiveMember, *, is_lone: bool) -> Path | None:
        """A member in the spool, if it may hold a minidump."""
        head = read_fully(member.stream, HEAD)
        if is_lone or is_wrapper(head) or is_dump_or_form(head):
            return spool_stream(Rejoined(head, member.stream), self._spool)
        return None

    def _walk_form(self, path: Path, origin: _Origin) -> Iterator[DumpFile | UnusableInput]:
        """Each minidump of a form, with the form's fields and its other files."""
        with path.open("rb") as file:
            dumps, files, fields = _sort_parts(path)
            named = [(part.name, part.filename or part.name) for part in files]
            kind = _describe_form(len(fields), [filename for _, filename in named])
            for part in dumps:
                attachments = []
                for (name, _), listed in zip(named, files, strict=True):
                    copy = spool_stream(
                        Slice(file, listed.start, listed.end - listed.start), self._spool
                    )
                    attachments.append(Attachment(name, str(copy)))
                form = _Form(fields, tuple(attachments))
                own = "" if len(dumps) == 1 else part.filename or part.name
                unpacked = spool_stream(Slice(file, part.start, part.end - part.start), self._spool)
                inner = origin.inside(own, kind, is_member=False, form=form)
                yield from self.open(unpacked, inner)


def _sort_parts(path: Path) -> tuple[list[FormPart], list[FormPart], tuple[Attribute, ...]]:
    """A form's minidumps, its other files, and its fields. MalformedFile when it is damaged."""
    dumps, files, fields = [], [], []
    left = MAX_FIELDS
    with path.open("rb") as file:
        data = FormText(file)
        for part in parse_multipart(data):
            size = part.end - part.start
            if part.name in MINIDUMP_NAMES or data[part.start : part.start + 4] == SIGNATURE:
                dumps.append(part)
            elif part.filename is not None or size > min(MAX_FIELD, left):
                files.append(part)
            elif part.name not in LOGIN:
                left -= size
                value = data[part.start : part.end].decode("utf-8", "surrogateescape")
                fields.append(Attribute(part.name, value))
    if len(dumps) > MAX_DUMPS:
        raise InputUnusable(f"a form body with {len(dumps):,} minidumps", hint="unpack it")
    return dumps, files, tuple(fields)


def _describe_form(fields: int, files: list[str]) -> str:
    parts = [f"{fields} field{'' if fields == 1 else 's'}"] if fields else []
    parts += [f"attached: {', '.join(files)}"] if files else []
    return f"{FORM} ({'; '.join(parts)})" if parts else FORM


def _kind_of(head: bytes) -> str:
    from crashtool.formats.archives.opening import name_kind

    return FORM if _is_form(head) else name_kind(head)


def spool_stream(stream: ByteStream | ArchiveStream, spool: Scratch) -> Path:
    """Copy a stream to a new file in `spool`. InputUnusable when that is too much, MachineFault
    when no disk has room for it.
    """
    return Path(spool.keep(_Bounded(stream)))


class _Bounded:
    """A stream that ends with InputUnusable where it gets too long."""

    def __init__(self, stream: ByteStream | ArchiveStream) -> None:
        self._stream = stream
        self._size = 0

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self._size += len(block)
        if self._size >= MAX_UNPACKED:
            raise InputUnusable(f"holds {MAX_UNPACKED:,} bytes or more")
        return block


def remove(name: str) -> None:
    """Remove a file of the spool."""
    with suppress(OSError):  # the folder's owner removes all of it later
        Path(name).unlink()
