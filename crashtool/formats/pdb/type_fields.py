"""Field lists: the members, base classes and enumerators of a type, in the order of the record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb import codeview as cv

if TYPE_CHECKING:
    from crashtool.formats.pdb.type_records import TypeRecord

FIRST_PADDING = 0xF0  # the lower half of such a byte says how far the next record is
MAX_FIELDS = 1 << 16  # of one type; the lists that continue one another count together
MAX_LISTS = 1 << 10
INTRODUCING = (4, 6)  # CV_mtintro, CV_mtpureintro: methods that have an offset in the vtable


class DataMember(NamedTuple):
    """A member at `offset` bytes from the start of the object; `type` is a type's number."""

    name: str
    type: int
    offset: int


class StaticMember(NamedTuple):
    """A member that is in no object: the record does not say where it is."""

    name: str
    type: int


class BaseClass(NamedTuple):
    """A base class at `offset` bytes; None for a virtual one. That is told by a table: the object
    has its address at `table` bytes, and in it the number `number`, counted from there.
    """

    type: int
    offset: int | None
    table: int = 0
    number: int = 0


class Enumerator(NamedTuple):
    """A name for a value, which may lack its sign: some compilers write -1 as 65535."""

    name: str
    value: int


Field = DataMember | StaticMember | BaseClass | Enumerator


def walk_fields(find: Callable[[int], TypeRecord | None], number: int) -> Iterator[Field]:
    """The fields of a list, and of those that go on where one is full; methods are left out.

    `find` gives a record by its number. MalformedFile for what is no field, and for lists without
    end.
    """
    seen: set[int] = set()
    count = 0
    following: int | None = number
    while following and following not in seen:
        seen.add(following)
        record = find(following)
        if record is None or record.kind != cv.LF_FIELDLIST or len(seen) > MAX_LISTS:
            raise MalformedFile("a list of fields that is not there", offset=0)
        following = None
        for field in _walk_list(record):
            if isinstance(field, int):
                following = field
                continue
            count += 1
            if count > MAX_FIELDS:
                raise MalformedFile("a type of too many fields", offset=record.offset)
            yield field


def _walk_list(record: TypeRecord) -> Iterator[Field | int]:
    """The fields of one record; the number of the list that goes on, where it says so."""
    offset = 0
    while offset + 2 <= len(record.data):
        padding = record.data[offset]
        if padding >= FIRST_PADDING:
            offset += max(padding & 0xF, 1)
            continue
        field, offset = _read_field(record, offset)
        if field is not None:
            yield field


def _read_field(record: TypeRecord, offset: int) -> tuple[Field | int | None, int]:
    """A field and where it ends; None for one that is no data."""
    kind = record.read_short(offset)
    if kind in WITHOUT_DATA:
        return None, WITHOUT_DATA[kind](record, offset)
    if kind in READERS:
        return READERS[kind](record, offset)
    raise MalformedFile(f"a field of kind {kind:#x}", offset=record.offset + offset)


def _read_enumerator(record: TypeRecord, offset: int) -> tuple[Enumerator, int]:
    value, end = record.read_numeric(offset + 4)
    name, end = _read_name(record, end)
    return Enumerator(name, value), end


def _read_member(record: TypeRecord, offset: int) -> tuple[DataMember, int]:
    place, end = record.read_numeric(offset + 8)
    name, end = _read_name(record, end)
    return DataMember(name, record.read_number(offset + 4), place), end


def _read_static(record: TypeRecord, offset: int) -> tuple[StaticMember, int]:
    name, end = _read_name(record, offset + 8)
    return StaticMember(name, record.read_number(offset + 4)), end


def _read_base(record: TypeRecord, offset: int) -> tuple[BaseClass, int]:
    place, end = record.read_numeric(offset + 8)
    return BaseClass(record.read_number(offset + 4), place), end


def _read_virtual_base(record: TypeRecord, offset: int) -> tuple[BaseClass, int]:
    table, end = record.read_numeric(offset + 12)
    number, end = record.read_numeric(end)
    return BaseClass(record.read_number(offset + 4), None, table, number), end


def _read_index(record: TypeRecord, offset: int) -> tuple[int, int]:
    return record.read_number(offset + 4), offset + 8


def _read_name(record: TypeRecord, offset: int) -> tuple[str, int]:
    end = record.data.find(b"\0", offset)
    if end < 0:
        raise MalformedFile("a field's name without end", offset=record.offset + offset)
    return record.data[offset:end].decode("utf-8", "replace"), end + 1


def _after_name(start: int) -> Callable[[TypeRecord, int], int]:
    return lambda record, offset: _read_name(record, offset + start)[1]


def _after_indirect_base(record: TypeRecord, offset: int) -> int:
    """The base of a base, which lists it itself."""
    return _read_virtual_base(record, offset)[1]


def _after_method(record: TypeRecord, offset: int) -> int:
    introduces = record.read_short(offset + 2) >> 2 & 7 in INTRODUCING
    return _read_name(record, offset + (12 if introduces else 8))[1]


READERS: dict[int, Callable[[TypeRecord, int], tuple[Field | int, int]]] = {
    cv.LF_ENUMERATE: _read_enumerator,
    cv.LF_MEMBER: _read_member,
    cv.LF_STMEMBER: _read_static,
    cv.LF_BCLASS: _read_base,
    cv.LF_BINTERFACE: _read_base,
    cv.LF_VBCLASS: _read_virtual_base,
    cv.LF_INDEX: _read_index,
}
WITHOUT_DATA: dict[int, Callable[[TypeRecord, int], int]] = {
    cv.LF_METHOD: _after_name(8),
    cv.LF_ONEMETHOD: _after_method,
    cv.LF_NESTTYPE: _after_name(8),
    cv.LF_NESTTYPEEX: _after_name(8),
    cv.LF_MEMBERMODIFY: _after_name(8),
    cv.LF_FRIENDFCN: _after_name(8),
    cv.LF_IVBCLASS: _after_indirect_base,
    cv.LF_VFUNCTAB: lambda _record, offset: offset + 8,
    cv.LF_FRIENDCLS: lambda _record, offset: offset + 8,
    cv.LF_VFUNCOFF: lambda _record, offset: offset + 12,
}
