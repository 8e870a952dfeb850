"""Types of GNU's C++ library that hold values of other types (variant, tuple, any, …)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.analyze.variables.aggregates import gather
from crashtool.services.analyze.variables.containers import NOTHING, read_chosen, read_only_member
from crashtool.services.analyze.variables.parts import MemberPart, find_part

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType
    from crashtool.model.variables import Value
    from crashtool.services.analyze.variables.containers import Shape
    from crashtool.services.analyze.variables.spot import Spot

HEAD, REST = "std::_Head_base<", "std::_Tuple_impl<"
MAX_HEADS = 64
MANAGERS = (
    "std::_Function_handler<",
    "std::any::_Manager_internal<",
    "std::any::_Manager_external<",
)


class _Head(NamedTuple):
    """An element of a tuple, by its number."""

    number: int
    part: MemberPart


def read_variant(at: Spot, value: Value) -> Value | None:
    """std::variant: which of its types it has, and room that begins with a value of that."""
    number, room = find_part(at.kind, "_M_index"), find_part(at.kind, "_M_u")
    if number is None or room is None:
        return None
    return read_chosen(at, value, number, room.offset)


def read_tuple(at: Spot, value: Value) -> Value | None:
    """std::tuple: each element is in a base of a base."""
    heads = sorted(_list_heads(at.kind))
    if not heads or [head.number for head in heads] != list(range(len(heads))):
        return None
    children = [
        at.reader.read(at.move(head.part.type, head.part.offset), f"[{head.number}]")
        for head in heads
    ]
    return gather(value, children)


def _list_heads(kind: DataType) -> list[_Head]:
    heads: list[_Head] = []
    waiting = [MemberPart(kind, 0)]
    while waiting and len(heads) < MAX_HEADS:
        part = waiting.pop()
        for member in part.type.details.members:
            inner = MemberPart(member.type, part.offset + (member.offset or 0))
            name = member.type.plain_name
            if member.is_base and name.startswith(REST):
                waiting.append(inner)
            elif member.is_base and name.startswith(HEAD):
                number = name.removeprefix(HEAD).partition(",")[0].rstrip("ulUL")
                held = inner.type.details.members
                if len(held) == 1 and number.isdecimal():
                    place = MemberPart(held[0].type, inner.offset + (held[0].offset or 0))
                    heads.append(_Head(int(number), place))
    return heads


def read_function(at: Spot, value: Value) -> Value | None:
    """std::function: what it calls, by the name of the code that handles it."""
    manager, store = find_part(at.kind, "_M_manager"), find_part(at.kind, "_M_functor")
    if manager is None or store is None:
        return None
    address = at.read_word(manager.offset)
    if not address:
        return value._replace(text=NOTHING)
    held = _name_held(at.reader.name_code(address))
    if "(*)(" in held:
        target = at.read_word(store.offset)
        name = at.reader.name_code(target)
        return value._replace(text=f"{target:#x} {name}".rstrip())
    return value._replace(text=held or f"{address:#x}")


def read_any(at: Spot, value: Value) -> Value | None:
    """std::any: the type of what it holds, by the name of the code that handles it."""
    manager = find_part(at.kind, "_M_manager")
    if manager is None or find_part(at.kind, "_M_storage") is None:
        return None
    address = at.read_word(manager.offset)
    if not address:
        return value._replace(text=NOTHING)
    held = _name_held(at.reader.name_code(address))
    return value._replace(text=held or f"{address:#x}")


def _name_held(name: str) -> str:
    """The last template argument of what handles a held value; "" for other functions."""
    for manager in MANAGERS:
        if name.startswith(manager):
            arguments, depth, start = name.removeprefix(manager), 0, 0
            for place, letter in enumerate(arguments):
                if letter in "<({":
                    depth += 1
                elif letter == ">" and not depth:
                    return arguments[start:place].strip()
                elif letter in ">)}":
                    depth -= 1
                elif letter == "," and not depth:
                    start = place + 1
    return ""


def read_complex(at: Spot, value: Value) -> Value | None:
    """std::complex."""
    return read_only_member(at, value, "_M_value")


def read_atomic(at: Spot, value: Value) -> Value | None:
    """std::atomic."""
    for name in ("_M_i", "_M_b"):
        held = read_only_member(at, value, name)
        if held is not None:
            return held
    return None


SHAPES: dict[str, tuple[Shape, ...]] = {
    "variant": (read_variant,),
    "tuple": (read_tuple,),
    "function": (read_function,),
    "any": (read_any,),
    "complex": (read_complex,),
    "atomic": (read_atomic,),
}
