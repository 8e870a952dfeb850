"""From the address of an access to the pointer that it was made of, by the program's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.analyze.bad_pointer.access_paths import AccessPath, describe_behind
from crashtool.services.analyze.bad_pointer.linear_forms import (
    Atom,
    LinearForm,
    LoadedValue,
    Narrow,
    combine,
    of,
)
from crashtool.services.analyze.bad_pointer.register_flow import find_address
from crashtool.services.analyze.decoded_code import MemoryOperand

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType
    from crashtool.services.analyze.bad_pointer.code_points import CodePoints

POINTERS = ("pointer", "reference")
NUMBERS = ("base", "enum")
MAX_DEPTH = 6  # pointers behind pointers


class NamedPointer(NamedTuple):
    """A pointer: its words and type, and what it held, as a form of the code's registers."""

    text: str
    type: DataType
    form: LinearForm


class NamedAccess(NamedTuple):
    """Memory by the pointer that leads there. `value`: the pointer's, None where it is not known.

    `is_exact`: the path's type is that of the very bytes.
    """

    path: AccessPath
    pointer: NamedPointer
    value: int | None


class PointerNames:
    """The words for pointers in one stretch of straight code. `width` is a pointer's, in bytes."""

    def __init__(self, points: CodePoints, width: int) -> None:
        self._points = points
        self._known = points.known
        self._width = width

    def name_access(
        self, number: int, operand: MemoryOperand, address: int | None = None, depth: int = 0
    ) -> NamedAccess | None:
        """The memory that an operand of an instruction is, whose address may be known.

        None where no pointer, or more than one, can have led there.
        """
        form = find_address(operand, self._points.points[number].forms)
        if form is None or depth > MAX_DEPTH:
            return None
        accesses = [
            access
            for pointer in self._find_pointers(number, operand, form, depth)
            if (access := self._follow(number, operand.size, form, pointer, address))
        ]
        for is_better in (lambda access: access.path.type, lambda access: access.path.is_named):
            accesses = list(filter(is_better, accesses)) or accesses
        return accesses[0] if len({access.pointer.text for access in accesses}) == 1 else None

    def _follow(
        self, number: int, size: int, form: LinearForm, pointer: NamedPointer, address: int | None
    ) -> NamedAccess | None:
        """What is at an address when a pointer has led there."""
        rest = combine(form, pointer.form, -1)
        if rest is None or not self._counts_elements(number, rest, pointer.type):
            return None
        offset, value = self._solve(form, pointer.form, rest, address)
        if offset is None:
            return None
        path = describe_behind(pointer.text, pointer.type, offset, size, has_index=bool(rest.terms))
        return NamedAccess(path, pointer, value)

    def name_operand(self, number: int, register: str) -> NamedPointer | None:
        """What is in a register before an instruction, if it is a pointer."""
        form = self._points.points[number].forms.get(register)
        if form is None:
            return None
        paths = self._points.name_register(number, register, self._width)
        pointers = _list_pointers(paths, form)
        if not pointers and form.atom is not None:
            pointers = self._name_atom(number, form.atom, 0)
        return pointers[0] if len(pointers) == 1 else None

    def name_content(self, number: int, operand: MemoryOperand) -> NamedPointer | None:
        """What is in memory that an instruction reads itself, if it is a pointer."""
        instruction = self._points.points[number].instruction
        form = find_address(operand, self._points.points[number].forms)
        if form is None or operand.size != self._width:
            return None
        return self.name_loaded(LoadedValue(form, operand.size, instruction.address))

    def name_loaded(self, loaded: LoadedValue, depth: int = 0) -> NamedPointer | None:
        """What memory was loaded from, if it holds a pointer."""
        path = self._name_source(loaded, depth)
        pointers = _list_pointers([path] if path else [], of(loaded))
        return pointers[0] if pointers else None

    def _find_pointers(
        self, number: int, operand: MemoryOperand, form: LinearForm, depth: int
    ) -> list[NamedPointer]:
        """The pointer of an address by its names: of variables in a register of the operand, else
        what a part of the address was called when it was in a register, or was loaded from. None
        where two parts are pointers.
        """
        forms = self._points.points[number].forms
        direct = [
            pointers
            for register, factor in ((operand.base, 1), (operand.offset_register, operand.factor))
            if register
            and factor == 1
            and (paths := self._points.name_register(number, register, self._width))
            and (pointers := _list_pointers(paths, forms[register]))
        ]
        if not direct:
            direct = [
                pointers
                for atom, count in form.terms
                if count == 1 and (pointers := self._name_atom(number, atom, depth))
            ]
        return direct[0] if len(direct) == 1 else []

    def _name_atom(self, number: int, atom: Atom, depth: int) -> list[NamedPointer]:
        paths = self._recall_register(number, atom)
        if paths:
            return _list_pointers(paths, of(atom))
        pointer = None
        if isinstance(atom, LoadedValue) and atom.size == self._width:
            pointer = self.name_loaded(atom, depth)
        return [pointer] if pointer else []

    def _recall_register(self, number: int, atom: Atom) -> list[AccessPath]:
        """The variables that something was while it was in a register, the latest first."""
        for earlier in range(number, -1, -1):
            for register, form in self._points.points[earlier].forms.items():
                if form.atom == atom:
                    paths = self._points.name_register(earlier, register, self._width)
                    if paths:
                        return paths
        return []

    def _name_source(self, loaded: LoadedValue, depth: int) -> AccessPath | None:
        """The variable, or the member behind a pointer, that was loaded."""
        number = self._find_number(loaded.at)
        instruction = self._points.points[number].instruction
        operand = next(
            (operand for operand in instruction.operands if isinstance(operand, MemoryOperand)),
            None,
        )
        if operand is not None:
            access = self.name_access(number, operand, depth=depth + 1)
            if access is not None:
                return access.path
        address = self._known.solve(loaded.address)
        return None if address is None else self._points.name_memory(number, address, loaded.size)

    def _find_number(self, address: int) -> int:
        rows = enumerate(self._points.points)
        return next(number for number, point in rows if point.instruction.address == address)

    def _counts_elements(self, number: int, rest: LinearForm, kind: DataType) -> bool:
        """Whether what is added to a pointer counts its elements, and no pointer is in it."""
        target = kind.details.target
        size = target.size if target else None
        if rest.terms and (kind.kind != "pointer" or not size):
            return False
        return all(
            count % (size or 1) == 0 and (count != 1 or self._is_number(number, atom))
            for atom, count in rest.terms
        )

    def _is_number(self, number: int, atom: Atom) -> bool:
        if isinstance(atom, Narrow):
            return True
        paths = self._recall_register(number, atom)
        if not paths and isinstance(atom, LoadedValue) and (path := self._name_source(atom, 0)):
            paths = [path]
        return bool(paths) and all(path.type and path.type.kind in NUMBERS for path in paths)

    def _solve(
        self, form: LinearForm, pointer: LinearForm, rest: LinearForm, address: int | None
    ) -> tuple[int | None, int | None]:
        """How far behind a pointer an address lies, and the pointer's value.

        The first is None where that cannot be told, or where what is known does not agree.
        """
        half, limit = 1 << 8 * self._width - 1, 1 << 8 * self._width
        value = self._known.solve(pointer)
        if address is None:
            address = self._known.solve(form)
        offset = self._known.recall(rest)
        if value is None and address is not None and offset is not None:
            value = (address - offset) % limit
        if value is None and address is not None:
            value = self._known.recall(pointer)
        if address is not None and value is not None:
            told = (address - value) % limit
            if offset is not None and told != offset:
                return None, None
            offset = told
        if offset is not None and offset >= half:
            offset -= limit
        if value is not None and isinstance(pointer.atom, LoadedValue):
            now = self._known.recall_memory(pointer.atom)
            if now is not None and now != value:
                return None, None  # the variable has been given another value since
        return offset, value


def _list_pointers(paths: list[AccessPath], form: LinearForm) -> list[NamedPointer]:
    """The pointers among names for one thing; those of a known target, where there are any."""
    pointers = [
        NamedPointer(path.text, path.type, form)
        for path in paths
        if path.type is not None and path.type.kind in POINTERS
    ]
    sized = [pointer for pointer in pointers if _has_target(pointer.type)]
    return sized or pointers


def _has_target(kind: DataType) -> bool:
    target = kind.details.target
    return target is not None and (bool(target.size) or target.kind == "function")
