"""A few attributes of many entries, read without the others: how is worked out once for a shape."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from struct import Struct
from typing import TypeAlias

from crashtool.formats.dwarf.constants import DW_FORM_indirect, DW_FORM_sdata
from crashtool.formats.dwarf.entries import LEB, MORE, Shape
from crashtool.formats.dwarf.forms import Cursor, Sizes, Value

Picked: TypeAlias = tuple[Value | None, ...]

CODES = {0: "", 1: "B", 2: "H", 4: "I", 8: "Q"}  # of struct, by the size of a number


def open_picker(shape: Shape, wanted: tuple[int, ...], sizes: Sizes) -> Picker:
    """What reads these attributes of entries of a shape, which is kept with the shape."""
    picker: Picker | None = shape.pickers.get(wanted)
    if picker is None:
        picker = shape.pickers[wanted] = Picker(shape, wanted, sizes)
    return picker


class Picker:
    """Reads the `wanted` attributes of entries of one shape, in that order; None without.

    `forms`: of each attribute the form that it has, 0 without. An attribute of an indirect form is
    as good as not there: no compiler makes those.
    """

    __slots__ = ("_fields", "_sizes", "forms", "read", "tag")

    def __init__(self, shape: Shape, wanted: tuple[int, ...], sizes: Sizes) -> None:
        slots = {attribute: slot for slot, attribute in enumerate(wanted)}
        self._sizes = sizes
        self.tag = shape.tag
        forms = [0] * len(wanted)
        last = 0
        self._fields: list[tuple[int, int, int, int]] = []
        for number, (attribute, form, implicit, step) in enumerate(shape.fields):
            slot = slots.get(attribute, -1)
            if slot >= 0 and form != DW_FORM_indirect:
                forms[slot] = form
                last = number + 1
            self._fields.append((slot, form, implicit, step))
        del self._fields[last:]
        self.forms = tuple(forms)
        self.read: Callable[[bytes, int], Picked] = self._compile(len(wanted)) or self._read

    def _compile(self, count: int) -> Callable[[bytes, int], Picked] | None:
        """How to read values that are all numbers of a known size at once."""
        layout = "<"
        places = [0] * count
        rest: list[Value | None] = []  # what is not in the bytes
        taken = 0
        for slot, _, implicit, step in self._fields:
            if step < 0:
                return None
            if slot >= 0 and step in CODES and step:
                layout += CODES[step]
                taken += 1
                places[slot] = taken
            elif slot >= 0 and step:
                return None
            elif slot >= 0:
                rest.append(implicit or 1)
                places[slot] = -len(rest)
            else:
                layout += f"{step}x"
        unpack = Struct(layout).unpack_from
        values = (None, *reversed(rest))
        # First stands None, then what was read, then what needs no reading, counted from the end.
        pick = itemgetter(*places) if count > 1 else None
        if pick is None:
            return None
        tail = values[1:]
        return lambda data, offset: pick((None, *unpack(data, offset), *tail))

    def _read(self, data: bytes, offset: int) -> Picked:
        values: list[Value | None] = [None] * len(self.forms)
        for slot, form, implicit, step in self._fields:
            if step > 0:
                if slot >= 0:
                    values[slot] = int.from_bytes(data[offset : offset + step], "little")
                offset += step
            elif step == LEB and form != DW_FORM_sdata and data[offset] < MORE:
                if slot >= 0:
                    values[slot] = data[offset]
                offset += 1
            else:
                cursor = Cursor(data, offset)
                value = cursor.form(form, self._sizes, implicit)
                if slot >= 0 and form != DW_FORM_indirect:
                    values[slot] = value
                offset = cursor.offset
        return tuple(values)
