"""Archives and packed files: what may be a debug file is unpacked to a scratch folder.

Only members whose first bytes are those of a debug file are unpacked, and archives in archives, to
be looked into; the size of the rest does not matter. What could not be looked into is named.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives import zip_file
from crashtool.formats.archives.archive_streams import (
    ArchiveMember,
    ArchiveStream,
    Rejoined,
    read_fully,
)
from crashtool.formats.archives.bounds import Budget, TooMuch
from crashtool.formats.archives.closed import find_closed
from crashtool.formats.archives.opening import HEAD_BYTES, is_archive, is_packed, walk_contents
from crashtool.formats.archives.refusals import NotOpened
from crashtool.formats.breakpad.symbol_header import MAGIC
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.identify import looks_like_object
from crashtool.formats.text_file import MARKS, UTF8, find_encoding
from crashtool.services.files.scratch import Scratch

DEPTH = 4  # an archive in an archive in …
UNPACK_IT = "unpack it, and give the folder"
BLOCK = 1 << 20  # bytes
TEXT_MAGICS = tuple(
    mark + MAGIC.decode("ascii").encode(encoding) for mark, encoding in MARKS
) + tuple(MAGIC.decode("ascii").encode(encoding) for encoding in ("utf-16-le", "utf-16-be"))


class Unpacked(NamedTuple):
    """A file out of an archive: its name in there, and where its bytes are now.

    `place` is the name in the archive that it lies in itself, when that is in another.
    """

    name: str
    source: str
    place: str


class Unopened(NamedTuple):
    """A member that nobody has looked into, and why; the name is "" for several, and for all.

    `closed`: it is of a kind that is never opened here, such as an installer.
    """

    name: str
    reason: str
    hint: str
    closed: bool = False


def is_pack(head: bytes) -> bool:
    """Whether the first HEAD_BYTES are those of what `walk_archive` opens: also text in UTF-16."""
    return is_archive(head) or is_packed(head) or head.startswith(TEXT_MAGICS)


def walk_archive(path: str, head: bytes, scratch: Scratch) -> Iterator[Unpacked | Unopened]:
    """The debug files in an archive or packed file, unpacked; names are as the archive has them.

    `head` are its first HEAD_BYTES. Archives in it are opened as well: a member's name is then the
    archive's, a colon, its own. InputUnusable when the archive is damaged or unpacks to too much;
    what came before has been given.
    """
    budget = Budget(Path(path).stat().st_size, scratch.allowance)
    walk = _ArchiveWalk(scratch, budget)
    try:
        if head.startswith(TEXT_MAGICS):
            yield walk.take_text(path)
            return
        yield from walk.walk(path, head, Path(path).name, "", 1)
    except NotOpened as error:
        yield Unopened("", error.what, error.hint or UNPACK_IT, closed=True)
    except MalformedFile as error:
        raise InputUnusable(f"cannot be unpacked: {error.what}", hint=error.hint) from None


class _ArchiveWalk:
    """One walk through an archive and what is in it; all of it has one budget."""

    def __init__(self, scratch: Scratch, budget: Budget) -> None:
        self._scratch = scratch
        self._budget = budget

    def walk(
        self, path: str, head: bytes, name: str, prefix: str, depth: int
    ) -> Iterator[Unpacked | Unopened]:
        """`name` is the archive's own, `prefix` what stands before those of its members."""
        obstacles: Counter[str] = Counter()
        first: dict[str, str] = {}
        with Path(path).open("rb") as file:
            for member in walk_contents(file, head, self._budget, name):
                if member.is_folder:
                    continue
                obstacle = member.obstacle
                if not obstacle:
                    is_lone = member.size is None
                    full = member.name if is_lone else prefix + member.name
                    # what was packed alone has the name of the packed file, as that is known
                    own = full.rpartition(":")[2] if is_lone and depth > 1 else member.name
                    try:
                        yield from self._take(member._replace(name=own), full, depth)
                    except MalformedFile as error:
                        if not head.startswith(zip_file.MAGICS):
                            raise
                        obstacle = f"damaged ({error.what})"  # the others can be read all the same
                if obstacle:
                    kind = obstacle.partition(" (")[0]
                    obstacles[kind] += 1
                    first.setdefault(kind, f"'{member.name}' is {obstacle}")
        for kind, count in obstacles.items():
            more = f"; so are {count - 1:,} more" if count > 1 else ""
            yield Unopened(prefix.removesuffix(":"), first[kind] + more, UNPACK_IT)

    def take_text(self, path: str) -> Unpacked:
        """A symbol file that is not written in UTF-8."""
        with Path(path).open("rb") as file:
            name = Path(path).name
            return Unpacked(name, self._keep_text(file), name)

    def _keep_text(self, stream: ArchiveStream) -> str:
        try:
            return self._scratch.keep(_Utf8Text(stream))
        except UnicodeError as error:
            raise InputUnusable(f"its text is damaged: {error}") from None

    def _take(self, member: ArchiveMember, name: str, depth: int) -> Iterator[Unpacked | Unopened]:
        head = read_fully(member.stream, HEAD_BYTES)
        whole = Rejoined(head, member.stream)
        closed = find_closed(head)
        if head.startswith(TEXT_MAGICS):
            yield Unpacked(name, self._keep_text(whole), member.name)
        elif closed:
            yield Unopened(name, closed.sentence, closed.hint, closed=True)
        elif not is_archive(head) and (looks_like_object(head) or ".dSYM/" in member.name):
            yield Unpacked(name, self._scratch.keep(whole), member.name)
        elif is_archive(head) or is_packed(head):
            if depth == DEPTH:
                yield Unopened(name, f"an archive in {DEPTH} archives", UNPACK_IT)
                return
            source = self._scratch.keep(whole)
            try:
                with self._budget.inside():
                    yield from self.walk(source, head, name, f"{name}:", depth + 1)
            except TooMuch:
                raise
            except NotOpened as error:
                yield Unopened(name, error.what, error.hint or UNPACK_IT, closed=True)
            except InputUnusable as error:
                reason = f"cannot be unpacked: {error.what}"
                yield Unopened(name, reason, error.hint or UNPACK_IT)
            finally:
                self._scratch.drop(source)


class _Utf8Text:
    """A .sym file in UTF-16, or behind a byte order mark, as a stream of plain UTF-8.

    ValueError from `read` for damage. PowerShell 5 makes UTF-16 of `dump_syms … > game.sym`.
    """

    def __init__(self, source: ArchiveStream) -> None:
        encoding, rest = find_encoding(read_fully(source, 4))
        self._source = Rejoined(rest, source)
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ready = bytearray()

    def read(self, size: int) -> bytes:
        """As streams do."""
        while len(self._ready) < size:
            block = self._source.read(BLOCK)
            self._ready += self._decoder.decode(block, final=not block).encode(UTF8)
            if not block:
                break
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken
