"""Wire structs as tables: one line per field, in file order.

    class Directory(Record):
        stream_type: U32
        size: U32
        rva: U32

A Record is a tuple with named fields, read from and packed to bytes by its table. It is the one
place where bytes become numbers: counts are checked against the bytes there before anything is
allocated.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from struct import Struct
from struct import error as struct_error
from sys import modules
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeAlias

from crashtool.errors import MalformedFile

if TYPE_CHECKING:
    from mmap import mmap

    Buffer: TypeAlias = bytes | bytearray | memoryview | mmap

U8 = Annotated[int, "B"]
U16 = Annotated[int, "H"]
U32 = Annotated[int, "I"]
U64 = Annotated[int, "Q"]
I8 = Annotated[int, "b"]
I16 = Annotated[int, "h"]
I32 = Annotated[int, "i"]
I64 = Annotated[int, "q"]
F64 = Annotated[float, "d"]
Bytes4 = Annotated[bytes, "4s"]
Bytes8 = Annotated[bytes, "8s"]
Bytes16 = Annotated[bytes, "16s"]
Bytes512 = Annotated[bytes, "512s"]


class Record(tuple[Any, ...]):
    """A fixed-size packed struct; a subclass lists its fields in file order.

    Little-endian unless `big_endian` says otherwise. `SIZE` is in bytes; `KINDS` has the types that
    the annotations of the fields say, with their struct codes.
    """

    __slots__ = ()
    FIELDS: ClassVar[tuple[str, ...]]
    KINDS: ClassVar[dict[str, Any]]
    LAYOUT: ClassVar[Struct]
    SIZE: ClassVar[int]

    def __init_subclass__(cls) -> None:
        names = vars(modules[cls.__module__])  # `from __future__ import annotations` leaves names
        kinds = cls.__annotations__
        cls.KINDS = {
            name: names[kinds[name]] if kinds[name].__class__ is str else kinds[name]
            for name in kinds
        }
        cls.FIELDS = tuple(cls.KINDS)
        cls.LAYOUT = Struct("<" + "".join(kind.__metadata__[0] for kind in cls.KINDS.values()))
        cls.SIZE = cls.LAYOUT.size
        for index, name in enumerate(cls.FIELDS):
            setattr(cls, name, property(itemgetter(index)))

    def __new__(cls, **values: Any) -> Self:
        """A struct of the given fields; the others are zero."""
        fields = [values.pop(name, _ZERO[code]) for name, code in cls._codes()]
        if values:
            raise TypeError(f"{cls.__name__} has no field {', '.join(values)}")
        return tuple.__new__(cls, fields)

    @classmethod
    def _codes(cls) -> list[tuple[str, str]]:
        return [(name, kind.__metadata__[0][-1]) for name, kind in cls.KINDS.items()]

    @classmethod
    def offset_of(cls, field: str) -> int:
        """Where a field begins, in bytes from the struct's start."""
        before = cls.FIELDS[: cls.FIELDS.index(field)]
        kinds = (cls.KINDS[name].__metadata__[0] for name in before)
        return Struct("<" + "".join(kinds)).size

    @classmethod
    def read(cls, data: Buffer, offset: int = 0, *, big_endian: bool = False) -> Self:
        """The struct at `offset` bytes; MalformedFile when it does not lie inside `data`."""
        if offset < 0 or offset + cls.SIZE > len(data):
            raise MalformedFile(f"{cls.__name__} cut short", offset=offset)
        layout = Struct(">" + cls.LAYOUT.format[1:]) if big_endian else cls.LAYOUT
        return tuple.__new__(cls, layout.unpack_from(data, offset))

    @classmethod
    def read_array(
        cls, data: Buffer, offset: int, count: int, *, stride: int = 0
    ) -> Iterator[Self]:
        """`count` structs from `offset` on; MalformedFile at once when they do not all fit.

        `stride`, in bytes, is for lists whose entries are longer than the struct.
        """
        step = max(stride, cls.SIZE)
        if offset < 0 or count < 0 or count * step > max(0, len(data) - offset):
            raise MalformedFile(f"{count} x {cls.__name__} cut short", offset=offset)
        if step == cls.SIZE:
            rows = cls.LAYOUT.iter_unpack(data[offset : offset + count * step])
            return (tuple.__new__(cls, fields) for fields in rows)
        places = range(offset, offset + count * step, step)
        return (tuple.__new__(cls, cls.LAYOUT.unpack_from(data, position)) for position in places)

    def pack(self, *, big_endian: bool = False) -> bytes:
        """The struct's bytes. A value outside its field's range is a ValueError."""
        layout = Struct(">" + self.LAYOUT.format[1:]) if big_endian else self.LAYOUT
        try:
            return layout.pack(*self)
        except struct_error as error:
            raise ValueError(f"{self!r}: {error}") from None

    def replace(self, **values: Any) -> Self:
        """A copy with some fields changed."""
        return type(self)(**(dict(zip(self.FIELDS, self, strict=True)) | values))

    def __repr__(self) -> str:
        pairs = zip(self.FIELDS, self, strict=True)
        shown = (
            f"{name}={value:#x}" if isinstance(value, int) else f"{name}={value!r}"
            for name, value in pairs
        )
        return f"{type(self).__name__}({', '.join(shown)})"


_ZERO: dict[str, Any] = dict.fromkeys("BHIQbhiq", 0) | {"s": b"", "d": 0.0}
