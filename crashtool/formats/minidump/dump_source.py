"""The bytes of a minidump, what was found wrong in them, and the limits that keep reading cheap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from crashtool.errors import MalformedFile
from crashtool.formats.minidump.structs import Count, ListHeader, ListHeader64
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.record import Record

if TYPE_CHECKING:
    from crashtool.formats.record import Buffer

MAX_ENTRIES = 1 << 17
"""List entries read from one dump, memory ranges apart: a guard against many lists in one place."""
ERROR_COST = 16
MAX_BYTES = 1 << 25
"""Bytes of strings, values and texts read from one dump."""
MAX_TEXT = 1 << 20
MAX_UTF16 = 1 << 16
"""Bytes of one UTF-16 string: Windows' longest path, 32,767 units, fits."""
FILE_NAMES = frozenset({MODULE_NAME := "module name", UNLOADED_NAME := "unloaded module's name"})
MAX_PROBLEMS = 100
MAX_REPEATS = 5

AnyRecord = TypeVar("AnyRecord", bound=Record)


class DumpProblem(NamedTuple):
    """Damage that was tolerated; `offset` is in bytes from the start of the file."""

    offset: int | None
    sentence: str


class Location(NamedTuple):
    """A place in the file: `size` bytes from `rva` on; an RVA of 0 means absent."""

    size: int
    rva: int


class Text(NamedTuple):
    """`size` bytes of text from `rva` on. Of a `path`, the last part names a module's file."""

    rva: int
    size: int
    is_path: bool = False


class DumpSource:
    """A minidump's bytes. What one dump may cost in entries and bytes is bounded as a whole.

    Methods called `find_` note damage and give less; the others raise MalformedFile.
    """

    def __init__(self, data: Buffer) -> None:
        self.data = data
        self.size = len(data)
        self.problems: list[DumpProblem] = []
        self._times_noted: dict[str, int] = {}
        self.platform = "unknown"
        self.architecture = "unknown"
        self._entries_left = MAX_ENTRIES
        self._bytes_left = MAX_BYTES
        self._strings: dict[tuple[int, bool], str] = {}
        self.texts: dict[int, Text] = {}
        self.furthest = 0
        """Where the last of all that was asked for ends; behind `size` in a file that was cut."""

    def remember_text(self, location: Location, *, is_path: bool = False) -> None:
        """Note where a text stands that has just been read, without what measures it."""
        if location.size:
            self.texts.setdefault(location.rva, Text(location.rva, location.size, is_path))

    def note(self, sentence: str, offset: int | None = None) -> None:
        """Record tolerated damage; of the same damage in many places, the first few."""
        times = self._times_noted.get(sentence, 0) + 1
        self._times_noted[sentence] = times
        if times > MAX_REPEATS + 1 or len(self.problems) > MAX_PROBLEMS:
            return
        problem = DumpProblem(offset, sentence)
        if len(self.problems) == MAX_PROBLEMS:
            problem = DumpProblem(None, "there are more problems than are listed here")
        elif times > MAX_REPEATS:
            problem = DumpProblem(None, f"{sentence}: in more places than are listed here")
        if problem not in self.problems:
            self.problems.append(problem)

    def note_error(self, error: MalformedFile) -> None:
        """Record an error that ended the reading of one part; it costs as much as many entries."""
        self._entries_left = max(0, self._entries_left - ERROR_COST)
        self.note(error.what.removesuffix(f" at offset {error.offset:#x}"), error.offset)

    def read_bytes(self, location: Location, what: str) -> bytes:
        """All bytes of a place; MalformedFile when some are missing, or when it is too much."""
        self._reach(location)
        if location.rva + location.size > self.size:
            raise MalformedFile(
                f"{what} of {location.size} bytes ends after the file", offset=location.rva
            )
        if location.size > self._bytes_left:
            raise MalformedFile(f"{what} left out: too much text in this dump", offset=location.rva)
        self._bytes_left -= location.size
        return bytes(self.data[location.rva : location.rva + location.size])

    def find_bytes(self, location: Location, what: str, limit: int = MAX_TEXT) -> bytes:
        """As many of a place's bytes as there are, `limit` at most; a loss is noted."""
        self._reach(location)
        size = min(location.size, limit, max(0, self.size - location.rva))
        if size < location.size:
            self.note(f"{what}: {size} of {location.size} bytes read", location.rva)
        return self.read_bytes(Location(size, location.rva), what)

    def read_utf16(self, rva: int, what: str = "string") -> str:
        """A MINIDUMP_STRING: byte length, then UTF-16. Ill-formed characters become U+FFFD."""
        return self._read_string(rva, what, wide=True)

    def read_utf8(self, rva: int, what: str = "string") -> str:
        """A MinidumpUTF8String: byte length, then UTF-8. Other bytes are held as surrogates."""
        return self._read_string(rva, what, wide=False)

    def find_utf16(self, rva: int, what: str) -> str | None:
        """A MINIDUMP_STRING; None when there is none or, with a note, when it cannot be read."""
        if not rva:
            return None
        try:
            return self.read_utf16(rva, what)
        except MalformedFile as error:
            self.note_error(error)
            return None

    def read_list(
        self,
        kind: type[AnyRecord],
        location: Location,
        what: str,
        *,
        padded: bool = False,
        limit: int | None = None,
    ) -> Iterator[AnyRecord]:
        """The entries of a 32-bit count and what follows it; those that fit, the rest is noted.

        `padded` lists are those that Breakpad's compilers aligned: 4 bytes after the count.
        `limit` is as for read_entries.
        """
        self.check_inside(Count.SIZE, location, what)
        count = Count.read(self.data, location.rva).entry_count
        spare = location.size - Count.SIZE - count * kind.SIZE
        start = Count.SIZE * 2 if padded and spare == Count.SIZE else Count.SIZE
        return self.read_entries(kind, location, start, count, what, limit=limit)

    def read_sized_list(
        self,
        kind: type[AnyRecord],
        location: Location,
        what: str,
        header: type[ListHeader | ListHeader64],
    ) -> Iterator[AnyRecord]:
        """The entries of a list whose header gives its own size and that of an entry."""
        self.check_inside(header.SIZE, location, what)
        opening = header.read(self.data, location.rva)
        if opening.header_size < header.SIZE or opening.entry_size < kind.SIZE:
            raise MalformedFile(
                f"{what} with a header of {opening.header_size} and entries of "
                f"{opening.entry_size} bytes, too small",
                offset=location.rva,
            )
        return self.read_entries(
            kind, location, opening.header_size, opening.entry_count, what, step=opening.entry_size
        )

    def check_inside(self, size: int, location: Location, what: str) -> None:
        """MalformedFile unless a place has `size` bytes, all in the file."""
        self._reach(location)
        if min(location.size, self.size - location.rva) < size:
            raise MalformedFile(f"{what} cut short", offset=location.rva)

    def read_entries(
        self,
        kind: type[AnyRecord],
        location: Location,
        start: int,
        count: int,
        what: str,
        *,
        step: int = 0,
        limit: int | None = None,
    ) -> Iterator[AnyRecord]:
        """`count` entries from `start` bytes into a place on; those that fit, the rest is noted.

        `step` is an entry's size where it is not that of `kind`; `limit` bounds this list alone,
        for lists too long for the bound that all share.
        """
        step = step or kind.SIZE
        self._reach(location)
        room = max(0, min(location.size, self.size - location.rva) - start) // step
        usable = min(count, room, self._entries_left if limit is None else limit)
        if usable < count:
            reason = "fit" if usable == room else "read: too many entries in this dump"
            self.note(f"{what}: {usable} of {count} entries {reason}", location.rva)
        if limit is None:
            self._entries_left -= usable
        return kind.read_array(self.data, min(location.rva + start, self.size), usable, stride=step)

    def _reach(self, location: Location) -> None:
        self.furthest = max(self.furthest, location.rva + location.size)

    def _read_string(self, rva: int, what: str, *, wide: bool) -> str:
        kept = self._strings.get((rva, wide))
        if kept is not None:
            return kept
        self._reach(Location(Count.SIZE, rva))
        if rva + Count.SIZE > self.size:
            raise MalformedFile(f"{what} starts after the end of the file", offset=rva)
        size = Count.read(self.data, rva).entry_count
        self._reach(Location(size, rva + Count.SIZE))
        limit = MAX_UTF16 if wide else MAX_TEXT
        if size > limit and rva + size <= self.size:
            self.note(f"{what}: {limit} of {size} bytes read", rva)
            size = limit
        raw = self.read_bytes(Location(size, rva + Count.SIZE), what)
        self.remember_text(Location(size, rva + Count.SIZE), is_path=what in FILE_NAMES)
        if wide:
            text = raw.decode("utf-16-le", "replace")
        else:
            text = raw.decode("utf-8", "surrogateescape")
        self._strings[rva, wide] = text
        return text


def decode_buffer(raw: bytes) -> str:
    """The text of a fixed UTF-16 buffer, up to its first NUL."""
    return raw.decode("utf-16-le", "replace").partition("\0")[0]
