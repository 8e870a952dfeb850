"""Types of a PDB as data: sizes, members, elements, enumerators; read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb.type_fields import BaseClass, DataMember, Enumerator, walk_fields
from crashtool.formats.pdb.type_hash import TagType, TypeDefinitions, read_tag
from crashtool.formats.pdb.type_names import (
    FIRST_RECORD,
    MAX_DEPTH,
    POINTER_SIZES,
    SIMPLE_NAMES,
    SIMPLE_SIZES,
    TypeNames,
)
from crashtool.formats.variables.data_type import DataType, Details, Encoding, Member, TypeKind

if TYPE_CHECKING:
    from crashtool.formats.pdb.type_records import TypeRecord, TypeStream
    from crashtool.formats.variables.data_type import Encoding, TypeKind
    from crashtool.formats.variables.frame_view import FrameView

VOID, NULL_POINTER = 0x03, 0x103  # T_VOID, T_PVOID: clang's std::nullptr_t
MAX_KEPT = 1 << 14
OFFSET = 4  # bytes of one in a table of virtual bases
POINTER_KINDS: dict[int, TypeKind] = {
    1: "reference",
    2: "member_pointer",
    3: "member_pointer",
    4: "reference",
}
NEAR_SIZES = {0x0A: 4, 0x0C: 8}  # CV_PTR_NEAR32, CV_PTR_64
# Simple types by their kind (cvinfo.h, TYPE_ENUM_e); those of one byte are characters, as in DWARF.
ENCODINGS: dict[Encoding, tuple[int, ...]] = {
    "signed": (0x08, 0x11, 0x72, 0x12, 0x74, 0x13, 0x76, 0x14, 0x78),
    "unsigned": (0x21, 0x73, 0x22, 0x75, 0x23, 0x77, 0x24, 0x79),
    "character": (0x70, 0x10, 0x68),
    "unsigned_character": (0x20, 0x69),
    "utf": (0x71, 0x7A, 0x7B, 0x7C),
    "float": (0x46, 0x40, 0x41, 0x42, 0x43),
    "boolean": (0x30, 0x31, 0x32, 0x33),
}
ENCODING_OF: dict[int, Encoding] = {
    kind: encoding for encoding, kinds in ENCODINGS.items() for kind in kinds
}
UNKNOWN: TypeKind = "unknown"
# A union of all that a Rust enumeration can be; which of them it is stands in constants elsewhere.
RUST_ENUM = "enum2$<"


class DataTypes:
    """Types by their numbers, as one module of a program has them."""

    def __init__(
        self,
        types: TypeStream,
        names: TypeNames,
        definitions: TypeDefinitions,
        resolve: Callable[[int], int | None],
        pointer_size: int,
    ) -> None:
        """`resolve` turns a module's own number into everyone's. `pointer_size` in bytes."""
        self._types = types
        self._names = names
        self._definitions = definitions
        self._resolve = resolve
        self._pointer_size = pointer_size
        self._kept: dict[int, DataType] = {}
        self._depth = 0

    def get(self, number: int) -> DataType:
        """The type of a number. MalformedFile where it is damaged, or without end."""
        data_type = self._kept.get(number)
        if data_type is None:
            if self._depth > MAX_DEPTH:
                raise MalformedFile("types within types without end", offset=0)
            self._depth += 1
            try:
                data_type = self._read(number)
            finally:
                self._depth -= 1
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[number] = data_type
        return data_type

    def _find(self, number: int) -> TypeRecord | None:
        record = self._resolve(number)
        return None if record is None else self._types.find(record)

    def _read(self, number: int) -> DataType:
        if number < FIRST_RECORD:
            return self._read_simple(number)
        record = self._find(number)
        if record is None:
            return DataType(UNKNOWN, self._names.name_type(number), None, is_incomplete=True)
        if record.kind in (cv.LF_MODIFIER, cv.LF_ALIAS):
            is_alias = record.kind == cv.LF_ALIAS
            name = record.read_string(4) if is_alias else self._names.name_type(number)
            return self.get(record.read_number(0)).rename(name)
        if record.kind == cv.LF_ARRAY:
            return self._read_array(record)
        tag = read_tag(record)
        return self._read_tag(tag) if tag else self._read_other(record, number)

    def _read_other(self, record: TypeRecord, number: int) -> DataType:
        name = self._names.name_type(number)
        if record.kind == cv.LF_POINTER:
            return self._read_pointer(record, name)
        is_function = record.kind in (cv.LF_PROCEDURE, cv.LF_MFUNCTION)
        return DataType("function" if is_function else UNKNOWN, name, None)

    def _read_simple(self, number: int) -> DataType:
        kind, mode = number & 0xFF, number >> 8 & 7
        if number == NULL_POINTER:
            return DataType("pointer", "std::nullptr_t", self._pointer_size)
        if mode:
            target = DataType("pointer", self._names.name_type(number), POINTER_SIZES.get(mode))
            return self._with(target, lambda: Details(target=self.get(kind)))
        if kind == VOID:
            return DataType("void", "void", None)
        name = SIMPLE_NAMES.get(kind, f"<simple {kind:#x}>")
        encoding = ENCODING_OF.get(kind)
        if encoding is None:
            return DataType(UNKNOWN, name, SIMPLE_SIZES.get(kind))
        return DataType("base", name, SIMPLE_SIZES[kind], encoding=encoding)

    @staticmethod
    def _with(of: DataType, load: Callable[[], Details]) -> DataType:
        return DataType(of.kind, of.name, of.size, load=load)

    def _read_pointer(self, record: TypeRecord, name: str) -> DataType:
        target, flags = record.read_number(0), record.read_number(4)
        size = flags >> 13 & 0x3F or None
        kind = POINTER_KINDS.get(flags >> 5 & 7, "pointer")
        if (
            kind != "member_pointer"
        ):  # clang has the target's size in references that it makes itself
            size = NEAR_SIZES.get(flags & 0x1F, size)
        return DataType(kind, name, size, load=lambda: Details(target=self.get(target)))

    def _read_array(self, record: TypeRecord) -> DataType:
        """Of its dimensions the outer one comes first, and is spelled so."""
        element = self.get(record.read_number(0))
        size = record.read_numeric(8)[0]
        count = size // element.size if element.size and size >= 0 else None
        inner, bracket, rest = element.name.partition("[")
        dimensions = bracket + rest if element.kind == "array" else ""
        name = (inner if dimensions else element.name) + f"[{count or ''}]" + dimensions
        return DataType("array", name, size, count=count, load=lambda: Details(target=element))

    def _read_tag(self, tag: TagType) -> DataType:
        if tag.is_forward:
            number = self._definitions.find(tag)
            record = None if number is None else self._types.find(number)
            tag_type = read_tag(record) if record else None
            if tag_type is None:
                kind = _kind_of(tag)
                return DataType(kind, tag.name, None, is_incomplete=True)
            tag = tag_type._replace(name=tag.name)
        if tag.kind == cv.LF_ENUM:
            return self._read_enum(tag)
        if tag.name.startswith(RUST_ENUM):
            return DataType(UNKNOWN, tag.name, tag.size)
        return DataType(
            _kind_of(tag), tag.name, tag.size, load=lambda: Details(members=self._members(tag))
        )

    def _members(self, tag: TagType) -> tuple[Member, ...]:
        """Bases and members, in the order of the record; static ones are in no object."""
        if not tag.fields:
            return ()
        members = []
        for field in walk_fields(self._find, tag.fields):
            if isinstance(field, BaseClass):
                base = self.get(field.type)
                find = None if field.offset is not None else self._find_base(field)
                members.append(
                    Member(base.name, base, field.offset, is_base=True, find_offset=find)
                )
            elif isinstance(field, DataMember):
                members.append(self._member(field))
        return tuple(members)

    def _find_base(self, field: BaseClass) -> Callable[[FrameView, int], int | None]:
        """Where a virtual base begins in an object, by the table of its class."""

        def find(frame: FrameView, address: int) -> int | None:
            pointer = frame.read_memory(address + field.table, self._pointer_size)
            place = int.from_bytes(pointer or b"", "little") + OFFSET * field.number
            content = frame.read_memory(place, OFFSET) if pointer else None
            if content is None:
                return None
            return field.table + int.from_bytes(content, "little", signed=True)

        return find

    def _member(self, field: DataMember) -> Member:
        record = self._find(field.type) if field.type >= FIRST_RECORD else None
        if record is None or record.kind != cv.LF_BITFIELD:
            return Member(field.name, self.get(field.type), field.offset)
        type_ = self.get(record.read_number(0))
        bits = record.read_short(4)
        return Member(field.name, type_, field.offset, bits & 0xFF, bits >> 8)

    def _read_enum(self, tag: TagType) -> DataType:
        base = self.get(tag.base)
        return DataType(
            "enum",
            tag.name,
            base.size,
            encoding=base.encoding,
            load=lambda: Details(target=base, enumerators=self._enumerators(tag, base)),
        )

    def _enumerators(self, tag: TagType, base: DataType) -> tuple[tuple[int, str], ...]:
        """The names by value; some compilers write -1 of a short as 65535."""
        if not tag.fields:
            return ()
        bits = 8 * (base.size or 8)
        fields = (
            field for field in walk_fields(self._find, tag.fields) if isinstance(field, Enumerator)
        )
        signed = base.encoding == "signed"
        return tuple(
            (_fit(enumerator.value, bits, signed=signed), enumerator.name) for enumerator in fields
        )


def _kind_of(tag: TagType) -> TypeKind:
    if tag.kind == cv.LF_ENUM:
        return "enum"
    return "union" if tag.kind == cv.LF_UNION else "struct"


def _fit(value: int, bits: int, *, signed: bool) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value
