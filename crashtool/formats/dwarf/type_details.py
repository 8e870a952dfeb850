"""What is inside types: members, bit fields, bases, variants; names of enumerations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crashtool.formats.dwarf.constants import (
    DW_AT_bit_offset,
    DW_AT_bit_size,
    DW_AT_byte_size,
    DW_AT_const_value,
    DW_AT_data_bit_offset,
    DW_AT_data_member_location,
    DW_AT_declaration,
    DW_AT_discr,
    DW_AT_discr_list,
    DW_AT_discr_value,
    DW_AT_enum_class,
    DW_AT_external,
    DW_AT_name,
    DW_AT_virtuality,
    DW_FORM_sdata,
    DW_TAG_enumerator,
    DW_TAG_GNU_template_parameter_pack,
    DW_TAG_inheritance,
    DW_TAG_member,
    DW_TAG_template_type_parameter,
    DW_TAG_variant,
    DW_TAG_variant_part,
)
from crashtool.formats.dwarf.expressions import find_member_offset
from crashtool.formats.dwarf.forms import ADDRESSED_FROM_UNIT, SIZES, Cursor
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
        if tag == DW_TAG_template_type_parameter:
            arguments.append(find_type(child))
        elif tag == DW_TAG_GNU_template_parameter_pack:
            arguments += _read_pack(child, find_type)
        elif tag == DW_TAG_variant_part:
            variants = _read_variants(child, find_type)
        elif (member := _read_member(child, find_type)) and len(members) < MAX_MEMBERS:
            members.append(member)
    return Details(members=tuple(members), arguments=tuple(arguments), variants=variants)


def _read_pack(reference: Reference, find_type: Callable[[Reference], DataType]) -> list[DataType]:
    children = walk_children(reference.entries, reference.entry)
    return [
        find_type(reference._replace(entry=entry))
        for entry in children
        if entry.shape.tag == DW_TAG_template_type_parameter
    ]


def _read_member(reference: Reference, find_type: Callable[[Reference], DataType]) -> Member | None:
    """A member or base; None for what is in no object: functions, types, static members."""
    entry = reference.entry
    values = entry.values
    if entry.shape.tag == DW_TAG_inheritance:
        kind = find_type(reference)
        base = Member(kind.name, kind, _find_offset(values), is_base=True)
        return _find_virtually(reference, base) if _number(values, DW_AT_virtuality) else base
    if entry.shape.tag != DW_TAG_member or DW_AT_external in values or DW_AT_declaration in values:
        return None
    name = reference.entries.unit.text(*values[DW_AT_name]) if DW_AT_name in values else ""
    kind = find_type(reference)
    offset = _find_offset(values)
    size = _number(values, DW_AT_bit_size)
    if not size:
        return Member(name, kind, offset)
    first_bit = _number(values, DW_AT_data_bit_offset)
    if first_bit is None:
        before = _number(values, DW_AT_bit_offset) or 0
        storage = _number(values, DW_AT_byte_size) or kind.size
        if storage is None or offset is None:
            return Member(name, kind, None)
        first_bit = BITS * (offset + storage) - before - size  # from the highest bit on
    return Member(name, kind, first_bit // BITS, size, first_bit % BITS)


def _find_virtually(reference: Reference, base: Member) -> Member:
    """A virtual base, which is found by what each object has a pointer to."""
    _, expression = reference.entry.values.get(DW_AT_data_member_location, (0, None))
    if not isinstance(expression, bytes):
        return base._replace(offset=None)
    unit = reference.entries.unit

    def find(frame: FrameView, address: int) -> int | None:
        return find_member_offset(expression, unit, frame, address)

    return base._replace(offset=None, find_offset=find)


def _find_offset(values: dict[int, tuple[int, int | bytes]]) -> int | None:
    """Where a member begins, in bytes; None where the running program alone knows."""
    _, value = values.get(DW_AT_data_member_location, (0, 0))
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
    if DW_AT_enum_class in reference.entry.values and DW_AT_name in reference.entry.values:
        scope = reference.entries.unit.text(*reference.entry.values[DW_AT_name]) + "::"
    rows: list[tuple[int, str]] = []
    for entry in walk_children(reference.entries, reference.entry):
        values = entry.values
        if (
            entry.shape.tag == DW_TAG_enumerator
            and DW_AT_name in values
            and DW_AT_const_value in values
        ):
            value = read_constant(*values[DW_AT_const_value], is_signed=bool(is_signed))
            if value is not None and len(rows) < MAX_MEMBERS:
                rows.append((value, scope + reference.entries.unit.text(*values[DW_AT_name])))
    return tuple(rows)


def read_constant(form: int, value: int | bytes, *, is_signed: bool) -> int | None:
    """A constant as of a type with a sign or without; forms of a fixed size do not say."""
    if isinstance(value, bytes):
        return int.from_bytes(value, "little", signed=is_signed) if value else None
    size = SIZES.get(form, 0)
    if form != DW_FORM_sdata and is_signed and size and value >> BITS * size - 1:
        value -= 1 << BITS * size
    return value


def _read_variants(reference: Reference, find_type: Callable[[Reference], DataType]) -> Variants:
    """What is there by the value of a discriminant, which the entry refers to."""
    entries, entry = reference.entries, reference.entry
    discriminant = None
    form, offset = entry.values.get(DW_AT_discr, (0, None))
    if form in ADDRESSED_FROM_UNIT and isinstance(offset, int):
        discriminant = _read_member(reference._replace(entry=entries.read(offset)), find_type)
    is_signed = discriminant is not None and discriminant.type.encoding == "signed"
    rows = [
        variant for variant in walk_children(entries, entry) if variant.shape.tag == DW_TAG_variant
    ]
    if any(DW_AT_discr_list in variant.values for variant in rows):
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
    discriminant = reference.entry.values.get(DW_AT_discr_value)
    value = None if discriminant is None else read_constant(*discriminant, is_signed=is_signed)
    values = () if value is None else (value,)
    return Variant(values, tuple(member for member in members if member))
