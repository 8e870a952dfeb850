"""What a program calls the memory behind a pointer: `mesh->verts.data[3]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType, Member

# Where classes of the standard libraries (GNU's, LLVM's, Microsoft's) keep the pointer that a
# program has of them by these functions.
ACCESSORS = {
    "get()": ("_M_head_impl", "_M_ptr", "__ptr_", "_Myptr", "_Myval2", "_Ptr"),
    "data()": ("_M_start", "_M_p", "__begin_", "_Myfirst", "__data_", "_M_str", "_Mydata"),
}
HOLDERS = ("unique_ptr", "shared_ptr", "vector", "basic_string", "basic_string_view")
NAMESPACES = ("__cxx11::", "__1::", "__ndk1::")
MAX_DEPTH = 16  # members inside one another
MAX_PATH = 200  # characters
SCALARS = ("base", "enum", "pointer", "reference", "member_pointer")
AGGREGATES = ("struct", "union")
FEWEST_VECTOR = 16  # bytes of a register that holds several elements


class AccessPath(NamedTuple):
    """The words for some memory, and its type where they are for exactly that memory.

    `is_named`: by a member or an element, not by a distance.
    """

    text: str
    type: DataType | None
    is_named: bool = True


class _Part(NamedTuple):
    """Something inside something else: its words, its type, and the bytes that are asked for."""

    text: str
    type: DataType
    offset: int
    is_behind: bool  # the text is a pointer's, whose members are reached by ->


def describe_behind(
    pointer: str, kind: DataType, offset: int, size: int, *, has_index: bool
) -> AccessPath:
    """The memory `offset` bytes from where a pointer or reference of a type leads.

    `has_index`: the offset is counted in elements. MalformedFile where a type is damaged.
    """
    target = kind.details.target
    if kind.kind == "reference":
        if target is not None and target.size and 0 <= offset < target.size:
            return describe_inside(pointer, target, offset, size) or _count(pointer, offset)
        return _count(pointer, offset)
    if target is None or not target.size or target.kind not in (*SCALARS, *AGGREGATES, "array"):
        return _count(pointer, offset)
    number, rest = divmod(offset, target.size)
    if target.kind in AGGREGATES and number and not has_index:
        return _count(pointer, offset)  # a larger type, that this one is the beginning of
    grouped = f"({pointer})" if pointer.startswith("*") else pointer
    if has_index or number:
        path = describe_inside(f"{grouped}[{number}]", target, rest, size)
    elif target.kind in AGGREGATES:
        path = _descend(_Part(grouped, target, rest, is_behind=True), size)
    else:
        path = describe_inside(f"*{pointer}", target, rest, size)
    return path or _count(pointer, offset)


def _count(pointer: str, offset: int) -> AccessPath:
    """Memory that no member's name stands for."""
    if not offset:
        return AccessPath(f"*{pointer}", None, is_named=False)
    sign = "-" if offset < 0 else "+"
    return AccessPath(f"{pointer} {sign} {abs(offset):#x}", None, is_named=False)


def describe_inside(text: str, kind: DataType, offset: int, size: int) -> AccessPath | None:
    """Some bytes of an object that has a name; None where they are of no member alone."""
    return _descend(_Part(text, kind, offset, is_behind=False), size)


def _descend(part: _Part, size: int) -> AccessPath | None:
    holder: _Part | None = None
    for _ in range(MAX_DEPTH):
        kind = part.type
        if holder is None and _is_holder(kind):
            holder = part
        if kind.kind in AGGREGATES:
            inner = _find_member(part, size)
        elif kind.kind == "array":
            inner = _find_element(part, size)
        else:
            return _end(_use_accessor(holder, part) if holder else part, size)
        if inner is None:
            return None if part.offset else _end_whole(part, size)
        if len(inner.text) > MAX_PATH:
            return None
        part = inner
    return None


def _is_holder(kind: DataType) -> bool:
    """Whether a type is one of the standard library's that hold a pointer."""
    name = kind.plain_name.removeprefix("std::")
    if name == kind.plain_name or kind.kind != "struct":
        return False
    for namespace in NAMESPACES:
        name = name.removeprefix(namespace)
    return name.partition("<")[0] in HOLDERS


def _use_accessor(holder: _Part, part: _Part) -> _Part:
    """The pointer in a library's class, by the function that gives it."""
    member = part.text.rpartition(".")[2]
    arrow = "->" if holder.is_behind else "."
    for accessor, members in ACCESSORS.items():
        if member in members:
            return part._replace(text=f"{_group(holder)}{arrow}{accessor}")
    return part


def _end(part: _Part, size: int) -> AccessPath | None:
    """A number or a pointer: all of it, its lowest bytes, or elements that fill a vector."""
    whole = part.type.size
    if part.type.kind not in SCALARS or part.offset or not whole or not size:
        return None
    if size <= whole:
        return AccessPath(part.text, part.type if size == whole else None)
    if size >= FEWEST_VECTOR and size % whole == 0 and part.text.endswith(("]", ")")):
        return AccessPath(part.text, None)
    return None


def _end_whole(part: _Part, size: int) -> AccessPath | None:
    """A struct, a union or an array from its first byte on: of several members, or all."""
    if not part.type.size or size > part.type.size:
        return None
    return AccessPath(f"*{part.text}" if part.is_behind else part.text, None)


def _find_member(part: _Part, size: int) -> _Part | None:
    """The one member that has all the bytes; None without one, or with several."""
    candidates = [
        member
        for member in part.type.details.members
        if member.offset is not None
        and member.offset <= part.offset
        and part.offset + size <= member.offset + (member.type.size or 0)
        and not _is_nothing(member)
    ]
    if len(candidates) != 1 or candidates[0].bit_size:
        return None
    (member,) = candidates
    rest = part.offset - (member.offset or 0)
    if member.is_base or not member.name:
        return _Part(part.text, member.type, rest, part.is_behind)
    arrow = "->" if part.is_behind else "."
    return _Part(f"{_group(part)}{arrow}{member.name}", member.type, rest, is_behind=False)


def _group(part: _Part) -> str:
    return f"({part.text})" if part.text.startswith("*") and not part.is_behind else part.text


def _is_nothing(member: Member) -> bool:
    """Whether a base takes no room of its own."""
    kind = member.type
    return member.is_base and kind.size == 1 and not kind.details.members


def _find_element(part: _Part, size: int) -> _Part | None:
    element = part.type.details.target
    if element is None or not element.size:
        return None
    number, rest = divmod(part.offset, element.size)
    if rest + size > element.size and size < FEWEST_VECTOR:
        return None
    return _Part(f"{_group(part)}[{number}]", element, rest, is_behind=False)
