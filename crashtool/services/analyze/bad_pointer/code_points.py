"""The variables of a frame at instructions before the one where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.variables.places import (
    FoundScope,
    FoundVariable,
    LostPlace,
    MemoryPlace,
    PiecesPlace,
    Place,
    RegisterPlace,
)
from crashtool.services.analyze.bad_pointer.access_paths import AccessPath, describe_inside

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType
    from crashtool.formats.variables.frame_view import CalledFunction, FrameView
    from crashtool.formats.variables.places import FoundScope, FoundVariable, Place
    from crashtool.services.analyze.bad_pointer.known_values import KnownValues
    from crashtool.services.analyze.bad_pointer.register_flow import FlowPoint

    FindScopes = Callable[[int], list[FoundScope]]

MAX_VARIABLES = 256
MADE = "__"  # what compilers' own variables, of loops over ranges, begin with


class PointView:
    """A frame as it was before an instruction: its registers as far as they can be told."""

    def __init__(self, view: FrameView, point: FlowPoint, values: KnownValues) -> None:
        self.base = view.base
        self.address = point.instruction.address
        self.return_address: int | None = None
        self.answers: dict[object, object] = {}
        self.thread = view.thread
        self.teb = view.teb
        self._view = view
        self._point = point
        self._known = values

    def read_register(self, name: str) -> bytes | None:
        """A register's bytes; None when it cannot be told."""
        form = self._point.forms.get(name)
        value = None if form is None else self._known.solve(form)
        return None if value is None else value.to_bytes(self._known.width, "little")

    def read_memory(self, address: int, size: int) -> bytes | None:
        """Memory as it is at the crash."""
        return self._view.read_memory(address, size)

    def find_handed(self, called: CalledFunction, expression: bytes) -> bytes | None:
        """None: it stands at no call."""

    @property
    def cfa(self) -> int | None:
        """The canonical frame address, which is the same all the time."""
        return self._view.cfa

    @property
    def caller(self) -> FrameView | None:
        """What called it."""
        return self._view.caller


class PlacedVariable(NamedTuple):
    """A variable and where it is at a point; `scope` counts from the innermost call."""

    variable: FoundVariable
    place: Place
    scope: int


class CodePoints:
    """The variables at each point of straight code, looked up once."""

    def __init__(
        self,
        points: Sequence[FlowPoint],
        view: FrameView,
        values: KnownValues,
        find_scopes: FindScopes,
    ) -> None:
        self.points = points
        self.known = values
        self._view = view
        self._find_scopes = find_scopes
        self._placed: dict[int, list[PlacedVariable]] = {}
        last = points[-1].instruction.address
        self._active = {scope.key for scope in find_scopes(last)}

    def name_register(self, number: int, register: str, width: int) -> list[AccessPath]:
        """What is in a register before an instruction, by the debug information; of a struct the
        member. What the innermost call has there counts; of several names one is as right as the
        other.
        """
        paths: dict[int, list[AccessPath]] = {}
        for placed in self._place(number):
            path = _name_in_register(placed, register, width)
            if path is not None and path.type is not None:
                paths.setdefault(placed.scope, []).append(path)
        return paths[min(paths)] if paths else []

    def name_memory(self, number: int, address: int, size: int) -> AccessPath | None:
        """What is in memory before an instruction: a variable of the frame, or a part of one."""
        paths: dict[int, list[AccessPath]] = {}
        for variable, place, scope in self._place(number):
            whole = variable.type.size
            if not isinstance(place, MemoryPlace) or not whole:
                continue
            if place.address <= address and address + size <= place.address + whole:
                offset = address - place.address
                path = describe_inside(variable.name, variable.type, offset, size)
                paths.setdefault(scope, []).append(path or AccessPath("", None))
        return _choose(paths) if paths else self._name_static(number, address, size)

    def _name_static(self, number: int, address: int, size: int) -> AccessPath | None:
        """What is in memory that a variable in no function is in."""
        scopes = self._find_scopes(self.points[number].instruction.address)
        find = scopes[-1].find_static if scopes else None
        try:
            variable = find(address - self._view.base) if find else None
            place = variable.locate(self._view) if variable else None
        except MalformedFile:
            return None
        if variable is None or not isinstance(place, MemoryPlace):
            return None
        path = describe_inside(variable.name, variable.type, address - place.address, size)
        return path if path and path.type else None

    def _place(self, number: int) -> list[PlacedVariable]:
        if number not in self._placed:
            self._placed[number] = list(self._walk_places(number))
        return self._placed[number]

    def _walk_places(self, number: int) -> Iterator[PlacedVariable]:
        point = self.points[number]
        view = PointView(self._view, point, self.known)
        for scope, variables in enumerate(self._find_scopes(point.instruction.address)):
            if variables.key not in self._active:  # a call that has returned: its `this` is another
                continue
            for variable in variables.variables[:MAX_VARIABLES]:
                if variable.name.startswith(MADE):
                    continue
                try:
                    place = variable.locate(view)
                except MalformedFile as damage:
                    place = LostPlace("unknown", damage.what)
                yield PlacedVariable(variable, place, scope)


def _name_in_register(placed: PlacedVariable, register: str, width: int) -> AccessPath | None:
    """The part of a variable that is in a register from the lowest byte on."""
    place, kind = placed.place, placed.variable.type
    name = placed.variable.name
    if isinstance(place, RegisterPlace):
        if place.register != register or place.offset:
            return None
        return _name_start(name, kind, 0, width)
    if isinstance(place, PiecesPlace):
        offset = 0
        for piece in place.pieces:
            inner = piece.place
            is_here = isinstance(inner, RegisterPlace) and inner.register == register
            if is_here and not inner.offset and piece.size <= width:  # type: ignore[union-attr]
                return _name_start(name, kind, offset, piece.size)
            offset += piece.size
    return None


def _name_start(name: str, kind: DataType, offset: int, size: int) -> AccessPath | None:
    """A variable, or the member at an offset that takes `size` bytes; a smaller one fills a
    register all the same.
    """
    if kind.kind not in ("struct", "union", "array"):
        return AccessPath(name, kind) if not offset and (kind.size or 0) <= size else None
    return describe_inside(name, kind, offset, size)


def _choose(paths: dict[int, list[AccessPath]]) -> AccessPath | None:
    """The one of the innermost scope; None without any, or with several."""
    if not paths:
        return None
    chosen = paths[min(paths)]
    texts = {path.text for path in chosen}
    return chosen[0] if len(texts) == 1 and chosen[0].text and chosen[0].type else None
