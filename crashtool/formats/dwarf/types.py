"""The types of a file's variables, as entries describe them, made into `DataType`s when asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crashtool.formats.dwarf.constants import (
    DW_ATE_UTF,
    DW_LANG_PLI,
    DW_AT_bit_stride,
    DW_AT_byte_size,
    DW_AT_byte_stride,
    DW_AT_count,
    DW_AT_data_location,
    DW_AT_declaration,
    DW_AT_encoding,
    DW_AT_lower_bound,
    DW_AT_signature,
    DW_AT_type,
    DW_AT_upper_bound,
    DW_ATE_address,
    DW_ATE_boolean,
    DW_ATE_complex_float,
    DW_ATE_float,
    DW_ATE_signed,
    DW_ATE_signed_char,
    DW_ATE_unsigned,
    DW_ATE_unsigned_char,
    DW_FORM_ref_addr,
    DW_FORM_ref_sig8,
    DW_LANG_Ada83,
    DW_LANG_Ada95,
    DW_LANG_Ada2005,
    DW_LANG_Ada2012,
    DW_LANG_Cobol74,
    DW_LANG_Cobol85,
    DW_LANG_Fortran03,
    DW_LANG_Fortran08,
    DW_LANG_Fortran18,
    DW_LANG_Fortran77,
    DW_LANG_Fortran90,
    DW_LANG_Fortran95,
    DW_LANG_Julia,
    DW_LANG_Modula2,
    DW_LANG_Modula3,
    DW_LANG_Pascal83,
    DW_TAG_array_type,
    DW_TAG_atomic_type,
    DW_TAG_base_type,
    DW_TAG_class_type,
    DW_TAG_const_type,
    DW_TAG_enumeration_type,
    DW_TAG_pointer_type,
    DW_TAG_ptr_to_member_type,
    DW_TAG_reference_type,
    DW_TAG_restrict_type,
    DW_TAG_rvalue_reference_type,
    DW_TAG_structure_type,
    DW_TAG_subrange_type,
    DW_TAG_subroutine_type,
    DW_TAG_typedef,
    DW_TAG_union_type,
    DW_TAG_volatile_type,
)
from crashtool.formats.dwarf.definitions import DeclaredTypes
from crashtool.formats.dwarf.entry_names import Reference, follow, walk_references
from crashtool.formats.dwarf.forms import (
    ADDRESSED_FROM_UNIT,
    SUPPLEMENT_REFERENCES,
    DamagedDwarf,
    Value,
)
from crashtool.formats.dwarf.tree import walk_children
from crashtool.formats.dwarf.type_details import read_enumerators, read_structure
from crashtool.formats.dwarf.type_spelling import TypeSpelling
from crashtool.formats.dwarf.type_units import TypeUnits
from crashtool.formats.dwarf.typed_values import GENERIC, StackType
from crashtool.formats.variables.data_type import DataType, Details, Encoding, TypeKind

if TYPE_CHECKING:
    from crashtool.formats.variables.frame_view import FrameView

REFERENCES = ADDRESSED_FROM_UNIT | SUPPLEMENT_REFERENCES | {DW_FORM_ref_addr, DW_FORM_ref_sig8}
MAX_TYPES = 1 << 14
MAX_STEPS = 32  # from type to type
MAX_INNER = 64  # types that must be known to tell of one: elements of elements
MAX_DIMENSIONS = 8
MAX_COUNT = 1 << 40
PASSED = frozenset(
    {
        DW_TAG_typedef,
        DW_TAG_const_type,
        DW_TAG_volatile_type,
        DW_TAG_restrict_type,
        DW_TAG_atomic_type,
    }
)
KINDS: dict[int, TypeKind] = {
    DW_TAG_base_type: "base",
    DW_TAG_pointer_type: "pointer",
    DW_TAG_reference_type: "reference",
    DW_TAG_rvalue_reference_type: "reference",
    DW_TAG_structure_type: "struct",
    DW_TAG_class_type: "struct",
    DW_TAG_union_type: "union",
    DW_TAG_array_type: "array",
    DW_TAG_enumeration_type: "enum",
    DW_TAG_subroutine_type: "function",
    DW_TAG_ptr_to_member_type: "member_pointer",
}
SCATTERED = frozenset({DW_AT_bit_stride, DW_AT_byte_stride, DW_AT_data_location})
DECLARED = (DW_TAG_structure_type, DW_TAG_class_type, DW_TAG_union_type)
ENCODINGS: dict[int, Encoding] = {
    DW_ATE_boolean: "boolean",
    DW_ATE_complex_float: "complex",
    DW_ATE_float: "float",
    DW_ATE_signed: "signed",
    DW_ATE_signed_char: "character",
    DW_ATE_unsigned: "unsigned",
    DW_ATE_unsigned_char: "unsigned_character",
    DW_ATE_UTF: "utf",
}
UNSIGNED = (DW_ATE_address, DW_ATE_boolean, DW_ATE_unsigned, DW_ATE_unsigned_char, DW_ATE_UTF)
WIDE_CHARACTERS = ("wchar_t", "char16_t", "char32_t", "char8_t")
FIRST_IS_ONE = frozenset(  # languages whose arrays begin with 1 (DWARF 5, table 7.17)
    {
        DW_LANG_Ada83,
        DW_LANG_Ada95,
        DW_LANG_Ada2005,
        DW_LANG_Ada2012,
        DW_LANG_Cobol74,
        DW_LANG_Cobol85,
        DW_LANG_Fortran77,
        DW_LANG_Fortran90,
        DW_LANG_Fortran95,
        DW_LANG_Fortran03,
        DW_LANG_Fortran08,
        DW_LANG_Fortran18,
        DW_LANG_Julia,
        DW_LANG_Modula2,
        DW_LANG_Modula3,
        DW_LANG_Pascal83,
        DW_LANG_PLI,
    }
)
# what gcc says of an array without elements, in four bytes
NO_ELEMENTS = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF, -1)
VOID = DataType("void", "void", None)
UNKNOWN = DataType("unknown", "?", None)


class DwarfTypes:
    """The types of one file. DamagedDwarf where an entry makes no sense.

    `find_count` gives the number of elements of an array by an attribute that leads to it.
    """

    def __init__(
        self, find_count: Callable[[Reference, int], Callable[[FrameView], int | None]]
    ) -> None:
        self._find_count = find_count
        self._types: dict[tuple[int, int, int], DataType] = {}
        self._opening: set[tuple[int, int, int]] = set()
        self._units: dict[int, TypeUnits] = {}
        self._definitions: dict[int, DeclaredTypes] = {}
        self._spelling = TypeSpelling(self.follow, self._list_counts)

    def find(self, reference: Reference, attribute: int = DW_AT_type) -> DataType:
        """The type that an attribute of an entry leads to; void without, unknown if not at hand."""
        for origin in walk_references(reference):
            if attribute in origin.entry.values:
                target = self.follow(origin, attribute)
                return UNKNOWN if target is None else self.open(target)
        return VOID

    def follow(self, reference: Reference, attribute: int) -> Reference | None:
        """The entry of a type that an attribute leads to; None without, or if not at hand."""
        target = self._follow_once(reference, attribute)
        if (
            target is not None and DW_AT_signature in target.entry.values
        ):  # it stands for another unit's
            return self._follow_once(target, DW_AT_signature) or target
        return target

    def _follow_once(self, reference: Reference, attribute: int) -> Reference | None:
        form, value = reference.entry.values.get(attribute, (0, None))
        if form == DW_FORM_ref_sig8 and isinstance(value, int):
            return self._find_signed(reference, value)
        return None if value is None else follow(reference, attribute)

    def _find_signed(self, reference: Reference, signature: int) -> Reference | None:
        number = reference.table.number
        if number not in self._units:
            self._units[number] = TypeUnits(reference.table)
        return self._units[number].find(signature, reference.entries.unit.skeleton)

    def open(self, reference: Reference) -> DataType:
        """The type that an entry describes."""
        key = (
            reference.table.number,
            reference.entries.unit.header.offset,
            reference.entry.offset,
        )
        if key not in self._types:
            if len(self._types) > MAX_TYPES:
                self._types.clear()
            if key in self._opening or len(self._opening) > MAX_INNER:
                raise DamagedDwarf("a type is made of itself", offset=reference.entry.offset)
            self._opening.add(key)
            try:
                self._types[key] = self._open(reference)
            finally:
                self._opening.discard(key)
        return self._types[key]

    def _open(self, reference: Reference) -> DataType:
        name = self._spelling.spell(reference)
        described = reference
        for _ in range(MAX_STEPS):
            if described.entry.shape.tag not in PASSED:
                break
            target = self.follow(described, DW_AT_type)
            if target is None:
                return (UNKNOWN if DW_AT_type in described.entry.values else VOID).rename(name)
            described = target
        else:
            raise DamagedDwarf("a type is made of itself", offset=reference.entry.offset)
        plain = name if described is reference else self._spelling.spell(described)
        return self._describe(described, name, plain)

    def _describe(self, reference: Reference, name: str, plain_name: str) -> DataType:
        values = reference.entry.values
        if DW_AT_declaration in values and reference.entry.shape.tag in DECLARED:
            defined = self._find_definition(reference)
            if defined is not None:
                return self._describe(defined, name, plain_name)
        kind = KINDS.get(reference.entry.shape.tag)
        if kind is None or (kind == "array" and self._is_scattered(reference)):
            return UNKNOWN.rename(name)
        count = self._list_counts(reference)[0] if kind == "array" else None
        return DataType(
            kind,
            name,
            self._measure(reference, kind),
            encoding=self._find_encoding(reference),
            count=count,
            plain_name=plain_name,
            is_incomplete=DW_AT_declaration in values,
            load=lambda: self._load(reference, kind),
        )

    def _find_definition(self, reference: Reference) -> Reference | None:
        """What describes a type that is only declared here; not of split units' files."""
        number = reference.table.number
        if reference.entries.unit.skeleton is not None:
            return None
        if number not in self._definitions:
            types = DeclaredTypes(reference.table, self._spelling.name)
            self._definitions[number] = types
        return self._definitions[number].find(reference)

    def _load(self, reference: Reference, kind: TypeKind) -> Details:
        if kind in ("struct", "union"):
            return read_structure(reference, self.find)
        if kind == "enum":
            target = self.find(reference) if DW_AT_type in reference.entry.values else None
            is_signed = None if target is None else target.encoding in ("signed", "character")
            return Details(target, enumerators=read_enumerators(reference, is_signed=is_signed))
        if kind == "array":
            return self._load_array(reference, 0)
        return Details(self.find(reference))

    def _load_array(self, reference: Reference, dimension: int) -> Details:
        """The elements of a dimension: an array of those that follow."""
        references = self._list_dimensions(reference)
        element = self.find(reference)
        find_bound = None
        if dimension < len(references) and self._count(reference, references[dimension]) is None:
            find_bound = self._find_bound(references[dimension])
        counts = self._list_counts(reference)
        inner = counts[dimension + 1 :]
        if inner:
            size = None if None in inner or element.size is None else element.size
            for count in inner:
                size = None if size is None or count is None else size * count
            brackets = "".join(f"[{'' if count is None else count}]" for count in inner)
            element = DataType(
                "array",
                f"{element.name}{brackets}",
                size,
                count=inner[0],
                load=lambda: self._load_array(reference, dimension + 1),
            )
        return Details(element, find_count=find_bound)

    def _find_bound(self, reference: Reference) -> Callable[[FrameView], int | None] | None:
        """How many elements there are, where the frame has that."""
        for attribute in (DW_AT_count, DW_AT_upper_bound):
            if attribute in reference.entry.values:
                return self._find_count(reference, attribute)
        return None

    def _is_scattered(self, reference: Reference) -> bool:
        """Whether an array's elements are not one behind the other from where the array is."""
        entries = [reference, *self._list_dimensions(reference)]
        return any(not SCATTERED.isdisjoint(origin.entry.values) for origin in entries)

    def _list_dimensions(self, reference: Reference) -> list[Reference]:
        children = walk_children(reference.entries, reference.entry)
        references = [
            reference._replace(entry=entry)
            for entry in children
            if entry.shape.tag == DW_TAG_subrange_type
        ]
        return references[:MAX_DIMENSIONS]

    def _list_counts(self, reference: Reference) -> list[int | None]:
        """The number of elements of each dimension; None where it is not told."""
        references = self._list_dimensions(reference)
        return [self._count(reference, dimension) for dimension in references] or [None]

    def _count(self, reference: Reference, dimension: Reference) -> int | None:
        values = dimension.entry.values
        if (count := read_number(values.get(DW_AT_count))) is not None:
            return count if count < MAX_COUNT else None
        upper = read_number(values.get(DW_AT_upper_bound))
        if upper is None:
            return None
        if upper in NO_ELEMENTS:
            return 0
        language = reference.entries.unit.language
        first = read_number(values.get(DW_AT_lower_bound))
        if first is None:
            first = int(language in FIRST_IS_ONE)
        count = upper - first + 1
        return count if 0 <= count < MAX_COUNT else None

    def _measure(self, reference: Reference, kind: TypeKind) -> int | None:
        """Its size in bytes; None where it is not told."""
        values = reference.entry.values
        size = read_number(values.get(DW_AT_byte_size))
        if size is not None:
            return size if 0 <= size < MAX_COUNT else None
        if kind in ("pointer", "reference", "member_pointer"):
            width = reference.entries.unit.sizes.address
            is_function = kind == "member_pointer" and self._leads_to_function(reference)
            return 2 * width if is_function else width
        if kind == "enum":
            return self.find(reference).size
        if kind == "array":
            counts, size = self._list_counts(reference), self.find(reference).size
            for count in counts:
                size = None if size is None or count is None else size * count
            return size
        return None

    def _leads_to_function(self, reference: Reference) -> bool:
        target = self.follow(reference, DW_AT_type)
        return target is not None and target.entry.shape.tag == DW_TAG_subroutine_type

    def _find_encoding(self, reference: Reference) -> Encoding:
        number = read_number(reference.entry.values.get(DW_AT_encoding))
        if number is None:
            return "other"
        encoding = ENCODINGS.get(number, "other")
        if encoding in ("signed", "unsigned") and self._spelling.name(reference) in WIDE_CHARACTERS:
            return "utf"
        return encoding

    def find_stack_type(self, reference: Reference) -> StackType:
        """A base type, as expressions name them."""
        number = read_number(reference.entry.values.get(DW_AT_encoding)) or 0
        size = read_number(reference.entry.values.get(DW_AT_byte_size))
        if reference.entry.shape.tag != DW_TAG_base_type or size is None:
            return GENERIC
        if number == DW_ATE_float:
            return StackType("float", size)
        return StackType("unsigned" if number in UNSIGNED else "signed", size)


def read_number(attribute: tuple[int, Value] | None) -> int | None:
    """A number that an attribute has; None for what it refers to or computes."""
    if attribute is None or attribute[0] in REFERENCES or not isinstance(attribute[1], int):
        return None
    return attribute[1]
