"""`typing.NamedTuple`, made in a tenth of the time: small values are a fifth of a command's start.

The library compiles a constructor's source for each class. Here one is compiled for each number of
fields, and its copies get the fields' names as arguments. Otherwise the classes are the same: a
test compares them, one by one (docs/decisions/20261130-cheaper-named-tuples.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["NamedTuple"]

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from collections.abc import Iterable
    from functools import cache
    from operator import itemgetter
    from types import CodeType, FunctionType
    from typing import Any, Self

    try:
        from _collections import _tuplegetter as field_getter  # as collections.namedtuple does
    except ImportError:

        def field_getter(index: int, doc: str) -> property:
            """A field's descriptor."""
            return property(itemgetter(index), doc=doc)

    class _Values(tuple):
        """What the classes have in common."""

        __slots__ = ()

        @classmethod
        def _make(cls, values: Iterable[Any]) -> Self:
            """A tuple of as many values as there are fields."""
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
            return made

        def _replace(self, /, **values: Any) -> Self:
            """A copy with some fields changed."""
            copy = self._make(map(values.pop, self._fields, self))
            if values:
                raise TypeError(f"Got unexpected field names: {list(values)!r}")
            return copy

        __replace__ = _replace

        def _asdict(self) -> dict[str, Any]:
            """The fields, in order."""
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

        def __repr__(self) -> str:
            pairs = zip(self._fields, self, strict=True)
            fields = ", ".join(f"{name}={value!r}" for name, value in pairs)
            return f"{type(self).__name__}({fields})"

    class _Maker(type):
        """Turns a class whose base is NamedTuple into one of plain tuples with named fields."""

        def __new__(cls, name: str, _bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
            made = type(name, (_Values,), {"__slots__": (), **namespace})
            fields = made._fields = made.__match_args__ = tuple(made.__annotations__)
            made._field_defaults = {
                field: namespace[field] for field in fields if field in namespace
            }
            for index, field in enumerate(fields):
                setattr(made, field, field_getter(index, f"Alias for field number {index}"))
            made.__new__ = _constructor(made, namespace["__module__"])
            return made

    def _constructor(made: type, module: str) -> FunctionType:
        """`__new__` with the class's fields as its arguments."""
        code = _constructor_code(len(made._fields))
        names = (code.co_varnames[0], *made._fields)
        function = FunctionType(
            code.replace(co_varnames=names, co_name="__new__"),
            _GLOBALS,
            "__new__",
            tuple(made._field_defaults.values()),
        )
        function.__qualname__ = f"{made.__qualname__}.__new__"
        function.__module__ = module
        return function

    @cache
    def _constructor_code(count: int) -> CodeType:
        """A constructor for `count` fields, whatever their names."""
        fields = "".join(f"field_{index}, " for index in range(count))
        return eval(f"lambda _cls, {fields}: make(_cls, ({fields}))").__code__  # noqa: S307 (ours)

    class _MakerBase:
        """What a class names as its base: `_Maker` takes its place, as in typing."""

        def __mro_entries__(self, _bases: tuple[Any, ...]) -> tuple[type, ...]:
            return (_BASE,)

    _GLOBALS = {"make": tuple.__new__}
    _BASE = type.__new__(_Maker, "NamedTuple", (), {})
    NamedTuple = _MakerBase()
