"""What is inside types: members, bit fields, bases, variants; names of enumerations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crashtool.formats.dwarf.constants import (
    BIT_OFFSET,
    BIT_SIZE,
    BYTE_SIZE,
    CONST_VALUE,
    DATA_BIT_OFFSET,
    DECLARATION,
    DISCRIMINANT,
    DISCRIMINANT_LIST,
    DISCRIMINANT_VALUE,
    ENUM_CLASS,
    ENUMERATOR,
    EXTERNAL,
    INHERITANCE,
    MEMBER,
    MEMBER_LOCATION,
    NAME,
    TEMPLATE_PACK,
    TEMPLATE_TYPE,
    VARIANT,
    VARIANT_PART,
    VIRTUALITY,
)
from crashtool.formats.dwarf.expressions import find_member_offset
from crashtool.formats.dwarf.forms import ADDRESSED_FROM_UNIT, SIGNED, SIZES, Cursor
from crashtool.formats.dwarf.tree import walk_children
from crashtool.formats.variables.data_type import DataType, Details, Member, Variant, Variants

if TYPE_CHECKING:
    from crashtool.formats.dwarf.entry_names import Reference
    from crashtool.formats.variables.data_type import DataType
    from crashtool.formats.variables.frame_view import FrameView

BITS = 8
MAX_MEMBERS = 1 << 12
DW_OP_plus_uconst = 0x23


def read_structure(reference: Reference, find_type: Callable[[Reference], DataType]) -> Details:
    """The members and bases of a struct, class or union, and the types that its template has."""
    members: list[Member] = []
    arguments: list[DataType] = []
    variants: Variants | None = None
    for entry in walk_children(reference.entries, reference.entry):
        child = reference._replace(entry=entry)
        tag = entry.shape.tag
        if tag == TEMPLATE_TYPE:
            arguments.append(find_type(child))
        elif tag == TEMPLATE_PACK:
            arguments += _read_pack(child, find_type)
        elif tag == VARIANT_PART:
            variants = _read_variants(child, find_type)
        elif (member := _read_member(child, find_type)) and len(members) < MAX_MEMBERS:
            members.append(member)
    return Details(members=tuple(members), arguments=tuple(arguments), variants=variants)


def _read_pack(reference: Reference, find_type: Callable[[Reference], DataType]) -> list[DataType]:
    children = walk_children(reference.entries, reference.entry)
    return [
        find_type(reference._replace(entry=entry))
        for entry in children
        if entry.shape.tag == TEMPLATE_TYPE
    ]


def _read_member(reference: Reference, find_type: Callable[[Reference], DataType]) -> Member | None:
    """A member or base; None for what is in no object: functions, types, static members."""
    entry = reference.entry
    values = entry.values
    if entry.shape.tag == INHERITANCE:
        kind = find_type(reference)
        base = Member(kind.name, kind, _find_offset(values), is_base=True)
        return _find_virtually(reference, base) if _number(values, VIRTUALITY) else base
    if entry.shape.tag != MEMBER or EXTERNAL in values or DECLARATION in values:
        return None
    name = reference.entries.unit.text(*values[NAME]) if NAME in values else ""
    kind = find_type(reference)
    offset = _find_offset(values)
    size = _number(values, BIT_SIZE)
    if not size:
        return Member(name, kind, offset)
    first_bit = _number(values, DATA_BIT_OFFSET)
    if first_bit is None:
        before = _number(values, BIT_OFFSET) or 0
        storage = _number(values, BYTE_SIZE) or kind.size
        if storage is None or offset is None:
            return Member(name, kind, None)
        first_bit = BITS * (offset + storage) - before - size  # from the highest bit on
    return Member(name, kind, first_bit // BITS, size, first_bit % BITS)


def _find_virtually(reference: Reference, base: Member) -> Member:
    """A virtual base, which is found by what each object has a pointer to."""
    _, expression = reference.entry.values.get(MEMBER_LOCATION, (0, None))
    if not isinstance(expression, bytes):
        return base._replace(offset=None)
    unit = reference.entries.unit

    def find(frame: FrameView, address: int) -> int | None:
        return find_member_offset(expression, unit, frame, address)

    return base._replace(offset=None, find_offset=find)


def _find_offset(values: dict[int, tuple[int, int | bytes]]) -> int | None:
    """Where a member begins, in bytes; None where the running program alone knows."""
    _, value = values.get(MEMBER_LOCATION, (0, 0))
    if isinstance(value, int):
        return value
    if value[:1] == bytes((DW_OP_plus_uconst,)):
        cursor = Cursor(value, 1)
        offset = cursor.uleb()
        if cursor.offset == cursor.end:
            return offset
    return None


def _number(values: dict[int, tuple[int, int | bytes]], attribute: int) -> int | None:
    _, value = values.get(attribute, (0, None))
    return value if isinstance(value, int) else None


def read_enumerators(
    reference: Reference, *, is_signed: bool | None
) -> tuple[tuple[int, str], ...]:
    """The names of an enumeration, each with its value.

    `is_signed`: of the numbers behind it; None where that is not told, and each says so itself.
    """
    scope = ""
    if ENUM_CLASS in reference.entry.values and NAME in reference.entry.values:
        scope = reference.entries.unit.text(*reference.entry.values[NAME]) + "::"
    rows: list[tuple[int, str]] = []
    for entry in walk_children(reference.entries, reference.entry):
        values = entry.values
        if entry.shape.tag == ENUMERATOR and NAME in values and CONST_VALUE in values:
            value = read_constant(*values[CONST_VALUE], is_signed=bool(is_signed))
            if value is not None and len(rows) < MAX_MEMBERS:
                rows.append((value, scope + reference.entries.unit.text(*values[NAME])))
    return tuple(rows)


def read_constant(form: int, value: int | bytes, *, is_signed: bool) -> int | None:
    """A constant as of a type with a sign or without; forms of a fixed size do not say."""
    if isinstance(value, bytes):
        return int.from_bytes(value, "little", signed=is_signed) if value else None
    size = SIZES.get(form, 0)
    if form != SIGNED and is_signed and size and value >> BITS * size - 1:
        value -= 1 << BITS * size
    return value


def _read_variants(reference: Reference, find_type: Callable[[Reference], DataType]) -> Variants:
    """What is there by the value of a discriminant, which the entry refers to."""
    entries, entry = reference.entries, reference.entry
    discriminant = None
    form, offset = entry.values.get(DISCRIMINANT, (0, None))
    if form in ADDRESSED_FROM_UNIT and isinstance(offset, int):
        discriminant = _read_member(reference._replace(entry=entries.read(offset)), find_type)
    is_signed = discriminant is not None and discriminant.type.encoding == "signed"
    rows = [variant for variant in walk_children(entries, entry) if variant.shape.tag == VARIANT]
    if any(DISCRIMINANT_LIST in variant.values for variant in rows):
        return Variants(None, ())  # no compiler that was met writes lists of ranges
    cases = [
        _read_case(reference._replace(entry=variant), find_type, is_signed=is_signed)
        for variant in rows
    ]
    return Variants(discriminant, tuple(cases[:MAX_MEMBERS]))


def _read_case(
    reference: Reference, find_type: Callable[[Reference], DataType], *, is_signed: bool
) -> Variant:
    entries = walk_children(reference.entries, reference.entry)
    members = [_read_member(reference._replace(entry=entry), find_type) for entry in entries]
    discriminant = reference.entry.values.get(DISCRIMINANT_VALUE)
    value = None if discriminant is None else read_constant(*discriminant, is_signed=is_signed)
    values = () if value is None else (value,)
    return Variant(values, tuple(member for member in members if member))
