"""Types of variables, whatever the format that describes them: read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.variables.frame_view import FrameView

TypeKind = Literal[
    "base",
    "pointer",
    "reference",
    "struct",
    "union",
    "array",
    "enum",
    "function",
    "member_pointer",
    "void",
    "unknown",
]
# character: a letter of a text, and a number with a sign as char mostly is; unsigned_character: the
# same without (unsigned char, and char on ARM). utf: char8_t to char32_t, and wchar_t
Encoding = Literal[
    "signed",
    "unsigned",
    "boolean",
    "character",
    "unsigned_character",
    "utf",
    "float",
    "complex",
    "other",
]


class Member(NamedTuple):
    """A member or a base of a struct or union. `offset` in bytes, None where only the running
    program knows it (a virtual base).

    A bit field has a `bit_size`, and `bit_offset` counts from the lowest bit of the byte at
    `offset`. Names of nameless members and of bases are "" and the base's type. `find_offset`: of a
    virtual base, by the object's address in a frame; None where the tables that say so are lost.
    """

    name: str
    type: DataType
    offset: int | None
    bit_size: int = 0
    bit_offset: int = 0
    is_base: bool = False
    find_offset: Callable[[FrameView, int], int | None] | None = None


class Variant(NamedTuple):
    """What is there for some values of a discriminant; for all others when there are none."""

    values: tuple[int, ...]
    members: tuple[Member, ...]


class Variants(NamedTuple):
    """The alternatives of a type that knows which of them it is, as Rust's enumerations do."""

    discriminant: Member | None
    cases: tuple[Variant, ...]


class Details(NamedTuple):
    """What is behind a type: of a pointer, reference, array or enumeration the `target`; of
    structs and unions the members and, where the format tells them, the template's types
    (`arguments`); of an enumeration its names, by value. `find_count`: the number of elements of an
    array that only a frame knows, None where that is lost.
    """

    target: DataType | None = None
    members: tuple[Member, ...] = ()
    arguments: tuple[DataType, ...] = ()
    enumerators: tuple[tuple[int, str], ...] = ()
    variants: Variants | None = None
    find_count: Callable[[FrameView], int | None] | None = None


class DataType:
    """A type. typedefs, const and volatile are passed: they are in `name`, the spelling, alone.

    `size` in bytes, None when it is not told (a declaration, void). `count`: the elements of an
    array, None when it is not known. An array of arrays has an array as its target. `plain_name`:
    the spelling without typedefs or const, "" where it is the same. `is_incomplete`: it is declared
    here, and described nowhere that was read.
    """

    __slots__ = (
        "_details",
        "_load",
        "count",
        "encoding",
        "is_incomplete",
        "kind",
        "name",
        "plain_name",
        "size",
    )

    def __init__(
        self,
        kind: TypeKind,
        name: str,
        size: int | None,
        *,
        encoding: Encoding = "other",
        count: int | None = None,
        plain_name: str = "",
        is_incomplete: bool = False,
        load: Callable[[], Details] = Details,
    ) -> None:
        """`load` is called once, when a detail is asked for; MalformedFile where it is damaged."""
        self.kind: TypeKind = kind
        self.name = name
        self.size = size
        self.encoding: Encoding = encoding
        self.count = count
        self.plain_name = plain_name or name
        self.is_incomplete = is_incomplete
        self._load = load
        self._details: Details | None = None

    @property
    def details(self) -> Details:
        """What is behind it. MalformedFile where the file is damaged there."""
        if self._details is None:
            self._details = self._load()
        return self._details

    def rename(self, name: str) -> DataType:
        """The same type by another spelling: a typedef, a const one."""
        return DataType(
            self.kind,
            name,
            self.size,
            encoding=self.encoding,
            count=self.count,
            plain_name=self.plain_name,
            is_incomplete=self.is_incomplete,
            load=lambda: self.details,
        )
