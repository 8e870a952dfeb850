"""The numbers that registers and memory held while straight code ran, as far as they are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from crashtool.services.analyze.bad_pointer.linear_forms import (
    Atom,
    LinearForm,
    LoadedValue,
    Narrow,
)

if TYPE_CHECKING:
    from crashtool.formats.variables.frame_view import FrameView

HALF = 4  # bytes of what is widened
MAX_DEPTH = 8  # loads by what was loaded


class KnownValues:
    """Solved from what registers hold at the end: `registers`, those that are as the code left
    them, whose forms are `forms`. `width` in bytes.
    """

    def __init__(
        self,
        forms: Mapping[str, LinearForm],
        registers: Iterable[str],
        view: FrameView,
        width: int,
    ) -> None:
        self.width = width
        self.mask = (1 << 8 * width) - 1
        self._view = view
        self._solved: dict[Atom, int] = {}
        for name in registers:
            form, content = forms.get(name), view.read_register(name)
            if form is None or content is None or len(content) != width or len(form.terms) != 1:
                continue
            atom, count = form.terms[0]
            if count == 1 and not isinstance(atom, Narrow):
                value = int.from_bytes(content, "little") - form.constant
                self._solved[atom] = value & self.mask

    def solve(self, form: LinearForm) -> int | None:
        """A value that registers alone give away; None for others."""
        total = form.constant
        for atom, count in form.terms:
            value = self._solved.get(atom)
            if value is None:
                return None
            total += count * value
        return total & self.mask

    def recall(self, form: LinearForm, depth: int = MAX_DEPTH) -> int | None:
        """A value by registers, or by memory as it is now, which may have changed since."""
        total = form.constant
        for atom, count in form.terms:
            value = self._recall_atom(atom, depth)
            if value is None:
                return None
            total += count * value
        return total & self.mask

    def _recall_atom(self, atom: Atom, depth: int) -> int | None:
        if atom in self._solved:
            return self._solved[atom]
        if isinstance(atom, Narrow):
            value = self._recall_atom(atom.whole, depth)
            if value is None:
                return None
            size = atom.whole.size if isinstance(atom.whole, LoadedValue) else HALF
            return _widen(value, min(size, HALF))
        if not isinstance(atom, LoadedValue) or not depth:
            return None
        return self.recall_memory(atom, depth)

    def recall_memory(self, atom: LoadedValue, depth: int = MAX_DEPTH) -> int | None:
        """What memory that was loaded from holds now; None where the dump does not have it."""
        address = self.recall(atom.address, depth - 1)
        content = None if address is None else self._view.read_memory(address, atom.size)
        return None if content is None else int.from_bytes(content, "little")


def _widen(value: int, size: int) -> int:
    """A number with its sign; one without a sign shows in what it does not add up to."""
    value &= (1 << 8 * size) - 1
    return value - (1 << 8 * size) if value >> 8 * size - 1 else value
