"""What debug information says of an address, with readable names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.breakpad.symbol_file import FunctionHit, InlinedCall
from crashtool.services.symbols.demangle import demangle

if TYPE_CHECKING:
    from crashtool.formats.code_location import CodeLocation


def to_hit(locations: list[CodeLocation], address: int) -> FunctionHit:
    """Locations at one address, innermost first, as a function with inlined calls."""
    *inner, outer = locations
    return FunctionHit(
        name=demangle(outer.function),
        start=address if outer.start is None else outer.start,
        size=outer.size,
        file=outer.file or None,
        line=outer.line or None,
        inlines=tuple(map(_to_inlined_call, inner)),
    )


def _to_inlined_call(location: CodeLocation) -> InlinedCall:
    return InlinedCall(demangle(location.function), location.file or None, location.line or None)
