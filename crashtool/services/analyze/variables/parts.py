"""Members of classes by name, also where they are inside bases and other members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType

MAX_TYPES = 64  # that are looked into
DEEPEST = 12


class MemberPart(NamedTuple):
    """A member: its type, and where it begins in the object that was asked."""

    type: DataType
    offset: int


def find_part(kind: DataType, name: str) -> MemberPart | None:
    """The member of a name that is the least deep inside; None where there is none.

    MalformedFile where a type is damaged.
    """
    level, seen = [MemberPart(kind, 0)], 0
    for _ in range(DEEPEST):
        following: list[MemberPart] = []
        for candidate in level:
            seen += 1
            if seen > MAX_TYPES or candidate.type.kind not in ("struct", "union"):
                continue
            for member in candidate.type.details.members:
                if member.offset is None or member.bit_size:
                    continue
                part = MemberPart(member.type, candidate.offset + member.offset)
                if member.name == name and not member.is_base:
                    return part
                following.append(part)
        level = following
    return None


def find_path(kind: DataType, *names: str) -> MemberPart | None:
    """A member of a member, each found as `find_part` does."""
    part: MemberPart | None = MemberPart(kind, 0)
    for name in names:
        step = part and find_part(part.type, name)
        if part is None or step is None:
            return None
        part = MemberPart(step.type, part.offset + step.offset)
    return part
