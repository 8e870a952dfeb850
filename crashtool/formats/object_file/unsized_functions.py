"""Functions by symbol tables that give no sizes: those of Mach-O, of COFF, and lists of exports."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator

from crashtool.formats.object_file.elf_symbols import ElfFunction, choose_name

MAX_ALIASES = 16
MAX_NAME_LENGTH = 1 << 14


class UnsizedFunctions:
    """Functions by address: each ends where the next begins, or with its section."""

    def __init__(
        self,
        rows: Iterable[tuple[int, int]],
        sections: list[range],
        read_name: Callable[[int], str],
    ) -> None:
        """`rows`: of each its first address and where its name is; both from the module's base, as
        the `sections` of code are. `read_name` gives the name at a place, "" for none.
        """
        self._rows = sorted(rows)
        self._starts = [start for start, _ in self._rows]
        self._sections = sections
        self._read_name = read_name

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, address: int) -> ElfFunction | None:
        """The function that an address lies in; the first of several names."""
        after = bisect_right(self._starts, address)
        section = next((span for span in self._sections if address in span), None)
        if section is None or not after or self._starts[after - 1] not in section:
            return None
        start = self._starts[after - 1]
        end = self._starts[after] if after < len(self._starts) else section.stop
        name = choose_name(self.list_names(start))
        return ElfFunction(start, min(end, section.stop) - start, name) if name else None

    def list_names(self, start: int) -> list[str]:
        """The names of the functions that begin at an address."""
        after = bisect_right(self._starts, start)
        rows = self._rows[max(0, after - MAX_ALIASES) : after]
        names = (self._read_name(offset) for own, offset in rows if own == start)
        return list(filter(None, names))

    def walk_functions(self) -> Iterator[ElfFunction]:
        """Each in the order of the addresses."""
        for start in dict.fromkeys(self._starts):
            if function := self.find(start):
                yield function
