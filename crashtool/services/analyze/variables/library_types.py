"""Strings, containers and smart pointers of the standard libraries, read as what they stand for.

Each library has a module that tells the types it knows by their members, so that a type of the same
name with other members is shown by its members.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.services.analyze.variables import (
    libcxx,
    libcxx_sequences,
    libstdcxx,
    libstdcxx_holders,
    libstdcxx_sequences,
    msvc_library,
    rust_library,
)

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType
    from crashtool.model.variables import Value
    from crashtool.services.analyze.variables.containers import Shape
    from crashtool.services.analyze.variables.spot import Spot

LIBRARIES: tuple[dict[str, tuple[Shape, ...]], ...] = (
    libstdcxx.SHAPES,
    libstdcxx_sequences.SHAPES,
    libstdcxx_holders.SHAPES,
    libcxx.SHAPES,
    libcxx_sequences.SHAPES,
    msvc_library.SHAPES,
)
NAMESPACES = ("std::__cxx11::", "std::__1::", "std::__ndk1::", "std::__debug::", "std::")


def find_shape(kind: DataType) -> Shape | None:
    """What reads a type of a standard library; None for all others."""
    name = kind.plain_name
    for namespace in NAMESPACES:
        if name.startswith(namespace):
            name = name[len(namespace) :].partition("<")[0]
            shapes = [shape for library in LIBRARIES for shape in library.get(name, ())]
            return _in_turn(shapes) if shapes else None
    return rust_library.find_shape(name)


def _in_turn(shapes: list[Shape]) -> Shape:
    """The first that knows the members; LostValue where it knows them and they make no sense."""

    def read(spot: Spot, value: Value) -> Value | None:
        for shape in shapes:
            answer = shape(spot, value)
            if answer is not None:
                return answer
        return None

    return read
