"""The variables of the functions at an address: what they are called, their types and places."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from crashtool.formats.dwarf.constants import (
    DW_AT_abstract_origin,
    DW_AT_const_value,
    DW_AT_count,
    DW_AT_declaration,
    DW_AT_frame_base,
    DW_AT_location,
    DW_AT_name,
    DW_FORM_line_strp,
    DW_FORM_string,
    DW_FORM_strp,
    DW_TAG_formal_parameter,
    DW_TAG_lexical_block,
    DW_TAG_variable,
)
from crashtool.formats.dwarf.entry_names import LocatedFunctions, Reference, walk_references
from crashtool.formats.dwarf.expressions import Scope, Unlocatable, find_place, lose
from crashtool.formats.dwarf.forms import STRING_INDEXES
from crashtool.formats.dwarf.handed_values import HandedValues
from crashtool.formats.dwarf.location_lists import find_expression
from crashtool.formats.dwarf.ranges import RangeBudget, find_ranges
from crashtool.formats.dwarf.static_variables import StaticVariables
from crashtool.formats.dwarf.thread_locals import find_thread_local
from crashtool.formats.dwarf.tree import walk_children
from crashtool.formats.dwarf.type_details import read_constant
from crashtool.formats.dwarf.types import DwarfTypes
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.eh_frame import NAMES
from crashtool.formats.variables.places import (
    ConstantPlace,
    FoundScope,
    FoundVariable,
    LostPlace,
    MemoryPlace,
    Place,
    PointeePlace,
    RegisterPlace,
)

if TYPE_CHECKING:
    from crashtool.formats.dwarf.typed_values import StackType
    from crashtool.formats.object_file.elf import ThreadImage
    from crashtool.formats.variables.data_type import DataType
    from crashtool.formats.variables.frame_view import FrameView

MAX_VARIABLES = 1 << 10  # of one scope
MAX_BLOCKS = 64  # inside one another
MAX_NUMBER = (1 << 64) - 1
CONSTANT_SIZE = 16  # bytes of a constant: of the largest number there is
TEXTS = STRING_INDEXES | {DW_FORM_string, DW_FORM_strp, DW_FORM_line_strp}  # forms of strings
# What the location of a static variable begins with: DW_OP_addr, DW_OP_addrx, GNU's
STATIC = (0x03, 0xA1, 0xFB)
NO_BASE = "where its frame begins is not known"
THREAD_LOCAL = (0x9B, 0xE0)  # and what one of a thread ends with
REGISTERS: Mapping[str, Mapping[int, str]] = {
    "x86_64": {17 + number: f"xmm{number}" for number in range(16)},
    "x86": {21 + number: f"xmm{number}" for number in range(8)},
    "arm64": {64 + number: f"v{number}" for number in range(32)},
}


class HeldBlocks(NamedTuple):
    """A function or merged call and the blocks in it that hold an address, as they are met."""

    blocks: list[Reference]
    budget: RangeBudget


class DwarfVariables:
    """The variables of one file.

    `locate` gives the functions at an address from the module's base; `base` is that in the file.
    `name_object`: what linkers call the variable at an address. `thread_image`: where the file has
    what each thread has of its own.
    """

    def __init__(
        self,
        locate: Callable[[int], LocatedFunctions | None],
        base: int,
        architecture: str,
        name_object: Callable[[int], str] = lambda _address: "",
        thread_image: ThreadImage | None = None,
    ) -> None:
        self._architecture = architecture
        self._thread_image = thread_image
        names = NAMES.get(architecture)
        vectors = REGISTERS.get(architecture, {})
        self._registers = {**names.registers, **vectors} if names else {}
        self._locate = locate
        self._base = base
        self._types = DwarfTypes(self._count_elements)
        self._statics = StaticVariables(self._describe, base, name_object)
        self._handed = HandedValues(locate, base, self._open_scope)

    def find(self, address: int) -> list[FoundScope]:
        """The variables of each function at an address, innermost first. DamagedDwarf."""
        located = self._locate(address)
        if located is None:
            return []
        wanted = self._base + address
        function = located.function
        pieces = find_ranges(function.entries.unit, function.entry.values)
        code = tuple((low - self._base, high - self._base) for low, high in pieces)
        return [
            *(
                FoundScope(tuple(self._walk_scope(scope, wanted)), (), _identify(scope))
                for scope in reversed(located.calls)
            ),
            FoundScope(
                tuple(self._walk_scope(function, wanted)),
                code,
                _identify(function),
                self._handed.find_handed,
                lambda place: self._statics.find(function, place),
            ),
        ]

    def _walk_scope(self, scope: Reference, wanted: int) -> Iterator[FoundVariable]:
        """The variables of a function or merged call, then those that only its origin names."""
        told: set[tuple[int, int]] = set()
        held = HeldBlocks([scope], RangeBudget())
        for variable in islice(_walk_variables(scope, wanted, MAX_BLOCKS, held), MAX_VARIABLES):
            origins = list(walk_references(variable))
            told.update(map(_identify, origins))
            if described := self._describe(variable, origins):
                yield described
        of_origins = (variable for block in held.blocks for variable in _walk_abstract(block))
        for variable in islice(of_origins, MAX_VARIABLES):
            if _identify(variable) not in told:
                described = self._describe(variable, list(walk_references(variable)))
                if described:
                    yield described

    def _describe(self, variable: Reference, chain: list[Reference]) -> FoundVariable | None:
        name = ""
        for reference in chain:
            text = reference.entry.values.get(DW_AT_name)
            name = name or ("" if text is None else reference.entries.unit.text(*text))
        if not name or (DW_AT_declaration in variable.entry.values and len(chain) == 1):
            return None
        kind = self._types.find(variable)
        if variable.entry.shape.tag == DW_TAG_formal_parameter:
            return FoundVariable(name, "argument", kind, self._locator(chain, kind))
        is_static = any(map(_is_static, chain))
        return FoundVariable(
            name, "static" if is_static else "local", kind, self._locator(chain, kind)
        )

    def _locator(self, chain: list[Reference], kind: DataType) -> Callable[[FrameView], Place]:
        return lambda frame: self._find_variable_place(chain, kind, frame)

    def _find_variable_place(
        self, chain: list[Reference], kind: DataType, frame: FrameView
    ) -> Place:
        """Where a variable is: its own entry says that, or one that it is an instance of."""
        try:
            for reference in chain:
                if DW_AT_location in reference.entry.values:
                    return self._find_place(reference, DW_AT_location, frame)
                if DW_AT_const_value in reference.entry.values:
                    return _read_constant_place(reference, kind)
        except Unlocatable as lost:
            return lost.place
        return LostPlace("optimized_out", "")

    def _find_place(self, reference: Reference, attribute: int, frame: FrameView) -> Place:
        unit = reference.entries.unit
        address = frame.address - frame.base + self._base
        expression = find_expression(unit, *reference.entry.values[attribute], address)
        if expression is None:
            return LostPlace("optimized_out", "")
        return find_place(expression, self._open_scope(reference, frame))

    def _open_scope(self, reference: Reference, frame: FrameView) -> Scope:
        """What an expression of an entry may refer to in a frame."""

        def find_stack_type(offset: int) -> StackType:
            entry = reference.entries.read(offset)
            return self._types.find_stack_type(reference._replace(entry=entry))

        return Scope(
            frame,
            reference.entries.unit,
            self._registers,
            frame.base - self._base,
            lambda: self._find_frame_base(frame),
            lambda expression: self._handed.find(expression, frame),
            find_stack_type,
            lambda offset, distance: self._find_pointee(reference, offset, distance, frame),
            lambda offset: find_thread_local(
                offset,
                self._thread_image,
                self._architecture,
                frame,
                is_split=reference.entries.unit.skeleton is not None,
            ),
            lambda offset: self._handed.find_parameter(
                reference._replace(entry=reference.entries.read(offset)), frame
            ),
        )

    def _find_frame_base(self, frame: FrameView) -> int:
        """What variables of a frame are counted from, as its function says."""
        if DW_AT_frame_base in frame.answers:  # also while it is looked for
            base = frame.answers[DW_AT_frame_base]
            if isinstance(base, int):
                return base
            raise Unlocatable("unknown", NO_BASE)
        frame.answers[DW_AT_frame_base] = None
        located = self._locate(frame.address - frame.base)
        if located is None:
            raise Unlocatable("unknown", NO_BASE)
        for reference in walk_references(located.function):
            if DW_AT_frame_base in reference.entry.values:
                place = self._find_place(reference, DW_AT_frame_base, frame)
                frame.answers[DW_AT_frame_base] = base = _to_number(place, frame)
                return base
        raise Unlocatable("unknown", NO_BASE)

    def _find_pointee(
        self, reference: Reference, offset: int, distance: int, frame: FrameView
    ) -> PointeePlace:
        """What a pointer led to that is in no memory: an entry by its offset in .debug_info."""
        table = reference.table
        entries = table.open_entries(table.find(offset))
        unit = entries.unit
        if reference.entries.unit.header.offset == unit.header.offset:
            entries = reference.entries
        entry = entries.read(offset - unit.header.offset)
        target = Reference(table, entries, entry)
        kind = self._types.find(target)
        place = self._find_variable_place(list(walk_references(target)), kind, frame)
        if isinstance(place, PointeePlace):
            place = LostPlace("unknown", "it leads to a pointer that is nowhere")
        return PointeePlace(place, kind, distance)

    def _count_elements(
        self, reference: Reference, attribute: int
    ) -> Callable[[FrameView], int | None]:
        """How an array that is made at run time is counted, by an attribute of its dimension."""
        return lambda frame: self._find_count(reference, attribute, frame)

    def _find_count(self, reference: Reference, attribute: int, frame: FrameView) -> int | None:
        """The number of elements; an upper bound is one less than that."""
        try:
            target = self._types.follow(reference, attribute)
            if target is None:
                number = _to_number(self._find_place(reference, attribute, frame), frame)
            else:
                kind = self._types.find(target)
                place = self._find_variable_place(list(walk_references(target)), kind, frame)
                number = _read_number(place, kind.size or 8, frame)
        except Unlocatable:
            return None
        return number + (attribute != DW_AT_count) & MAX_NUMBER


def _identify(reference: Reference) -> tuple[int, int]:
    offset = reference.entries.unit.header.offset + reference.entry.offset
    return reference.table.number, offset


def _walk_variables(
    scope: Reference, wanted: int, left: int, held: HeldBlocks
) -> Iterator[Reference]:
    """The variables of a function and of the blocks in it that hold an address, which join those
    in `held`.
    """
    blocks: list[Reference] = []
    for entry in walk_children(scope.entries, scope.entry):
        tag = entry.shape.tag
        if tag in (DW_TAG_formal_parameter, DW_TAG_variable):
            yield scope._replace(entry=entry)
        elif tag == DW_TAG_lexical_block and left:
            pieces = find_ranges(scope.entries.unit, entry.values, held.budget)
            if any(low <= wanted < high for low, high in pieces):
                blocks.append(scope._replace(entry=entry))
    held.blocks.extend(blocks)
    for block in blocks:
        yield from _walk_variables(block, wanted, left - 1, held)


def _walk_abstract(scope: Reference) -> Iterator[Reference]:
    """The variables of what a function or a block is an instance of; not those in its blocks."""
    if DW_AT_abstract_origin not in scope.entry.values:
        return
    origin = next(islice(walk_references(scope), 1, None), None)
    if origin is not None:
        for entry in islice(walk_children(origin.entries, origin.entry), MAX_VARIABLES):
            if entry.shape.tag in (DW_TAG_formal_parameter, DW_TAG_variable):
                yield origin._replace(entry=entry)


def _is_static(reference: Reference) -> bool:
    _, expression = reference.entry.values.get(DW_AT_location, (0, None))
    if not isinstance(expression, bytes) or not expression:
        return False
    return expression[0] in STATIC or expression[-1] in THREAD_LOCAL


def _read_constant_place(reference: Reference, kind: DataType) -> Place:
    form, value = reference.entry.values[DW_AT_const_value]
    if form in TEXTS:
        text = value if isinstance(value, bytes) else None
        if text is None:
            text = reference.entries.unit.text(form, value).encode()
        return ConstantPlace(text + b"\0")
    if isinstance(value, bytes):
        return ConstantPlace(value)
    is_signed = kind.encoding in ("signed", "character")
    if kind.kind == "enum":
        target = kind.details.target
        is_signed = target is not None and target.encoding in ("signed", "character")
    number = read_constant(form, value, is_signed=is_signed) or 0
    mask = (1 << 8 * CONSTANT_SIZE) - 1
    return ConstantPlace((number & mask).to_bytes(CONSTANT_SIZE, "little"))


def _to_number(place: Place, frame: FrameView) -> int:
    """An address that a place stands for: itself, or what is in its register."""
    if isinstance(place, MemoryPlace):
        return place.address
    if isinstance(place, ConstantPlace):
        return int.from_bytes(place.content[:8], "little")
    if isinstance(place, RegisterPlace):
        content = frame.read_register(place.register)
        if content is None:
            lose(f"{place.register} of this frame is not known")
        return int.from_bytes(content, "little")
    if isinstance(place, LostPlace):
        raise Unlocatable(place.state, place.reason)
    raise Unlocatable("unknown", NO_BASE)


def _read_number(place: Place, size: int, frame: FrameView) -> int:
    """A number of some bytes that is in a place."""
    if isinstance(place, MemoryPlace):
        content = frame.read_memory(place.address, size)
        if content is None:
            raise Unlocatable("not_in_dump", "its size")
        return int.from_bytes(content, "little")
    return _to_number(place, frame) & (1 << 8 * size) - 1
