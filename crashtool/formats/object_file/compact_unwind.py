"""Mach-O's compact unwind information, as Breakpad's STACK CFI records.

The format: Apple's mach-o/compact_unwind_encoding.h. A function has a number of 32 bits, which says
where its frame is and which registers are saved in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.record import U16, U32, Record

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

VERSION = 1
REGULAR, COMPRESSED = 2, 3
MAX_PAGES = 1 << 16
MODE_SHIFT, MODE_MASK = 24, 0xF
# x86-64: a frame pointer; a stack of a size that is told, or that is in an instruction.
FRAME, IMMEDIATE, INDIRECT = 1, 2, 3
ARM64_FRAMELESS, ARM64_FRAME = 2, 4
SAVED = ("", "$rbx", "$r12", "$r13", "$r14", "$r15", "$rbp")
FRAME_REGISTERS = 5
# What the rest of a permutation is divided by, by how many registers it is of.
DIVISORS = {
    1: (1,),
    2: (5, 1),
    3: (20, 4, 1),
    4: (60, 12, 3, 1),
    5: (120, 24, 6, 2, 1),
    6: (120, 24, 6, 2, 1),
}
ARM64_PAIRS = (("x19", "x20"), ("x21", "x22"), ("x23", "x24"), ("x25", "x26"), ("x27", "x28"))
SLOT = 8  # bytes


class UnwindInfoHeader(Record):
    """struct unwind_info_section_header."""

    version: U32
    encodings: U32
    encoding_count: U32
    personalities: U32
    personality_count: U32
    pages: U32
    page_count: U32


class IndexEntry(Record):
    """struct unwind_info_section_header_index_entry: a page, and its first function."""

    function: U32
    page: U32
    lsdas: U32


class RegularPage(Record):
    """The start of a page of functions with their encodings."""

    kind: U32
    entries: U16
    entry_count: U16


class CompressedPage(Record):
    """The start of a page of functions with numbers of encodings."""

    kind: U32
    entries: U16
    entry_count: U16
    encodings: U16
    encoding_count: U16


class RegularEntry(Record):
    """A function from the image's base, and its encoding."""

    function: U32
    encoding: U32


class UnwindEncoding(Record):
    """What a function's frame is, as one number."""

    value: U32


class CompactFunction(NamedTuple):
    """A function by its address and size, and its encoding."""

    start: int
    size: int
    encoding: int


def walk_compact_records(
    section: bytes, architecture: str, read_code: Callable[[int, int], bytes], described: set[int]
) -> Iterator[str]:
    """The records of a __unwind_info section, without functions at `described` addresses.

    `read_code` gives bytes of code by address from the image's base. What is damaged ends them.
    """
    describe = DESCRIBERS.get(architecture)
    if describe is None:
        return
    try:
        for function in _walk_functions(section):
            rules = None if function.start in described else describe(function, read_code)
            if rules and function.size > 0:
                yield f"STACK CFI INIT {function.start:x} {function.size:x} {rules}\n"
    except MalformedFile:
        return


def _walk_functions(section: Content) -> Iterator[CompactFunction]:
    """All functions, in order; each ends where the next begins."""
    before: tuple[int, int] | None = None
    for start, encoding in _walk_starts(section):
        if before is not None:
            yield CompactFunction(before[0], start - before[0], before[1])
        before = start, encoding


def _walk_starts(section: Content) -> Iterator[tuple[int, int]]:
    """Where each function begins, with its encoding; the end of all last."""
    shared, index = open_index(section)
    for entry in index:
        if not entry.page:
            yield entry.function, 0
        else:
            yield from walk_page(section, entry, shared)


def open_index(section: Content) -> tuple[list[int], list[IndexEntry]]:
    """The encodings that pages share, and the index of pages, whose last entry is the end of all.

    MalformedFile when they do not hold.
    """
    header = UnwindInfoHeader.read(section)
    if header.version != VERSION:
        raise MalformedFile(f"unwind information of version {header.version}", offset=0)
    shared = [
        encoding.value
        for encoding in UnwindEncoding.read_array(section, header.encodings, header.encoding_count)
    ]
    count = min(header.page_count, MAX_PAGES)
    return shared, list(IndexEntry.read_array(section, header.pages, count))


def walk_page(section: Content, entry: IndexEntry, shared: list[int]) -> Iterator[tuple[int, int]]:
    """Where each function of a page begins, with its encoding. MalformedFile for damage."""
    page = RegularPage.read(section, entry.page)
    if page.kind == REGULAR:
        regular_entries = RegularEntry.read_array(
            section, entry.page + page.entries, page.entry_count
        )
        yield from (
            (regular_entry.function, regular_entry.encoding) for regular_entry in regular_entries
        )
    elif page.kind == COMPRESSED:
        yield from _walk_compressed(section, entry, shared)


def _walk_compressed(
    section: Content, entry: IndexEntry, shared: list[int]
) -> Iterator[tuple[int, int]]:
    page = CompressedPage.read(section, entry.page)
    own = UnwindEncoding.read_array(section, entry.page + page.encodings, page.encoding_count)
    encodings = shared + [encoding.value for encoding in own]
    for page_entry in UnwindEncoding.read_array(
        section, entry.page + page.entries, page.entry_count
    ):
        number = page_entry.value >> 24
        if number >= len(encodings):
            raise MalformedFile("an unwind encoding that is not there", offset=entry.page)
        yield entry.function + (page_entry.value & 0xFFFFFF), encodings[number]


def _describe_x86_64(
    function: CompactFunction, read_code: Callable[[int, int], bytes]
) -> str | None:
    encoding = function.encoding
    mode = encoding >> MODE_SHIFT & MODE_MASK
    if mode == FRAME:
        first = 2 * SLOT + SLOT * (encoding >> 16 & 0xFF)
        numbers = [encoding >> 3 * slot & 7 for slot in range(FRAME_REGISTERS)]
        rules = ".cfa: $rbp 16 + $rbp: .cfa -16 + ^ .ra: .cfa -8 + ^"
        return rules + _say_saved(numbers, -first)
    if mode == IMMEDIATE:
        size = SLOT * (encoding >> 16 & 0xFF)
    elif mode == INDIRECT:
        raw = read_code(function.start + (encoding >> 16 & 0xFF), 4)
        size = int.from_bytes(raw, "little") + SLOT * (encoding >> 13 & 7)
        if len(raw) < 4:  # noqa: PLR2004 (bytes of the number)
            return None
    else:
        return None
    numbers = _permute(encoding >> 10 & 7, encoding & 0x3FF)
    rules = f".cfa: $rsp {size} + .ra: .cfa -8 + ^"
    return rules + _say_saved(numbers, -SLOT - SLOT * len(numbers))


def _say_saved(numbers: list[int], first: int) -> str:
    """Rules for registers that are saved one behind the other, from an offset to the frame on."""
    return "".join(
        f" {SAVED[number]}: .cfa {first + SLOT * slot} + ^"
        for slot, number in enumerate(numbers)
        if 0 < number < len(SAVED)
    )


def _permute(count: int, permutation: int) -> list[int]:
    """Which registers are saved: each is told by how many before it are still left."""
    left = list(range(1, len(SAVED)))
    order: list[int] = []
    for divisor in DIVISORS.get(count, ()):
        number, permutation = divmod(permutation, divisor)
        if number >= len(left):
            return []
        order.append(left.pop(number))
    if count == len(SAVED) - 1:
        order.append(left[0])
    return order


def _describe_arm64(function: CompactFunction, _: Callable[[int, int], bytes]) -> str | None:
    encoding = function.encoding
    mode = encoding >> MODE_SHIFT & MODE_MASK
    if mode == ARM64_FRAME:
        rules, place = ".cfa: x29 16 + x29: .cfa -16 + ^ .ra: .cfa -8 + ^", -24
    elif mode == ARM64_FRAMELESS:
        rules, place = f".cfa: sp {16 * (encoding >> 12 & 0xFFF)} + .ra: x30", -8
    else:
        return None
    for number, pair in enumerate(ARM64_PAIRS):
        if encoding >> number & 1:
            rules += "".join(
                f" {name}: .cfa {place - SLOT * slot} + ^" for slot, name in enumerate(pair)
            )
            place -= 2 * SLOT
    return rules


DESCRIBERS: dict[str, Callable[[CompactFunction, Callable[[int, int], bytes]], str | None]] = {
    "x86_64": _describe_x86_64,
    "arm64": _describe_arm64,
}
