"""From a type and a place to a value that can be shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.variables.places import LostPlace, Place
from crashtool.model.variables import Value
from crashtool.services.analyze.variables.aggregates import read_array, read_members
from crashtool.services.analyze.variables.content import LostValue, lose
from crashtool.services.analyze.variables.library_types import find_shape
from crashtool.services.analyze.variables.limits import SHOWN, Limits, ValueBudget
from crashtool.services.analyze.variables.pointers import read_member_pointer, read_pointer
from crashtool.services.analyze.variables.scalars import (
    LARGEST,
    format_complex,
    format_float,
    format_scalar,
    read_number,
)
from crashtool.services.analyze.variables.spot import Spot

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType
    from crashtool.formats.variables.frame_view import FrameView

ARM = ("arm", "arm64")  # architectures with its own pointers to members


class ValueReader:
    """The values of one frame's variables. What is lost says why.

    `width`: of a pointer, in bytes; `architecture` as of a dump. `name_code` names the function at
    an address.
    """

    def __init__(
        self,
        frame: FrameView,
        width: int,
        architecture: str,
        name_code: Callable[[int], str] = lambda _address: "",
        limits: Limits = SHOWN,
        budget: ValueBudget | None = None,
    ) -> None:
        """`budget` is shared by the readers of a stack."""
        self.frame = frame
        self.width = width
        self.limits = limits
        self.name_code = name_code
        self._architecture = architecture
        self._left = 0
        self._budget = budget or ValueBudget()

    def read_variable(self, kind: DataType, locate: Callable[[FrameView], Place]) -> Value:
        """The value of a variable; `locate` as of a `FoundVariable`."""
        if self._budget.left <= 0:
            return Value(kind.name, "unknown", reason="too many variables are on this stack")
        self._left = self.limits.values
        try:
            place = locate(self.frame)
        except MalformedFile as damage:
            place = LostPlace("unknown", damage.what)
        return self.read(Spot(self, kind, place))

    def take_room(self) -> bool:
        """Whether a further value may be read."""
        return self._left > 0

    def take_step(self) -> None:
        """Count one link that is followed. LostValue when too many were."""
        self._budget.steps -= 1
        if self._budget.steps < 0:
            lose("too many links were followed on this stack")

    def read(self, spot: Spot, name: str = "") -> Value:
        """The value at a spot."""
        self._left -= 1
        self._budget.left -= 1
        value = Value(spot.kind.name, name=name)
        if isinstance(spot.place, LostPlace):
            return value._replace(state=spot.place.state, reason=spot.place.reason)
        try:
            return self._read(spot, value)
        except LostValue as lost:
            return value._replace(state=lost.state, reason=lost.reason)
        except MalformedFile as damage:
            return value._replace(state="unknown", reason=damage.what)

    def _read(self, spot: Spot, value: Value) -> Value:
        kind = spot.kind
        if kind.kind in ("struct", "union"):
            shape = None if self.limits.is_plain else find_shape(kind)
            return (shape(spot, value) if shape else None) or read_members(spot, value)
        if kind.kind in ("base", "enum"):
            return value._replace(text=self._read_scalar(spot))
        if kind.kind == "array":
            return read_array(spot, value)
        if kind.kind in ("pointer", "reference"):
            return read_pointer(spot, value)
        if kind.kind == "member_pointer":
            return read_member_pointer(spot, value, is_arm=self._architecture in ARM)
        unknown = kind.kind == "unknown"
        raise LostValue("unknown", "its type is not known" if unknown else f"a {kind.kind}")

    def _read_scalar(self, spot: Spot) -> str:
        kind = spot.kind
        is_complex = kind.encoding == "complex"
        if not 0 < spot.size <= (2 * LARGEST if is_complex else LARGEST):
            lose("a number of a size that is not known")
        content = spot.read_bytes(0, spot.size)
        if kind.encoding == "float":
            return format_float(content, self._architecture, kind.plain_name)
        if is_complex:
            return format_complex(content, self._architecture, kind.plain_name)
        if kind.kind == "base" and kind.encoding == "other":
            lose("a number of a kind that is not read")
        number = read_number(kind, content)
        return str(number) if self.limits.is_plain else format_scalar(kind, number)
