"""Functions of an ELF, Mach-O or PE file as blocks of a .sym file, made by several processes."""

from __future__ import annotations

import gc
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO

from crashtool.errors import CrashtoolError, InputUnusable
from crashtool.formats.breakpad.symbol_blocks import SymbolBlock, SymbolBlocks
from crashtool.formats.dwarf.code_records import DwarfRecords
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.symbol_upload.text_spool import TextSpool
from crashtool.services.symbols.demangle import demangle
from crashtool.services.symbols.dwarf_records import open_records
from crashtool.services.workers.processes import count_workers, share_many

if TYPE_CHECKING:
    from crashtool.services.files.scratch import Scratch

SHARE = 12_000_000  # bytes of .debug_info that are worth a share of their own
MAX_SHARES = 8
MAX_NAMES = 1 << 16  # that a process keeps: the shares of a file have many of their names in common
COLLECT_EVERY = 1 << 17  # objects


class DwarfSource(NamedTuple):
    """A file whose functions are wanted, and how."""

    path: str
    architecture: str
    inlines: bool = True
    readable: bool = True


class Share(NamedTuple):
    """Units from number `first` to before `last`, told to a spool of their own.

    `number` of `total` shares.
    """

    number: int
    total: int
    first: int
    last: int
    spool: str = ""


class MadeBlocks(NamedTuple):
    """What was made of a share; the text is in `spool`, or in the file of that name."""

    spool: TextSpool | str
    files: dict[str, int]
    origins: dict[str, int]
    blocks: list[SymbolBlock]
    problems: list[str]


def make_blocks(source: DwarfSource, scratch: Scratch) -> Iterator[MadeBlocks]:
    """The functions that a file's units describe; nothing without any.

    How they are shared depends on the file alone, so that the same file gives the same text.
    InputUnusable when it cannot be read.
    """
    records = open_records(source.path, source.architecture, [], [])
    if records is None:
        raise InputUnusable(
            f"big-endian debug information ({source.architecture}) is not read here"
        )
    units = records.list_units()
    sizes = list(accumulate(unit.end - unit.offset for unit in units))
    count = max(1, min(MAX_SHARES, sizes[-1] // SHARE)) if sizes else 1
    edges = [bisect_left(sizes, sizes[-1] * n // count) if sizes else 0 for n in range(count)]
    edges.append(len(units))
    shares = [Share(number, count, edges[number], edges[number + 1]) for number in range(count)]
    work = _Work(source, records, lambda _: open_spool(name_spool(scratch)))
    if count == 1:
        yield work(shares[0])
        return
    named = (share._replace(spool=name_spool(scratch)) for share in shares)
    maker = f"{__name__}:make_work"
    yield from share_many(named, maker, source, min(count, count_workers(None)), work)


def name_spool(scratch: Scratch) -> str:
    """Where a spool may be; "" where there is no room for files, as in a full temporary folder."""
    try:
        return os.path.join(scratch.make_folder(), "text")  # noqa: PTH118
    except (OSError, CrashtoolError):
        return ""


def open_spool(path: str) -> BinaryIO:
    """An empty file for a spool."""
    return open(path, "w+b", buffering=0)  # noqa: PTH123


def make_work(source: DwarfSource) -> Callable[[Share], MadeBlocks]:
    """What does shares in a process of its own, if the text can be handed over in a file."""
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY)  # nothing here goes in circles: a tenth of the time
    records = open_records(source.path, source.architecture, [], [])
    if records is None:
        raise InputUnusable(source.path)
    work = _Work(source, records, lambda share: open_spool(share.spool))

    def make(share: Share) -> MadeBlocks:
        made = work(share)
        assert isinstance(made.spool, TextSpool)  # noqa: S101 (it is not handed over yet)
        made.spool.save()
        made.spool.close()
        return made._replace(spool=share.spool)

    return make


class _Work:
    """Does one share after the other."""

    def __init__(
        self, source: DwarfSource, records: DwarfRecords, open_file: Callable[[Share], BinaryIO]
    ) -> None:
        self._open_file = open_file
        self._source = source
        self._records = records
        self._spell = lru_cache(MAX_NAMES)(demangle) if source.readable else str

    def __call__(self, share: Share) -> MadeBlocks:
        spool = TextSpool(lambda: self._open_file(share))
        blocks = SymbolBlocks(
            spool,
            self._spell,
            inlines=self._source.inlines,
            first=share.number,
            step=share.total,
        )
        units = self._records.list_units()[share.first : share.last]
        self._records.write(units, blocks)
        return MadeBlocks(
            spool, blocks.files, blocks.origins, blocks.blocks, self._records.problems
        )
